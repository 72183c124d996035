"""The rubric of short replies: each criterion alone decides, and generated pairs fall on the right sides."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.synthetic.preference import FLAWS, MAX_WORDS, SETTINGS, good, pair, scene
from darkhorse.tasks.task import Task
from darkhorse.verify.preference import Rubric, criteria, preference
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored, Verdict

RUBRIC = Rubric(name="Maria", item="kettle", max_words=32)


def judge(truth: Any, answer: str) -> Verdict:
    task = Task("t", (), "preference", truth)

    async def verdict() -> Verdict:
        return await preference(task, Response("", answer, True), Context())

    return asyncio.run(verdict())


@pytest.mark.parametrize(
    "reply",
    [
        "Hi Maria, I will replace the kettle today.",
        "So sorry about that! We can refund your kettle right away.",
        "Maria, I'll send you a new kettle at no cost.",
        "I understand. Would you like a discount on another kettle?",
        "Thanks for letting us know. Your kettle is on us: we're going to ship a new one tomorrow.",
        "Oh no, Maria! Let me fix the kettle, no problem.",
    ],
)
def test_fair_replies_meet_the_rubric(reply: str) -> None:
    assert all(criteria(RUBRIC, reply).values()), criteria(RUBRIC, reply)


@pytest.mark.parametrize(
    ("reply", "missed"),
    [
        ("We will replace the kettle today for free.", "acknowledges"),
        ("Hi Maria, I will replace it for you today.", "names_item"),
        ("Hi Maria, I am so sorry about the kettle.", "offers_remedy"),
        ("Hi Maria, we can not refund the kettle, sorry.", "offers_remedy"),
        ("Hi Maria, we don't replace a kettle.", "offers_remedy"),
        ("Maria, that is your own fault. I will replace the kettle.", "polite"),
        ("Maria, you should have been careful. We can fix the kettle.", "polite"),
        ("Maria, I'll replace the kettle.", "brief"),
        ("Hi Maria, I will replace the kettle. " + "It really is a very lovely day outside, " * 5, "brief"),
        ("Hi Maria. I will fix the kettle. I will fix the kettle.", "no_repetition"),
        ("Sorry sorry Maria, I will fix the kettle.", "no_repetition"),
    ],
)
def test_each_criterion_can_fail(reply: str, missed: str) -> None:
    assert criteria(RUBRIC, reply)[missed] is False, criteria(RUBRIC, reply)
    verdict = judge(RUBRIC.model_dump(), reply)
    assert isinstance(verdict, Scored)
    assert verdict.score == 0.0
    assert missed in verdict.reason


def test_chosen_meets_and_rejected_misses_one_to_three_criteria() -> None:
    sources: Counter[str] = Counter()
    for seed in range(300):
        made = pair(random.Random(seed))
        about = scene(random.Random(seed))
        assert about.prompt == made.prompt
        rubric = Rubric.model_validate(about.truth())
        assert all(criteria(rubric, made.chosen).values()), made
        missed = [name for name, holds in criteria(rubric, made.rejected).items() if not holds]
        assert 1 <= len(missed) <= 3, (made, missed)
        sources[made.source] += 1
    assert len(sources) == len(FLAWS)


def test_pairs_are_reproducible_and_various() -> None:
    assert pair(random.Random(5)) == pair(random.Random(5))
    made = [pair(random.Random(seed)) for seed in range(300)]
    assert len({one.prompt[0]["content"] for one in made}) > 280
    assert len({one.chosen for one in made}) > 280
    assert len({one.rejected for one in made}) > 200


def test_every_setting_item_and_remedy_meets_the_rubric() -> None:
    rng = random.Random(0)
    seen = set()
    for _ in range(600):
        about = scene(rng)
        seen.add(about.item)
        assert all(criteria(Rubric.model_validate(about.truth()), good(rng, about)).values())
    assert seen == {item for setting in SETTINGS for item in setting.items}
    assert scene(rng).truth()["max_words"] == MAX_WORDS


@pytest.mark.parametrize(
    "truth",
    [None, {}, {"name": "Maria", "item": "tea pot", "max_words": 30}, {"name": "", "item": "x", "max_words": 30}],
)
def test_malformed_truths_abstain(truth: Any) -> None:
    assert isinstance(judge(truth, "Hi Maria, I will fix the kettle."), Abstained)


@given(
    st.text()
    | st.lists(st.sampled_from(["Maria", "sorry", "kettle", "I", "will", "refund", "not", ".", "!", "you"])).map(
        " ".join
    )
)
def test_any_reply_gets_zero_or_one(reply: str) -> None:
    verdict = judge(RUBRIC.model_dump(), reply)
    assert isinstance(verdict, Scored)
    assert verdict.score in (0.0, 1.0)
