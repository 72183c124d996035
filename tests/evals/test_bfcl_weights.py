from __future__ import annotations

import pytest

from darkhorse.evals.suites import PUBLISHED


def test_categories_weigh_as_on_the_leaderboard() -> None:
    weights = PUBLISHED["bfcl"].weights
    assert weights is not None
    simple = ["simple_python", "simple_java", "simple_javascript"]
    names = [*simple, "multiple", "parallel", "parallel_multiple", "irrelevance"]
    found = weights(
        [
            *(f"non_live/{name}" for name in names),
            "live/live_simple",
            "live/live_multiple",
            "multi_turn/multi_turn_base",
        ]
    )
    assert sum(found.values()) == pytest.approx(1)
    assert found["non_live/multiple"] == pytest.approx(1 / 15)
    assert found["non_live/simple_java"] == pytest.approx(1 / 45)
    assert found["multi_turn/multi_turn_base"] == pytest.approx(1 / 3)
    assert found["live/live_multiple"] / found["live/live_simple"] == pytest.approx(1053 / 258)
