"""Grids of logic puzzles in JSON and Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.verdict import Abstained
from darkhorse.verify.zebra import read_grid, zebra
from judging import judge, score

TRUTH = {"header": ["House", "Name", "Food"], "rows": [["1", "Bob", "stir fry"], ["2", "Eric", "pizza"]]}
HOUSES = {"House 1": {"Name": "Bob", "Food": "Stir Fry"}, "House 2": {"Name": "Eric", "Food": "pizza"}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (json.dumps({"reasoning": "...", "solution": HOUSES}), 1),
        (f"So:\n```json\n{json.dumps(HOUSES)}\n```", 1),
        (json.dumps({"2": HOUSES["House 2"], "1": HOUSES["House 1"]}), 1),
        (json.dumps(TRUTH), 1),
        (json.dumps([{"House": 1, **HOUSES["House 1"]}, {"House": 2, **HOUSES["House 2"]}]), 1),
        ("| House | Food | Name |\n|---|---|---|\n| 1 | stir fry | Bob |\n| 2 | pizza | Eric |", 1),
        (json.dumps({**HOUSES, "House 2": {"Name": "Eric", "Food": "stew"}}), 0),
        (json.dumps({**HOUSES, "House 2": {"Name": "Eric", "Food": ["pizza", "stew"]}}), 0),
        (json.dumps({**HOUSES, "House 3": {"Name": "Al", "Food": "stew"}}), 0),
        (json.dumps({"House 1": HOUSES["House 1"]}), 0),
        ('{"House 1": {"Name": "Al"}, "House 1": {"Name": "Bob"}}', 0),
        (json.dumps({"House 1": HOUSES["House 1"], "1": HOUSES["House 1"]}), 0),
        ("Bob eats stir fry in house 1.", 0),
        ("{}", 0),
        ("[]", 0),
    ],
)
def test_grids(answer: str, expected: int) -> None:
    assert score(zebra, TRUTH, answer) == expected


def test_the_share_of_cells_is_a_detail_or_the_score() -> None:
    answer = json.dumps({**HOUSES, "House 2": {"Name": "Eric", "Food": "stew"}})
    verdict = judge(zebra, TRUTH, answer)
    assert verdict.detail == {"cells": 0.75}
    assert score(zebra, {**TRUTH, "scoring": "cells"}, answer) == 0.75


@pytest.mark.parametrize(
    "changes",
    [
        {"header": ["Name", "Food"]},
        {"rows": []},
        {"rows": [["1", "Bob"]]},
        {"rows": [["1", "a", "b"], ["1", "c", "d"]]},
        {"rows": [["x", "a", "b"]]},
    ],
)
def test_malformed_truths_abstain(changes: dict[str, Any]) -> None:
    assert isinstance(judge(zebra, {**TRUTH, **changes}, "{}"), Abstained)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["House 1", "1", "solution", "Name", "header", "rows"]), inner)
    ),
    max_leaves=10,
)


@given(st.text() | JSON.map(json.dumps))
def test_any_answer_is_scored(answer: str) -> None:
    assert 0 <= score(zebra, {**TRUTH, "scoring": "cells"}, answer) <= 1
    read_grid(answer)


@pytest.mark.data
def test_solutions_of_zebralogic_pass_and_changed_ones_do_not(data_dir: Path) -> None:
    for puzzle in json.loads((data_dir / "zebra_logic/zebra_logic_1000.json").read_text()):
        header, rows = puzzle["solution"]["header"], puzzle["solution"]["rows"]
        grid = {f"House {row[0]}": dict(zip(header[1:], row[1:], strict=True)) for row in rows}
        assert score(zebra, puzzle["solution"], json.dumps({"solution": grid})) == 1
        first, *_, last = grid
        grid[first], grid[last] = grid[last], grid[first]
        assert score(zebra, puzzle["solution"], json.dumps({"solution": grid})) == 0
