from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.chat.reasoning import Response
from darkhorse.errors import UserError
from darkhorse.tasks.task import Task
from darkhorse.verify.livebench import livebench
from darkhorse.verify.livebench.boxes import edit_distance, last_box
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored

CHOICES = r"Which? $\textbf{(A)} 12\qquad\textbf{(B)} 34\qquad\textbf{(C)} 56$"
CSV_TO_JSON = "Please convert the Input Table from CSV format to JSON format. Please respond only with the table."
JSON_TO_CSV = "Please convert the Input Table from JSON format to CSV format. Please respond only with the table."
TABLE = json.dumps({"0": {"a": 1, "b": "x"}, "1": {"a": 2.5, "b": "y"}})


def _judge(answer: str, question: str = "", **truth: Any) -> Any:
    task = Task("t", ({"role": "user", "content": question},), "livebench", truth)
    return asyncio.run(livebench(task, Response("", answer, True), Context()))


CASES = [
    ("amc_10a", "B", CHOICES, "so BBBBB", 1.0),
    ("amc_10a", "B", CHOICES, "<solution>B</solution>", 1.0),
    ("amc_10a", "B", CHOICES, "it is \\boxed{\\text{B}}", 1.0),
    ("amc_10a", "B", CHOICES, "the value is 34", 1.0),
    ("amc_10a", "B", CHOICES, "34, or rather 56, as we have seen before in this text", 0.0),
    ("amc_10a", "B", CHOICES, "hence\n(B) it is", 1.0),
    ("aime_i_2024", "025", "", "the answer is 025", 1.0),
    ("aime_i_2024", "025", "", "025 " + "is what I said long ago " * 3, 0.0),
    ("usamo", "1,2,3,4", "", "Answer: 1, 2, 3, 4", 1.0),
    ("usamo", "1,2,3,4", "", "Answer: 1, 2, 4", 0.75),
    ("usamo", "1,2,3,4", "", "\\boxed{1,2,3,4,5}", 0.8),
    ("spatial", "3", "", "It is **three**", 1.0),
    ("spatial", "tetrahedra", "", "**two tetrahedra**", 1.0),
    ("spatial", "3", "", "**3** **4** **5** **6**", 0.0),
    ("web_of_lies_v2", "no, yes, yes", "", "**no**, **yes**, **yes**", 1.0),
    ("web_of_lies_v2", "no, yes, yes", "", "So: no, yes, yes", 1.0),
    ("web_of_lies_v2", "no, yes, yes", "", "**no, yes, no**", 0.0),
    ("cta", "primary_type", "", "The class is: Primary_Type.", 1.0),
    ("cta", "primary_type", "", "primary_type, I think", 0.0),
    ("tablejoin", "{'a': 'x', 'b': 'y'}", "", "```python\n{'a': 'x', 'b': 'y'}\n```", 1.0),
    ("tablejoin", "{'a': 'x', 'b': 'y'}", "", '{"a": "x", "c": null}', 0.67),
    ("tablejoin", "{'a': 'x', 'b': 'y'}", "", "{'a': __import__('os').getpid()}", 0.0),
    ("typos", "It was late.", "", "<solution>It was late.</solution>", 1.0),
    ("typos", "It was late.", "", "It was lat.", 0.0),
    ("plot_unscrambling", "One came. Two went.", "", "<PLOT_SUMMARY>Two went. One came.</PLOT_SUMMARY>", 0.0),
    ("plot_unscrambling", "One came. Two went.", "", "<PLOT_SUMMARY>One came. Two went.</PLOT_SUMMARY>", 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("task", "gold", "question", "answer", "score"), CASES)
def test_scores_are_the_published_ones(task: str, gold: str, question: str, answer: str, score: float) -> None:
    verdict = _judge(answer, question, task=task, group=task, release="2024-06-24", ground_truth=gold)
    assert isinstance(verdict, Scored) and verdict.score == pytest.approx(score)


@pytest.mark.parametrize(("release", "score"), [("2024-06-24", 0.0), ("2024-11-25", 0.25)])
def test_rules_changed_with_a_release(release: str, score: float) -> None:
    answer = "<solution>red, dog</solution>"
    assert _judge(answer, task="zebra_puzzle", release=release, ground_truth="red,cat").score == score


def test_groups_of_words_may_stand_in_any_order() -> None:
    gold = "a,b,c,d,e,f,g,h"
    new = {"task": "connections", "release": "2024-11-25", "ground_truth": gold}
    assert _judge("<solution>h,g,f,e,d,c,b,a</solution>", **new).score == 1.0
    assert _judge("<solution>a,b,c,d,e,f,g,x</solution>", **new).score == 0.5
    assert _judge("**h,g,f,e,d,c,b,a**", **{**new, "release": "2024-06-24"}).score == 1.0


def test_tables_are_compared_as_tables() -> None:
    pytest.importorskip("pandas")
    as_json = {"task": "tablereformat", "release": "2024-06-24", "ground_truth": TABLE}
    assert _judge(f"```json\n{TABLE}\n```", CSV_TO_JSON, **as_json).score == 1.0
    assert _judge(TABLE.replace("2.5", "2.6"), CSV_TO_JSON, **as_json).score == 0.0
    as_csv = {"task": "tablereformat", "release": "2024-06-24", "ground_truth": "a,b\n1,x\n2.5,y\n"}
    assert _judge("Here it is:\na,b\n1,x\n2.50,y\n", JSON_TO_CSV, **as_csv).score == 1.0
    assert _judge("a,b\n1,x\n", JSON_TO_CSV, **as_csv).score == 0.0


def test_expressions_are_compared_by_the_mathematics_verifier() -> None:
    truth = {"task": "amps_hard_gcd", "group": "AMPS_Hard", "release": "2024-08-31", "ground_truth": "4 i \\sqrt{5}"}
    assert _judge("So \\boxed{4i\\sqrt{5}}", **truth).score == 1.0
    assert _judge("So \\boxed{4\\sqrt{5}}", **truth).score == 0.0
    assert _judge("no box, $x = 4 i \\sqrt{5}$", **truth).score == 1.0


def test_instructions_give_half_for_all_and_half_for_their_share() -> None:
    truth = {
        "task": "instruction_following",
        "release": "2024-11-25",
        "instruction_id_list": ["punctuation:no_comma", "keywords:existence"],
        "kwargs": [{}, {"keywords": ["sun"]}],
    }
    assert _judge("the sun is up", **truth).score == 1.0
    assert _judge("the moon is up", **truth).score == 0.25


@given(st.text(), st.sampled_from(["amc_10a", "aime_i", "usamo", "spatial", "web_of_lies_v2", "zebra_puzzle", "cta",
                                   "tablejoin", "typos", "plot_unscrambling", "connections"]))  # fmt: skip
def test_any_text_gets_a_score(answer: str, task: str) -> None:
    gold = "1,2" if task == "usamo" else "{'a': 'x'}" if task == "tablejoin" else "A"
    verdict = _judge(answer, task=task, release="2024-11-25", ground_truth=gold)
    assert isinstance(verdict, Scored) and 0 <= verdict.score <= 1


def test_unknown_tasks_abstain_and_rewards_are_refused() -> None:
    assert isinstance(_judge("x", task="chess", ground_truth="e4"), Abstained)
    task = Task("t", (), "livebench", {"task": "cta", "ground_truth": "x"})
    with pytest.raises(UserError, match="too lax for a reward"):
        asyncio.run(livebench(task, Response("", "x", True), Context(rewards=True)))


def test_boxes_are_found_as_published() -> None:
    assert last_box("\\boxed{a} then \\boxed{b{c}}") == "b{c}"
    assert last_box("\\boxed 5$ x") == "5" and last_box("\\fbox{7}") == "7" and last_box("\\boxed{open") is None


@given(st.lists(st.integers(0, 3), max_size=6), st.lists(st.integers(0, 3), max_size=6))
def test_edit_distance_is_a_metric(first: list[int], second: list[int]) -> None:
    one, other = list[object](first), list[object](second)
    distance = edit_distance(one, other)
    assert distance == edit_distance(other, one) and (distance == 0) == (first == second)
    assert abs(len(first) - len(second)) <= distance <= max(len(first), len(second))
