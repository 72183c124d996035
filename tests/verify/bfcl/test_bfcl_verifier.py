"""The verifier `bfcl`: categories, modes, forms of calls, truths, and real tasks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.bfcl import bfcl
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored, Verdict

AREA = {
    "name": "geo.area",
    "parameters": {
        "type": "dict",
        "properties": {"base": {"type": "integer"}, "unit": {"type": "string"}},
        "required": ["base"],
    },
}
TRUTH = {"functions": [AREA], "ground_truth": [{"geo.area": {"base": [10], "unit": ["cm", ""]}}], "category": "simple"}


def judge(truth: Any, answer: str) -> Verdict:
    async def verdict() -> Verdict:
        return await bfcl(Task("t", (), "bfcl", truth), Response("", answer, True), Context())

    return asyncio.run(verdict())


def score(truth: Any, answer: str, **changes: Any) -> float:
    verdict = judge({**truth, **changes}, answer)
    assert isinstance(verdict, Scored), verdict
    return verdict.score


def block(arguments: Any, name: str = "geo.area") -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


@pytest.mark.parametrize(
    ("answer", "reward", "compat"),
    [
        ("[geo.area(base=10)]", 1, 1),
        ("[geo.area(base=10, unit='CM')]", 1, 1),
        (block({"base": 10}), 1, 1),
        ("[geo.area(5, base=10)]", 0, 1),
        ("[geo.area(base=9, base=10)]", 0, 1),
        ("[geo.area(base=10, unit=cm)]", 0, 1),
        ("[geo.area(base=10, unit='-c.m')]", 0, 1),
        ("[geo.area(base=10, unit='')]", 0, 1),
        ("[geo.area(base=5 * 2)]", 0, 1),
        ("[geo.area(base=+10)]", 1, 0),
        ("```python\n[geo.area(base=10)]\n```", 1, 0),
        (f"I call it. {block({'base': 10})}", 1, 1),
        (f"{block({'base': 10})}\n<tool_call>\n{{\n</tool_call>", 0, 1),
        ("[geo.area(base=11)]", 0, 0),
        ("[geo.area(base=10), geo.area(base=10)]", 0, 0),
        ("No function fits.", 0, 0),
        ("", 0, 0),
    ],
)
def test_modes(answer: str, reward: int, compat: int) -> None:
    assert score(TRUTH, answer) == reward
    assert score(TRUTH, answer, mode="compat") == compat


def test_parallel_calls_in_any_order() -> None:
    truth = {
        "functions": [AREA],
        "ground_truth": [{"geo.area": {"base": [1, 2]}}, {"geo.area": {"base": [1]}}],
        "category": "parallel",
    }
    answer = "[geo.area(base=1), geo.area(base=2)]"
    assert score(truth, answer) == 1
    assert score(truth, answer, mode="compat") == 0


@pytest.mark.parametrize(
    ("answer", "irrelevance", "relevance"),
    [
        ("None of these functions can do that.", 1, 0),
        ("150", 1, 0),
        ("[geo.area(base=10)]", 0, 1),
        (block({"base": 10}), 0, 1),
        ("Let me see.\ngeo.area(base=10", 0, 0),
        ("[geo.area()]", 0, 0),
        ("[other(a=1)]", 0, 0),
        ("<tool_call>\nbroken", 0, 0),
        ("I could use geo.area(base) if I knew the base.", 1, 0),
    ],
)
def test_whether_to_call_at_all(answer: str, irrelevance: int, relevance: int) -> None:
    assert score({"functions": [AREA], "category": "irrelevance"}, answer) == irrelevance
    assert score({"functions": [AREA], "category": "relevance"}, answer) == relevance


def test_java_and_javascript() -> None:
    function = {
        "name": "Db.find",
        "parameters": {"properties": {"key": {"type": "String"}, "limit": {"type": "long"}}, "required": ["key"]},
    }
    truth = {"functions": [function], "ground_truth": [{"Db.find": {"key": ["a b"], "limit": [5]}}], "language": "java"}
    assert score(truth, '[Db.find(key="a b", limit=5L)]') == 1
    assert score(truth, '[Db.find(key="a b", limit=5L, 7)]') == 0
    assert score(truth, '[Db.find(key="a b", limit=5L, 7)]', mode="compat") == 1
    assert score(truth, block({"key": "a b", "limit": "5L"}, "Db.find")) == 1
    assert score(truth, block({"key": "a b", "limit": 5}, "Db.find")) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"functions": None},
        {"functions": [{"name": "f"}]},
        {"ground_truth": []},
        {"ground_truth": [{}]},
        {"ground_truth": [{"other": {}}]},
        {"ground_truth": [{"geo.area": {"base": []}}]},
        {"ground_truth": [{"geo.area": {"base": [1], "height": [2]}}]},
        {"ground_truth": [{"geo.area": {"unit": ["cm"]}}]},
        {"ground_truth": [{"geo.area": {"base": [1]}}] * 2},
        {"category": "irrelevance"},
        {"language": "ruby"},
        {"mode": "fast"},
        {"extra": 1},
    ],
)
def test_truths_that_nothing_can_meet_abstain(changes: dict[str, Any]) -> None:
    verdict = judge({**TRUTH, **changes}, "[geo.area(base=10)]")
    assert isinstance(verdict, Abstained)
    assert verdict.kind == "unparseable_gold"


@given(
    st.text() | st.text(alphabet="geo.area(base=10)[]{}'\",<tool_call>\n"),
    st.sampled_from(["python", "java", "javascript"]),
)
def test_any_answer_is_scored(answer: str, language: str) -> None:
    for mode in ("reward", "compat"):
        assert score({**TRUTH, "language": language, "mode": mode}, answer) in (0.0, 1.0)
        assert score({"functions": [AREA], "category": "irrelevance", "mode": mode}, answer) in (0.0, 1.0)


@given(st.text(alphabet=" \n\t", max_size=5), st.text(alphabet=" \n", max_size=5))
def test_space_around_changes_nothing(before: str, after: str) -> None:
    assert score(TRUTH, f"{before}[geo.area(base=10)]{after}") == 1
    assert score(TRUTH, f"{before}{block({'base': 10})}{after}") == 1


@pytest.mark.data
def test_first_allowed_answers_of_the_leaderboard_pass_in_both_modes(data_dir: Path) -> None:
    folder = data_dir / "bfcl/berkeley-function-call-leaderboard/bfcl_eval/data"
    passed, total, abstained = {"reward": 0, "compat": 0}, 0, 0
    for name in ("simple_python", "multiple", "parallel", "parallel_multiple", "live_parallel"):
        lines = (folder / f"BFCL_v4_{name}.json").read_text().splitlines()
        answers = {row["id"]: row for row in map(json.loads, (folder / f"possible_answer/BFCL_v4_{name}.json").open())}
        for row in list(map(json.loads, lines))[::10]:
            answer = answers[row["id"]]["ground_truth"]
            category = name.removeprefix("live_").removesuffix("_python")
            truth = {"functions": row["function"], "ground_truth": answer, "category": category}
            text = "\n".join(block(_first(arguments), call) for one in answer for call, arguments in one.items())
            total += 1
            for mode in passed:
                verdict = judge({**truth, "mode": mode}, text)
                abstained += isinstance(verdict, Abstained)
                passed[mode] += isinstance(verdict, Scored) and verdict.score == 1
    assert total > 100
    assert passed["compat"] >= total - 2
    assert passed["reward"] >= total - 2
    assert abstained <= 2


def _first(accepted: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(options[0]) for name, options in accepted.items() if options[0] != ""}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: options[0] for key, options in value.items() if options[0] != ""}
    return [_plain(item) if isinstance(item, dict) else item for item in value] if isinstance(value, list) else value
