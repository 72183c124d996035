"""The work of a mathematics worker process."""

from __future__ import annotations

from darkhorse.verify.math import algebra
from darkhorse.verify.math.ladder import check_gold, decide

algebra.warm_up()  # in the start of the process, which no deadline counts


def work(payload: dict[str, str]) -> dict[str, str]:
    """Compare `payload["gold"]` with `payload["answer"]`, or check the gold alone when there is no answer.

    Returns:
        A `ladder.Decision` as JSON.
    """
    if "answer" not in payload:
        return check_gold(payload["gold"], thorough=True).as_json()
    return decide(payload["gold"], payload["answer"], thorough=True).as_json()
