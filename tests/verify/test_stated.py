"""Where an answer is stated, and what happens if it is stated twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.answers import exact
from darkhorse.verify.listing import list_items, listing
from darkhorse.verify.stated import Form, json_object, stated_answer, tagged
from darkhorse.verify.table import read_table, table
from judging import score


@pytest.mark.parametrize(
    ("text", "form", "answer"),
    [
        ("so \\boxed{7}", "any", "7"),
        ("<answer> 7 </answer>", "any", "7"),
        ("<solution>a, b</solution>", "any", "a, b"),
        ("7", "any", "7"),
        ("<answer>7</answer> or <answer>8</answer>", "any", None),
        ("<answer>7</answer> again <answer> 7 </answer>", "any", "7"),
        ("<answer>7", "any", None),
        ("a **yes** b **no, yes**.", "bold", "no, yes"),
        ("yes", "bold", None),
        ('{"reasoning": "x", "answer": "C"}', "json", "C"),
        ('Thus:\n```json\n{"answer": [1, 2]}\n```', "json", "[1, 2]"),
        ('{"answer": "A", "answer": "B"}', "json", None),
        ("first\n\n last \n", "last_line", "last"),
        ("7", "boxed", None),
        ("7", "tag", None),
    ],
)
def test_forms(text: str, form: Form, answer: str | None) -> None:
    assert stated_answer(text, form) == answer


def test_json_is_found_in_prose_and_must_be_sound() -> None:
    assert json_object('See {"a": {"b": 1}} there.') == {"a": {"b": 1}}
    assert json_object("<answer>[1]</answer>") == [1]
    assert json_object('{"a": 1, "a": 2}') is None
    assert json_object('{"a": NaN}') is None
    assert json_object("[" * 5000) is None
    assert json_object("none") is None


@given(
    st.text() | st.text(alphabet='<answer>/{}[]"`*\n\\boxed'),
    st.sampled_from(["any", "tag", "bold", "json", "last_line"]),
)
def test_any_text_has_one_or_none(text: str, form: Form) -> None:
    answer = stated_answer(text, form)
    assert answer is None or isinstance(answer, str)


@given(st.text(alphabet="ab c\n").map(str.strip))
def test_tags_hold_what_stands_in_them(content: str) -> None:
    assert tagged(f"x <answer>{content}</answer> y") == content


@pytest.mark.data
def test_livebench_answers_pass_in_the_forms_it_asks_for(data_dir: Path) -> None:
    def truths(task: str) -> list[str]:
        lines = (data_dir / f"livebench/{task}.jsonl").read_text().splitlines()
        return [json.loads(line)["ground_truth"] for line in lines]

    for gold in truths("reasoning__zebra_puzzle"):
        truth = {"answer": list_items(gold), "form": "tag"}
        assert score(listing, truth, f"Step by step.\n<solution>{gold}</solution>") == 1
        assert score(listing, truth, gold) == 0
    for gold in truths("reasoning__web_of_lies_v2"):
        assert score(listing, {"answer": list_items(gold), "form": "bold"}, f"**Thinking** ends: **{gold}**.") == 1
    for gold in truths("reasoning__spatial"):
        assert score(exact, {"answer": gold, "form": "bold"}, f"There are **{gold}** pieces.") == 1
    tables = [(gold, read_table(gold)) for gold in truths("data_analysis__tablereformat")]
    read = [(gold, found) for gold, found in tables if found is not None]
    assert len(read) == len(tables) - 1  # one is HTML
    for gold, found in read:
        assert score(table, {"header": found.header, "rows": found.rows}, f"```\n{gold}\n```") == 1
