"""Judges responses by the published checkers or by ours; run by `instruction_conformance.py`."""

from __future__ import annotations

import random
import sys
import time
import types
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _peers import Desk

Judge = Callable[[dict[str, Any], str], list[bool | None]]


def main(system: str) -> None:
    """Answer questions {row, benchmark, responses} with the outcomes of each response, strict and loose.

    Args:
        system: `published`, or the mode of ours.
    """
    _offline()
    judges = _published() if system == "published" else _ours(system)
    desk = Desk()
    for question in desk.questions():
        judge = judges[question["benchmark"]]
        started = time.perf_counter()
        outcomes = [
            {mode: judge(question["row"], response, mode == "loose") for mode in ("strict", "loose")}
            for response in question["responses"]
        ]
        desk.answer({"outcomes": outcomes, "seconds": time.perf_counter() - started})


def _offline() -> None:
    """NLTK's data as llama-index-core brings it, no downloads, and a language detector that always says the same."""
    try:
        import langdetect
        import nltk
    except ImportError:
        return

    for package in find_spec("llama_index").submodule_search_locations:
        nltk.data.path.insert(0, str(Path(package) / "core" / "_static" / "nltk_cache"))
    nltk.download = lambda *args, **kwargs: False
    langdetect.DetectorFactory.seed = 0


def _published() -> dict[str, Any]:
    folder = Path(next(iter(find_spec("lm_eval").submodule_search_locations)))
    for name in ("lm_eval", "lm_eval.tasks", "lm_eval.tasks.ifeval"):  # spares importing the whole harness
        package = types.ModuleType(name)
        package.__path__ = [str(folder.parent / name.replace(".", "/"))]
        sys.modules[name] = package
    from ifbench import instructions_registry as ifbench
    from lm_eval.tasks.ifeval import instructions_registry as ifeval

    def judge(registry: dict[str, Any]) -> Any:
        def outcomes(row: dict[str, Any], response: str, loose: bool) -> list[bool | None]:
            texts = _versions(response) if loose else [response]
            return [_follows(registry[name], name, kwargs, texts) for name, kwargs in _pairs(row)]

        return outcomes

    return {"ifeval": judge(ifeval.INSTRUCTION_DICT), "ifbench": judge(ifbench.INSTRUCTION_DICT)}


def _pairs(row: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(zip(row["instruction_id_list"], row["kwargs"], strict=True))


def _follows(checker: Any, name: str, kwargs: dict[str, Any], texts: list[str]) -> bool | None:
    """As the published evaluation does; None where it raises."""
    instruction = checker(name)
    try:
        random.seed(0)
        instruction.build_description(**{key: value for key, value in kwargs.items() if value is not None})
        if name == "keywords:letter_frequency":
            # The harness puts a random letter in the place of a mark; the original counts the mark.
            instruction._letter = kwargs["letter"].strip().lower()
        return any(text.strip() != "" and bool(instruction.check_following(text)) for text in texts)
    except (LookupError, ValueError, TypeError, AttributeError, StopIteration):
        return None


def _versions(response: str) -> list[str]:
    lines = response.split("\n")
    cut = [response, "\n".join(lines[1:]).strip(), "\n".join(lines[:-1]).strip(), "\n".join(lines[1:-1]).strip()]
    return cut + [text.replace("*", "") for text in cut]


def _ours(mode: str) -> dict[str, Any]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
    from darkhorse.verify.instructions import published

    def judge(instructions: Any) -> Any:
        def outcomes(row: dict[str, Any], response: str, loose: bool) -> list[bool]:
            names, kwargs = zip(*_pairs(row), strict=True)
            checks = published.bind(instructions, names, kwargs, mode, row["prompt"])
            return published.followed(checks, response, loose)

        return outcomes

    return {"ifeval": judge(published.IFEVAL), "ifbench": judge(published.IFBENCH)}


if __name__ == "__main__":
    main(sys.argv[1])
