"""Tables in Markdown, CSV, TSV and JSON, cell by cell."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.table import read_table, table
from darkhorse.verify.verdict import Abstained
from judging import judge, score

TRUTH = {"header": ["Name", "Age"], "rows": [["Ann", 30], ["Bob", 4.5]]}
MARKDOWN = "| Name | Age |\n|---|---:|\n| Ann | 30 |\n| **Bob** | 4.50 |"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (MARKDOWN, 1),
        (f"Here it is:\n\n{MARKDOWN}\n\nDone.", 1),
        ("Age | Name\n--- | ---\n30 | ann\n4.5 | bob", 1),
        ("```csv\nName,Age\nAnn,30\nBob,4.5\n```", 1),
        ("Name\tAge\nAnn\t30\nBob\t4.5", 1),
        ('[{"Name": "Ann", "Age": 30}, {"Age": 4.5, "Name": "Bob"}]', 1),
        ('{"1": {"Name": "Ann", "Age": 30}, "7": {"Name": "Bob", "Age": 4.5}}', 1),
        ('{"Name": "Ann", "Age": 30}\n{"Name": "Bob", "Age": 4.5}', 1),
        ('[["Name", "Age"], ["Ann", 30], ["Bob", 4.5]]', 1),
        ("Name,Age\nBob,4.5\nAnn,30", 0),
        ("Name,Age\nAnn,31\nBob,4.5", 0),
        ("Name,Age\nAnn,30", 0),
        ("Name,Years\nAnn,30\nBob,4.5", 0),
        ("Name,Age,Age\nAnn,30,30\nBob,4.5,4.5", 0),
        ("Name,Age\nAnn\nBob,4.5", 0),
        ("", 0),
        ("no table", 0),
    ],
)
def test_tables(answer: str, expected: int) -> None:
    assert score(table, TRUTH, answer) == expected


def test_rows_in_any_order_are_matched_one_to_one() -> None:
    truth = {**TRUTH, "ordered": False}
    assert score(table, truth, "Name,Age\nBob,4.5\nAnn,30") == 1
    assert score(table, truth, "Name,Age\nBob,4.5\nBob,4.5") == 0
    near = {"header": ["v", "w"], "rows": [[10, 1], [10.5, 1]], "ordered": False, "tolerance": 0.06}
    assert score(table, near, "v,w\n10.5,1\n9.9,1") == 1


def test_a_layout_can_be_asked_for() -> None:
    assert score(table, {**TRUTH, "layout": "json"}, MARKDOWN) == 0
    assert score(table, {**TRUTH, "layout": "markdown"}, MARKDOWN) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"header": []},
        {"header": ["a", "A "]},
        {"rows": [["x"]]},
        {"rows": None},
        {"layout": "html"},
        {"ordered": False, "rows": [["a", 1]] * 201},
    ],
)
def test_malformed_truths_abstain(changes: dict[str, Any]) -> None:
    assert isinstance(judge(table, {**TRUTH, **changes}, MARKDOWN), Abstained)


WORDS = st.text(alphabet='abcxyz,"| 0123456789.', min_size=1).filter(lambda text: text.strip(' "').strip() == text)


@given(st.lists(WORDS, min_size=2, max_size=4, unique_by=lambda name: name.casefold()), st.data())
def test_a_table_is_itself_in_every_layout(header: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(WORDS, min_size=len(header), max_size=len(header)), min_size=1, max_size=4))
    truth = {"header": header, "rows": rows}
    if isinstance(judge(table, truth, ""), Abstained):
        return  # two names that differ in marks alone
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    assert score(table, {**truth, "layout": "csv"}, text.getvalue()) == 1
    records = [dict(zip(header, row, strict=True)) for row in rows]
    assert score(table, truth, json.dumps(records)) == 1
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in [header, *rows]]
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    assert (
        score(table, {**truth, "layout": "markdown"}, "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]]))
        == 1
    )


@given(st.text() | st.text(alphabet='|-:\n,ab"{}[]'))
def test_any_answer_is_scored(answer: str) -> None:
    assert score(table, TRUTH, answer) in (0, 1)
    read_table(answer)
