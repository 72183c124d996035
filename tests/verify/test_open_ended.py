"""Open-ended answers: rules decide what they can, and the rest is left to a scorer."""

from __future__ import annotations

import asyncio

import pytest

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.open_ended import needs_scorer, reference_of
from darkhorse.verify.registry import Context, judge
from darkhorse.verify.verdict import Abstained, Scored

SHORT = {
    "verifier": "instructions",
    "truth": {"constraints": [{"kind": "word_count", "relation": "at_most", "count": 3}]},
}
NAMES = {"verifier": "instructions", "truth": {"constraints": [{"kind": "keywords", "words": ["bread"]}]}}


def verdict(truth, answer="bread is good"):
    task = Task("t", ({"role": "user", "content": "?"},), "open_ended", truth)
    return asyncio.run(judge(task, Response("", answer, True), Context()))


@pytest.mark.parametrize("truth", [{}, {"reference": "fine"}, {"rules": []}])
def test_without_rules_it_leaves_the_answer_to_a_scorer(truth):
    found = verdict(truth)
    assert isinstance(found, Abstained) and needs_scorer(found)


def test_every_rule_must_hold():
    found = verdict({"rules": [SHORT, NAMES]})
    assert isinstance(found, Scored) and found.score == 1.0
    for answer, missed in (("bread is very good", "word_count"), ("cake is good", "keywords")):
        found = verdict({"rules": [SHORT, NAMES]}, answer)
        assert isinstance(found, Scored) and found.score == 0.0
        assert missed in found.reason


@pytest.mark.parametrize(
    "truth",
    [
        None,
        {"reference": ""},
        {"rules": [{"verifier": "nobody", "truth": 1}]},
        {"rules": [{"verifier": "open_ended", "truth": {}}]},
        {"rules": [{"verifier": "instructions", "truth": {}}]},
        {"rules": [{**SHORT, "weight": 2}]},
    ],
)
def test_a_truth_that_cannot_be_used_abstains_and_asks_no_scorer(truth):
    found = verdict(truth)
    assert isinstance(found, Abstained) and not needs_scorer(found)


def test_only_open_ended_tasks_have_a_reference():
    assert reference_of(Task("t", (), "open_ended", {"reference": "r"})) == "r"
    assert reference_of(Task("t", (), "open_ended", {})) is None
    assert reference_of(Task("t", (), "json", {"reference": "r"})) is None
