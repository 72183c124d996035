"""Verifiers by name, and the gates every response passes first."""

from __future__ import annotations

import asyncio

import pytest

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.chat.reasoning import split_reasoning
from darkhorse.errors import UserError
from darkhorse.tasks.task import Task
from darkhorse.verify import registry
from darkhorse.verify.registry import Context, judge
from darkhorse.verify.verdict import Abstained, Scored


def verdict_of(text, verifier="exact"):
    task = Task("t", ({"role": "user", "content": "Say yes."},), verifier, "yes")
    return asyncio.run(judge(task, split_reasoning(text), Context()))


def test_an_answer_behind_closed_thinking_reaches_its_verifier():
    assert verdict_of("It asks for yes.</think>yes").score == 1
    assert verdict_of("It asks for yes.</think>no").score == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("yes", "never closed"),
        ("thinking</think>  \n", "no answer"),
        ("thinking</think>yes</think>", "once more"),
        ("thinking</think>no</think>yes", "once more"),
        ("thinking</think><think>yes", "once more"),
    ],
)
def test_a_broken_format_scores_zero_whatever_the_answer(text, reason):
    verdict = verdict_of(text)
    assert isinstance(verdict, Scored) and verdict.score == 0
    assert reason in verdict.reason and verdict.detail == {"gate": "format"}


def test_a_verifier_that_raises_abstains(monkeypatch):
    async def broken(task, response, context):
        raise RuntimeError("no disk")

    monkeypatch.setitem(registry._VERIFIERS, "broken", broken)
    verdict = verdict_of("t</think>yes", "broken")
    assert isinstance(verdict, Abstained) and "no disk" in verdict.reason


def test_an_unknown_verifier_is_refused_with_a_suggestion():
    with pytest.raises(UserError, match="exakt") as error:
        verdict_of("t</think>yes", "exakt")
    assert "exact" in str(error.value.remedy)


@pytest.mark.parametrize(
    ("verifier", "truth", "answer"),
    [
        ("math", {"answer": "1", "compat": "qwen"}, r"\boxed{1}"),
        ("ifeval", {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}], "mode": "compat"}, "yes"),
        ("ifbench", {"instruction_id_list": ["format:list"], "kwargs": [{"sep": "*"}], "mode": "compat"}, "* a\n* b"),
        ("bfcl", {"functions": [], "ground_truth": [], "category": "irrelevance", "mode": "compat"}, "I cannot."),
    ],
)
def test_published_graders_are_for_evaluations_alone(verifier, truth, answer):
    task = Task("t", ({"role": "user", "content": "Go."},), verifier, truth)
    response = split_reasoning(f"</think>{answer}")
    assert isinstance(asyncio.run(judge(task, response, Context())), Scored)
    with pytest.raises(UserError, match="too lax for a reward"):
        asyncio.run(judge(task, response, Context(rewards=True)))
