"""Do the verifiers of LiveBench score as LiveBench's own functions?

Every question of the data gets its true answer and other questions' answers in some twenty forms, changed and spoilt
ones; the public functions and ours score them side by side. Language tasks, for which the folder may hold no data, get
questions made here. Instruction following is compared by `instruction_conformance.py`.

Run: python benchmarks/livebench_conformance.py --data FOLDER --json benchmarks/results/livebench_conformance.json
(the extra darkhorse[livebench] reads its tables; --every 50 takes a minute)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from _livebench_answers import answers
from _peers import HERE, Peer, checkout, environment
from _writing import write_json
from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.livebench import livebench
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Scored

ADDRESS, COMMIT = "https://github.com/LiveBench/LiveBench", "b0fb577be60ea5ba6e3e677a84af127c893af0ef"
PACKAGES = ("numpy", "pandas", "lxml", "sympy", "lark")
SHOWN = 60
WORDS = (
    "river", "mill", "lamp", "stone", "cloud", "bread", "violin", "anchor", "meadow", "copper", "ladder", "window",
    "pepper", "saddle", "marble", "feather",
)  # fmt: skip


def made_questions() -> list[dict[str, Any]]:
    """Questions of the language tasks, in LiveBench's shape."""
    rng = random.Random(0)
    rows: list[dict[str, Any]] = []
    for number in range(40):
        words = rng.sample(WORDS, 16)
        plot = ". ".join(f"The {one} meets the {other} at noon" for one, other in pairwise(words))
        about = {"category": "language", "turns": [""], "livebench_removal_date": ""}
        old = "2024-06-24" if number % 2 else "2024-11-25"
        rows += [
            {**about, "task": "connections", "ground_truth": ",".join(words[: 8 + 8 * (number % 2)]),
             "livebench_release_date": old},
            {**about, "task": "plot_unscrambling", "ground_truth": f"{plot}.", "livebench_release_date": old},
            {**about, "task": "typos", "ground_truth": f"{plot}.", "livebench_release_date": old},
        ]  # fmt: skip
    return rows


def truth_of(row: dict[str, Any]) -> dict[str, Any]:
    """The truth that the suite gives the verifier."""
    task = row.get("subtask") or row["task"]
    return {
        "task": task, "group": row["task"], "release": row["livebench_release_date"][:10],
        "ground_truth": row["ground_truth"],
    }  # fmt: skip


async def ours(row: dict[str, Any], texts: list[str]) -> list[float | None]:
    """Our scores; None where we abstain."""
    task = Task("question", ({"role": "user", "content": row["turns"][0]},), "livebench", truth_of(row))
    verdicts = [await livebench(task, Response("", text, True), Context()) for text in texts]
    return [verdict.score if isinstance(verdict, Scored) else None for verdict in verdicts]


def main() -> int:
    """Command line; the exit status says whether the two agree everywhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--livebench", type=Path, help="LiveBench's repository, where there is one already")
    parser.add_argument("--only", nargs="*", help="tasks to compare")
    parser.add_argument("--every", type=int, default=1, help="take one question in so many")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    source = options.livebench or checkout("livebench-source", ADDRESS, COMMIT)
    python = environment("livebench", PACKAGES)
    peer = Peer("livebench", [python, "-W", "ignore", str(HERE / "_livebench_peer.py"), str(source)])
    rows = [json.loads(line) for path in sorted((options.data / "livebench").glob("*.jsonl")) for line in path.open()]
    by_task: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in [*rows, *made_questions()]:
        if row["category"] != "instruction_following" and (not options.only or row["task"] in options.only):
            by_task[row["task"]].append(row)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    disagreements, begun = [], time.perf_counter()
    for task, questions in by_task.items():
        for number, row in enumerate(questions[:: options.every]):
            rng = random.Random(f"{task} {number}")
            texts = answers(row, [one for one in questions if one is not row], rng)
            if task == "AMPS_Hard":
                texts = texts[:: max(1, len(texts) // 12)]  # SymPy takes up to a minute on each there
            public = peer.ask({"row": row, "answers": texts})["scores"]
            for text, wanted, found in zip(texts, public, asyncio.run(ours(row, texts)), strict=True):
                counts[task]["answers"] += 1
                counts[task]["right"] += wanted > 0
                same = found is not None and abs(found - wanted) < 1e-9
                counts[task]["agree"] += same
                counts[task]["abstained"] += found is None
                if not same and sum(one["task"] == task for one in disagreements) < SHOWN:
                    gold = str(row["ground_truth"])[:200]
                    disagreements.append(
                        {"task": task, "gold": gold, "answer": text[:300], "public": wanted, "ours": found}
                    )
    peer.stop()
    total = Counter[str]()
    for one in counts.values():
        total.update(one)
    figures = {
        "peer": f"LiveBench {COMMIT[:12]}",
        "tasks": {task: dict(one) for task, one in counts.items()},
        "total": {**total, "agreement": total["agree"] / total["answers"]},
        "seconds": round(time.perf_counter() - begun, 1),
        "disagreements": disagreements,
    }
    print(f"{'task':24} {'answers':>8} {'right':>7} {'agree':>8} {'abstained':>9}")
    for task, one in [*counts.items(), ("all", total)]:
        print(f"{task:24} {one['answers']:8} {one['right']:7} {one['agree']:8} {one['abstained']:9}")
    write_json(options.json, figures)
    return 0 if total["agree"] == total["answers"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
