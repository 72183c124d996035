"""The leaderboard's own execution and comparison of multi-turn calls, with ours on the same states, in one process.

Only the leaderboard's tools can be in its states, so ours runs here as well; it needs nothing but Python.
"""

from __future__ import annotations

import copy
import itertools
import sys
from pathlib import Path
from typing import Any

from _peers import Desk

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from bfcl_eval.eval_checker.multi_turn_eval import multi_turn_utils
from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker

from darkhorse.verify.state_match import Turn, public_state, state_match

RUN = itertools.count()


def turns_of(entry: dict[str, Any], calls: list[list[str]]) -> list[Turn]:
    """What the calls of each turn bring about."""
    name = f"run{next(RUN)}"
    turns = []
    for turn in calls:
        results, tools = multi_turn_utils.execute_multi_turn_func_call(
            turn, entry["initial_config"], entry["involved_classes"], name, entry["id"]
        )
        turns.append(Turn(copy.deepcopy(public_state(tools)), results))
    return turns


def verdicts(entry: dict[str, Any], calls: list[list[str]], wanted: list[Turn]) -> dict[str, Any]:
    """The public verdict, ours by the published rule, and ours for rewards."""
    steps = [[turn] if turn else [] for turn in calls]
    try:
        public = multi_turn_checker(steps, entry["ground_truth"], entry, entry["id"], f"run{next(RUN)}")["valid"]
    except AssertionError:
        public = False
    found = turns_of(entry, calls)
    published = state_match(found, wanted, typed=False)
    typed = state_match(found, wanted)
    return {"public": public, "published": published.score == 1, "typed": typed.score == 1, "reason": published.reason}


def main() -> None:
    desk = Desk()
    for question in desk.questions():
        entry = question["entry"]
        wanted = turns_of(entry, entry["ground_truth"])
        answers = [verdicts(entry, calls, wanted) for calls in question["answers"]]
        for name in [name for name in vars(multi_turn_utils) if name.startswith("run")]:
            delattr(multi_turn_utils, name)  # the leaderboard keeps every tool it ever made
        desk.answer({"verdicts": answers})


if __name__ == "__main__":
    main()
