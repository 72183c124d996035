"""Are the training registry's combinations satisfiable, and does each rule have a near miss?

For each number of rules: the share of combinations let through by the table of clashes for which a text that obeys all
rules is written, the share of their rules for which a small edit fails that rule alone, how small the edit is, and the
time both take.
"""

from __future__ import annotations

import argparse
import difflib
import random
import statistics
import time
from pathlib import Path
from typing import Any

from _writing import write_json
from darkhorse.tasks.synthetic import composed, prose


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--combinations", type=int, default=500, help="for each number of rules")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"kinds": len(composed.MAKERS), "rules": {}}
    print(
        f"{len(composed.MAKERS)} kinds\n{'rules':>5} {'written':>9} {'near misses':>12} {'edited':>8} {'ms a task':>10}"
    )
    for count in range(1, 6):
        row = measure(count, arguments.combinations)
        figures["rules"][str(count)] = row
        print(
            f"{count:5} {row['written']:8}% {row['near_misses']:11}% {row['edited_characters']:8} "
            f"{row['milliseconds_a_task']:10}"
        )
    write_json(arguments.json, figures)


def measure(count: int, combinations: int) -> dict[str, Any]:
    """Figures of combinations of `count` rules; `edited_characters` is the median of those added and removed."""
    written = rules = missed = 0
    pairs: list[tuple[str, str]] = []
    started = time.perf_counter()
    for number in range(combinations):
        rng = random.Random(f"combination/{count}/{number}")
        wanted = [composed.MAKERS[kind](rng).rule for kind in composed.choose(rng, count)]
        text = composed.construct(rng, prose.choose_topic(rng), wanted)
        if text is None:
            continue
        found = composed.near_misses(rng, wanted, text)
        written, rules, missed = written + 1, rules + count, missed + len(found)
        pairs += [(text, other) for other in found.values()]
    spent = time.perf_counter() - started
    return {
        "written": round(100 * written / combinations, 1),
        "near_misses": round(100 * missed / rules, 1),
        "edited_characters": round(statistics.median(edited(*pair) for pair in pairs)),
        "milliseconds_a_task": round(1000 * spent / combinations, 1),
    }


def edited(text: str, other: str) -> int:
    """Characters added and removed between two texts."""
    blocks = difflib.SequenceMatcher(None, text, other, autojunk=False).get_matching_blocks()
    kept = sum(block.size for block in blocks)
    return len(text) + len(other) - 2 * kept


if __name__ == "__main__":
    main()
