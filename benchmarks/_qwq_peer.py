"""QwQ's mathematics grader, from its repository; run by `conformance.py`.

Its comparison evaluates what it reads and may hang: each runs under an alarm here, as it does there.
"""

from __future__ import annotations

import signal
import sys
import types
from typing import Any

from _peers import Desk

sys.modules["numpy"] = types.ModuleType("numpy")  # imported beside the grader, to seed it for something else
sys.path.insert(0, sys.argv[1])

from math_opensource_utils.grader import math_equal  # noqa: E402
from math_opensource_utils.parser import choice_answer_clean, extract_answer, strip_string  # noqa: E402

LIMIT_S = 5
CHOICES = "ABCDE"


class _Late(Exception):
    pass


def _late(*_: Any) -> None:
    raise _Late


def verdict(gold: str, response: str) -> bool:
    """Whether the grader accepts a response; a comparison that is late or raises is a no, as in its script."""
    signal.alarm(LIMIT_S)
    try:
        found, wanted = strip_string(extract_answer(response, "math")), strip_string(gold)
        if wanted and wanted in CHOICES and len(wanted) == 1 and found not in list(CHOICES):
            found = choice_answer_clean(found)
        elif set(wanted) <= set(CHOICES) and not set(found) <= set(CHOICES):
            found = "".join(letter for letter in found if letter in CHOICES)
        return bool(math_equal(found, wanted))
    except Exception:
        return False
    finally:
        signal.alarm(0)


def main() -> None:
    signal.signal(signal.SIGALRM, _late)
    desk = Desk()
    for question in desk.questions():
        desk.answer({"verdicts": [verdict(gold, response) for gold, response in question["pairs"]]})


if __name__ == "__main__":
    main()
