"""Do the `compat` checks of IFEval and IFBench decide as the published ones?

Every row of the benchmarks' data gets a score of responses: attempts at following it, near misses, other languages,
truncations, framings, and a model's responses where a file has some. The published checkers (IFEval's as EleutherAI's
harness carries them, IFBench's from its repository) judge them in an environment of their own with NLTK's data and a
seeded langdetect; ours judge them there too, and once more here without either library. The last column is no test: it
says how often the corrected checks for rewards decide as the published ones.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from _instruction_responses import responses
from _peers import HERE, Peer, environment
from _writing import write_json

IFBENCH = "ifbench @ git+https://github.com/allenai/IFBench@db69a6f05689830b0068b8f1529ebcfd2f3b164c"
PACKAGES = (
    "--no-deps",
    *("lm-eval==0.4.13", "llama-index-core==0.14.25", "nltk==3.9.1", "langdetect==1.0.9", "emoji==2.16.0"),
    *("syllapy==0.8.0", "immutabledict", "absl-py", "pydantic==2.14.3", "pydantic-core==2.50.4", "annotated-types"),
    *("typing-extensions", "typing-inspection", "regex", "click", "joblib", "tqdm", "six", "packaging", "setuptools"),
)
OURS = ("same libraries", "no libraries", "reward")
SETS = {"ifeval": "qwq_eval/ifeval.jsonl", "ifbench": "ifbench/IFBench_test.jsonl"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--ifbench", default=IFBENCH, help="what pip installs as IFBench's checkers")
    parser.add_argument(
        "--responses", type=Path, help="JSONL of {prompt, response}: a model's, tried on all rows in turn"
    )
    parser.add_argument("--rows", type=int, nargs=2, default=(0, 1000), metavar=("FROM", "TO"), help="part of each set")
    parser.add_argument("--show", type=int, default=0, help="disagreements printed for each instruction type")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    python = environment("instruction-peers", (*PACKAGES, arguments.ifbench))
    worker = str(HERE / "_instruction_worker.py")
    systems = {
        "published": Peer("instructions-published", [python, worker, "published"]),
        "same libraries": Peer("instructions-compat", [python, worker, "compat"]),
        "no libraries": Peer("instructions-alone", [sys.executable, worker, "compat"]),
        "reward": Peer("instructions-reward", [sys.executable, worker, "reward"]),
    }
    lines = arguments.responses.read_text().splitlines() if arguments.responses else []
    written = {row["prompt"]: row["response"] for row in map(json.loads, lines)}
    others = list(written.values())
    figures: dict[str, Any] = {"model_responses": len(others)}
    started = time.perf_counter()
    try:
        for benchmark, file in SETS.items():
            rows = [json.loads(line) for line in (arguments.data / file).read_text().splitlines()]
            tally = Tally(arguments.show)
            seconds: dict[str, float] = defaultdict(float)
            for index, row in list(enumerate(rows))[slice(*arguments.rows)]:
                model = [written.get(row["prompt"], ""), *others[index % len(others) :][:2]] if others else []
                tried = list(dict.fromkeys([*responses(row, index), *model]))
                question = {"benchmark": benchmark, "row": row, "responses": tried}
                answers = {name: system.ask(question) for name, system in systems.items()}
                for name, answer in answers.items():
                    seconds[name] += answer["seconds"]
                tally.add(row, tried, {name: answer["outcomes"] for name, answer in answers.items()})
            figures[benchmark] = tally.figures()
            count = figures[benchmark]["instructions"]["verdicts"]
            figures[benchmark]["microseconds_a_verdict"] = {
                name.replace(" ", "_"): round(1e6 * spent / count) for name, spent in seconds.items()
            }
            report(benchmark, figures[benchmark])
    finally:
        for system in systems.values():
            system.stop()
    figures["seconds"] = round(time.perf_counter() - started)
    write_json(arguments.json, figures)


class Tally:
    """Counts of verdicts and of agreement.

    Args:
        show: disagreements printed for each instruction type.
    """

    def __init__(self, show: int) -> None:
        self._show = show
        self._shown: dict[str, int] = defaultdict(int)
        self._types: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._prompts: dict[str, int] = defaultdict(int)

    def add(
        self, row: dict[str, Any], tried: list[str], answers: dict[str, list[dict[str, list[bool | None]]]]
    ) -> None:
        """Count what the systems say of a row's responses."""
        for place, response in enumerate(tried):
            for mode in ("strict", "loose"):
                published = answers["published"][place][mode]
                for position, name in enumerate(row["instruction_id_list"]):
                    right = published[position]
                    counts = self._types[name]
                    counts["raised" if right is None else "verdicts"] += 1
                    counts["followed"] += right is True
                    for system in OURS:
                        same = right is not None and answers[system][place][mode][position] == right
                        counts[system] += same
                        if not same and right is not None and system != "reward":
                            self._print(
                                f"{name} ({mode}, {system}): published {right}", row["kwargs"][position], response
                            )
                if None not in published:
                    self._prompts["verdicts"] += 1
                    for system in OURS:
                        self._prompts[system] += all(answers[system][place][mode]) == all(published)

    def _print(self, what: str, kwargs: dict[str, Any], response: str) -> None:
        self._shown[what] += 1
        if self._shown[what] <= self._show:
            given = {key: value for key, value in kwargs.items() if value is not None}
            print(f"{what}\n    {str(given)[:200]}\n    {response[:400]!r}")

    def figures(self) -> dict[str, Any]:
        """Agreement in percent, by type and in all."""
        total: dict[str, int] = defaultdict(int)
        for counts in self._types.values():
            for key, value in counts.items():
                total[key] += value
        return {
            "instructions": _shares(total),
            "prompts": _shares(self._prompts),
            "types": {name: _shares(counts) for name, counts in sorted(self._types.items())},
        }


def _shares(counts: dict[str, int]) -> dict[str, Any]:
    verdicts = counts["verdicts"]
    shares = {
        system.replace(" ", "_"): round(100 * counts[system] / verdicts, 3) if verdicts else None for system in OURS
    }
    optional = {key: counts[key] for key in ("followed", "raised") if key in counts}
    return {"verdicts": verdicts, **optional, **shares}


def report(benchmark: str, figures: dict[str, Any]) -> None:
    """Print a benchmark's table."""
    columns = [system.replace(" ", "_") for system in OURS]
    print(f"\n{benchmark:44} {'verdicts':>9} {'followed':>9} {'raised':>7}", *(f"{name:>15}" for name in OURS))
    rows = {"all instructions": figures["instructions"], "all prompts": figures["prompts"], **figures["types"]}
    for name, row in rows.items():
        shares = ("" if row[column] is None else f"{row[column]}%" for column in columns)
        counts = f"{row['verdicts']:9} {row.get('followed', '')!s:>9} {row.get('raised', '')!s:>7}"
        print(f"{name:44} {counts}", *(f"{share:>15}" for share in shares))
    print("microseconds a verdict:", figures["microseconds_a_verdict"])


if __name__ == "__main__":
    main()
