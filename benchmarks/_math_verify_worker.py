"""Math-Verify as a peer: answers `{"pairs": [[gold, response], ...]}` with its scores and the seconds they took."""

from __future__ import annotations

import logging
import time

from math_verify import parse, verify

from _peers import Desk

LIMIT_S = 1


def score(gold: str, response: str) -> float:
    """1 if the library accepts the response; its own limits hold."""
    wanted = parse(f"${gold}$" if "$" not in gold and "boxed" not in gold else gold, parsing_timeout=LIMIT_S)
    found = parse(response, parsing_timeout=LIMIT_S)
    return float(verify(wanted, found, timeout_seconds=LIMIT_S))


def main() -> None:
    logging.disable(logging.CRITICAL)
    desk = Desk()
    score("1", r"\boxed{1}")
    for question in desk.questions():
        scores, seconds = [], []
        for gold, response in question["pairs"]:
            began = time.perf_counter()
            scores.append(score(gold, response))
            seconds.append(time.perf_counter() - began)
        desk.answer({"scores": scores, "seconds": seconds})


if __name__ == "__main__":
    main()
