"""Agreement with the leaderboard's multi-turn checker: states and results of true and changed calls.

Run: python benchmarks/bfcl_states.py --json benchmarks/results/bfcl_states.json
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _peers import HERE, Peer, environment
from _writing import write_json
from bfcl_conformance import PACKAGES

SETS = ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param")
_NUMBER = re.compile(r"(?<=[=(, ])\d+(?=[,)])")
_STRING = re.compile(r"'([^']+)'")

Calls = list[list[str]]


def changed(calls: Calls, rng: random.Random) -> Iterator[tuple[str, Calls]]:
    """Named answers: the true calls, and others."""
    yield "the true calls", calls
    full = [place for place, turn in enumerate(calls) if turn]
    yield "no call at all", [[] for _ in calls]
    yield "a turn less", [*calls[:-1], []]
    yield "a turn more", [*calls[:-1], [*calls[-1], *calls[full[0]]]]
    yield "twice each", [[call for one in turn for call in (one, one)] for turn in calls]
    yield "an unknown call", [[*turn, "no_such_tool(a=1)"] for turn in calls]
    yield "in reverse", [turn[::-1] for turn in calls]
    for name, pattern, text in (
        ("another number", _NUMBER, "7"),
        ("another string", _STRING, "'other'"),
        ("a number as text", _NUMBER, "'7'"),
    ):
        for _ in range(2):
            turn = rng.choice(full)
            place = rng.randrange(len(calls[turn]))
            call = pattern.sub(text, calls[turn][place], count=1)
            yield name, _with(calls, turn, place, [call])
    for _ in range(2):
        turn = rng.choice(full)
        yield "a call less", _with(calls, turn, rng.randrange(len(calls[turn])), [])
    turn = rng.choice(full)
    yield (
        "everything in one turn",
        [[call for one in calls for call in one] if p == turn else [] for p in range(len(calls))],
    )


def _with(calls: Calls, turn: int, place: int, new: list[str]) -> Calls:
    old = calls[turn]
    return [[*old[:place], *new, *old[place + 1 :]] if p == turn else one for p, one in enumerate(calls)]


def main() -> int:
    """Command line; the exit status says whether the two agree everywhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take one task in so many")
    options = parser.parse_args()
    python = environment("bfcl", ["--no-deps", *PACKAGES])
    peer = Peer("bfcl_states", [python, "-W", "ignore", str(HERE / "_bfcl_turns_peer.py")])
    folder = next(Path(python).parents[1].glob("lib/python*/site-packages/bfcl_eval/data"))
    figures: dict[str, Any] = {"peer": PACKAGES[0], "sets": {}}
    disagreements = []
    begun = time.perf_counter()
    for name in SETS:
        counts: Counter[str] = Counter()
        answers = [json.loads(line) for line in (folder / f"possible_answer/BFCL_v4_{name}.json").open()]
        truths = {row["id"]: row["ground_truth"] for row in answers}
        for line in (folder / f"BFCL_v4_{name}.json").read_text().splitlines()[:: options.every]:
            row = json.loads(line)
            entry = {key: row[key] for key in ("id", "initial_config", "involved_classes")}
            entry["ground_truth"] = truths[row["id"]]
            named = list(changed(entry["ground_truth"], random.Random(row["id"])))
            verdicts = peer.ask({"entry": entry, "answers": [calls for _, calls in named]})["verdicts"]
            counts["tasks"] += 1
            for (change, _), verdict in zip(named, verdicts, strict=True):
                counts["answers"] += 1
                counts["public_right"] += verdict["public"]
                counts["agree"] += verdict["public"] == verdict["published"]
                counts["reward_refuses"] += verdict["public"] and not verdict["typed"]
                counts["reward_accepts"] += verdict["typed"] and not verdict["public"]
                counts["true_calls_right"] += change == "the true calls" and verdict["typed"]
                if verdict["public"] != verdict["published"]:
                    disagreements.append({"id": row["id"], "change": change, **verdict})
        figures["sets"][name] = dict(counts)
    peer.stop()
    total = Counter[str]()
    for counts_of in figures["sets"].values():
        total.update(counts_of)
    figures["total"] = {**total, "agreement": total["agree"] / total["answers"]}
    figures["seconds"] = round(time.perf_counter() - begun, 1)
    figures["disagreements"] = disagreements[:20]
    columns = ("tasks", "answers", "public_right", "agree", "true_calls_right", "reward_refuses", "reward_accepts")
    print(f"| set | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, counts in [*figures["sets"].items(), ("all", figures["total"])]:
        print(f"| {name} | {' | '.join(str(counts.get(column, 0)) for column in columns)} |")
    write_json(options.json, figures)
    return 0 if total["agree"] == total["answers"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
