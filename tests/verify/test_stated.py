"""Where an answer is stated, and what happens if it is stated twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.stated import Form, json_object, stated_answer, tagged


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
