"""Agreement with the public checker of the Berkeley Function Calling Leaderboard, over its whole data, with mutations.

Each task of `bfcl-eval` with calls to judge by their syntax tree is answered by its allowed answers and by changed
ones, in the leaderboard's own syntax and in `<tool_call>` blocks; the public reader and checker judge them side by side
with the verifier `bfcl` in both modes.

Run: python benchmarks/bfcl_conformance.py --json benchmarks/results/bfcl_conformance.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _bfcl_mutations import as_python, as_tags, first_answer, mutations, python_variants, source_texts, source_variants
from _peers import HERE, Peer, environment
from _writing import write_json
from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.bfcl import bfcl
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Scored

PACKAGES = (
    "bfcl-eval==2026.3.23",
    "tree_sitter==0.21.3",
    "tree-sitter-java==0.21.0",
    "tree-sitter-javascript==0.21.4",
    "tenacity",
    "filelock",
    "mpmath",
    "python-dotenv",
    "tqdm",
)
CATEGORIES = {
    "simple_python": "simple",
    "simple_java": "simple",
    "simple_javascript": "simple",
    "multiple": "multiple",
    "parallel": "parallel",
    "parallel_multiple": "parallel_multiple",
    "live_simple": "simple",
    "live_multiple": "multiple",
    "live_parallel": "parallel",
    "live_parallel_multiple": "parallel_multiple",
    "irrelevance": "irrelevance",
    "live_irrelevance": "irrelevance",
    "live_relevance": "relevance",
}
SHOWN = 40  # disagreements written down


def entries(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The tasks of one file, with their possible answers."""
    category = CATEGORIES[name]
    language = name.removeprefix("simple_") if name.startswith("simple_") else "python"
    answers: dict[str, Any] = {}
    possible = folder / "possible_answer" / f"BFCL_v4_{name}.json"
    if possible.exists():
        answers = {row["id"]: row["ground_truth"] for row in map(json.loads, possible.read_text().splitlines())}
    for line in (folder / f"BFCL_v4_{name}.json").read_text().splitlines():
        row = json.loads(line)
        yield {
            "id": row["id"],
            "functions": row["function"],
            "ground_truth": answers.get(row["id"], []),
            "category": category,
            "language": language,
        }


def texts_of(entry: dict[str, Any], rng: random.Random) -> list[tuple[str, str]]:
    """Named answers to one task, each text once."""
    found: dict[str, str] = {}

    def add(name: str, text: str | None) -> None:
        if text is not None:
            found.setdefault(text, name)

    if entry["category"].endswith("relevance"):
        for name, text in unrelated(entry):
            add(name, text)
    elif entry["language"] == "python":
        for name, calls in mutations(entry, rng):
            add(name, as_python(calls))
            add(name, as_tags(calls))
        for name, text in python_variants(first_answer(entry)):
            add(name, text)
    else:
        for name, calls in mutations(entry, rng):
            for style in range(3):
                for form, text in source_texts(calls, entry, style).items():
                    add(f"{name} ({form})", text)
        for name, text in source_variants(first_answer(entry), entry):
            add(name, text)
    return [(name, text) for text, name in found.items()]


def unrelated(entry: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Answers with and without calls to a task that may need none."""
    yield "a refusal", "I cannot do that with the functions I have."
    yield "a number", "150"
    yield "an empty list", "[]"
    yield "a word in brackets", "[nothing]"
    yield "an empty block", "<tool_call>\n{}\n</tool_call>"
    yield "a broken block", '<tool_call>\n{"name": "f"\n</tool_call>'
    if not entry["functions"]:
        return
    function = entry["functions"][0]
    arguments = {name: sample(details) for name, details in function["parameters"]["properties"].items()}
    call = (function["name"], arguments)
    yield "a call", as_python([call])
    yield "a call in a block", as_tags([call])
    yield "two calls", as_python([call, call])
    yield "a call without arguments", f"[{function['name']}()]"
    yield "a call after prose", f"Let me see: {as_python([call])}"
    yield "a call cut off", as_python([call])[:-2]
    yield "an unknown call", "[unknown(a=1)]"


def sample(details: dict[str, Any]) -> Any:
    """A value of the type a schema names."""
    kind = details.get("type")
    if "enum" in details:
        return details["enum"][0]
    values: dict[Any, Any] = {"integer": 1, "float": 1.5, "boolean": True, "dict": {}, "string": "text", "any": "text"}
    if kind in ("array", "tuple"):
        return [sample(details.get("items", {}))]
    return values.get(kind, "text")


def ours(entry: dict[str, Any], texts: list[str], mode: str) -> list[str]:
    """Our verdicts, `right`, `wrong`, or `abstained`."""
    keys = ("functions", "ground_truth", "category", "language")
    task = Task(entry["id"], (), "bfcl", {**{key: entry[key] for key in keys}, "mode": mode})

    async def judge() -> list[str]:
        verdicts = []
        for text in texts:
            verdict = await bfcl(task, Response("", text, True), Context())
            verdicts.append(("right" if verdict.score else "wrong") if isinstance(verdict, Scored) else "abstained")
        return verdicts

    return asyncio.run(judge())


def main() -> int:
    """Command line; the exit status says whether the `compat` mode agrees everywhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="*", default=list(CATEGORIES), help="categories to compare")
    parser.add_argument("--every", type=int, default=1, help="take one task in so many")
    options = parser.parse_args()
    python = environment("bfcl", ["--no-deps", *PACKAGES])  # its pins are heavy: what its checker imports is enough
    peer = Peer("bfcl", [python, "-W", "ignore", str(HERE / "_bfcl_peer.py")])
    folder = next(Path(python).parents[1].glob("lib/python*/site-packages/bfcl_eval/data"))
    figures: dict[str, Any] = {"peer": PACKAGES[0], "categories": {}, "seconds": {}}
    disagreements, examples = [], []
    refused: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    spent = Counter[str]()
    for name in options.only:
        counts: Counter[str] = Counter()
        for entry in list(entries(folder, name))[:: options.every]:
            texts = texts_of(entry, random.Random(entry["id"]))
            plain = [text for _, text in texts]
            begun = time.perf_counter()
            public = peer.ask({"entry": entry, "texts": plain})["verdicts"]
            spent["public"] += time.perf_counter() - begun
            begun = time.perf_counter()
            compat = ours(entry, plain, "compat")
            spent["compat"] += time.perf_counter() - begun
            begun = time.perf_counter()
            reward = ours(entry, plain, "reward")
            spent["reward"] += time.perf_counter() - begun
            counts["tasks"] += 1
            for (change, text), theirs, same, strict in zip(texts, public, compat, reward, strict=True):
                right = theirs == "right"
                counts["answers"] += 1
                counts["public_right"] += right
                counts["crashes"] += theirs.startswith("crash")
                if (same == "right") == right:
                    counts["agree"] += 1
                elif len(disagreements) < SHOWN:
                    disagreements.append({"id": entry["id"], "change": change, "public": theirs})
                    print(f"{entry['id']}, {change}: the public checker says {theirs}: {text[:400]}")
                if strict == "abstained":
                    counts["reward_abstains"] += 1
                elif strict != theirs and right:
                    counts["reward_refuses"] += 1
                    refused[change] += 1
                elif strict == "right" and not right:
                    counts["reward_accepts"] += 1
                    accepted[change] += 1
                    if accepted[change] <= 2:
                        examples.append({"id": entry["id"], "change": change, "public": theirs})
                if change.startswith("first allowed"):
                    counts["first_allowed"] += 1
                    counts["first_allowed_public"] += right
                    counts["first_allowed_reward"] += strict == "right"
        figures["categories"][name] = dict(counts)
    peer.stop()
    total = Counter[str]()
    for counts_of in figures["categories"].values():
        total.update(counts_of)
    figures["total"] = {**total, "agreement": total["agree"] / total["answers"]}
    figures["seconds"] = {name: round(seconds, 2) for name, seconds in spent.items()}
    figures["disagreements"] = disagreements
    figures["accepted_by_reward_only"] = dict(accepted.most_common(60))
    figures["examples_accepted_by_reward_only"] = examples
    figures["refused_by_reward_only"] = dict(refused.most_common(60))
    print_table(figures)
    write_json(options.json, figures)
    return 0 if total["agree"] == total["answers"] else 1


def print_table(figures: dict[str, Any]) -> None:
    columns = (
        "tasks",
        "answers",
        "agree",
        "crashes",
        "public_right",
        "reward_refuses",
        "reward_accepts",
        "reward_abstains",
    )
    print(f"| category | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, counts in [*figures["categories"].items(), ("all", figures["total"])]:
        print(f"| {name} | {' | '.join(str(counts.get(column, 0)) for column in columns)} |")
    print(f"agreement {figures['total']['agreement']:.4%}; seconds {figures['seconds']}")


if __name__ == "__main__":
    raise SystemExit(main())
