"""Guessed tokens save steps and change no sample."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import replace

import pytest

import tiny
from darkhorse.rollout import lane
from darkhorse.rollout.decoding import EagerDecoder
from darkhorse.rollout.engine import Request, SamplingParams

FEW = ((9, 90.0), (8, 90.0), (7, 90.0))
"""Tokens that a model draws from alone, so that it often repeats itself."""
END = tiny.policy().renderer.end_of_turn


@pytest.fixture
def steps(monkeypatch):
    """Tokens a slot of every decoding step taken."""
    taken: list[int] = []
    step = EagerDecoder.step

    def counted(self, cache, tokens, width=1):
        taken.append(width)
        return step(self, cache, tokens, width)

    monkeypatch.setattr(EagerDecoder, "step", counted)
    return taken


def repeating(count, samples=1, **settings):
    """Requests whose prompts repeat themselves, as do the answers of models that are sure of themselves."""
    rng = random.Random(5)
    made = []
    for number in range(count):
        words = [[rng.randrange(256) for _ in range(4)] for _ in range(3)]
        prompt = [token for _ in range(4) for token in rng.choice(words)]
        sampling = SamplingParams(**({"max_tokens": 40 + 7 * number, "seed": number} | settings))
        made.append(Request(prompt, sampling, samples))
    return made


def decoded(policy, requests, draft_tokens, told=None, **kwargs):
    """Completions of a lane by request and sample."""
    on_token = None if told is None else lambda request, sample, token: told.append((request, sample, token))
    made = lane.Lane(policy, on_token, draft_tokens=draft_tokens, **kwargs)
    found = [completion for completion in made.run(deque(enumerate(requests)), 9, 2**30) if completion is not None]
    return {(completion.request, completion.sample): completion for completion in found}


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.0, "logit_bias": FEW},
        {"temperature": 0.7, "logit_bias": FEW},
        {"temperature": 1.0, "logit_bias": FEW, "top_k": 2},
        {"temperature": 0.7, "logit_bias": FEW, "presence_penalty": 0.3, "frequency_penalty": 0.1},
        {"temperature": 1.0, "logit_bias": ((9, 1000.0), (8, 998.0), (END, 998.0)), "max_tokens": 90},
    ],
    ids=str,
)
def test_samples_are_those_of_single_steps(kind, settings, steps):
    policy = tiny.policy(kind)
    requests = repeating(3, **settings)
    single = decoded(policy, requests, 0)
    assert set(steps) == {1}
    one_by_one = len(steps)
    steps.clear()
    told: list[tuple[int, int, int]] = []
    drafted = decoded(policy, requests, 7, told)
    assert len(steps) < one_by_one and max(steps) > 1, "nothing was guessed right"
    assert drafted.keys() == single.keys()
    for key, completion in single.items():
        assert drafted[key].tokens == completion.tokens
        assert drafted[key].finish_reason == completion.finish_reason
        assert drafted[key].logprobs == pytest.approx(completion.logprobs, abs=1e-4)
        assert [token for *one, token in told if tuple(one) == key] == completion.tokens


def test_a_looping_answer_takes_a_fraction_of_the_steps(steps):
    requests = [Request([3, 4], SamplingParams(max_tokens=160, logit_bias=((9, 1000.0),), ignore_end=True))]
    (completion,) = decoded(tiny.policy(), requests, 7).values()
    assert completion.tokens == [9] * 160
    assert len(steps) < 30


def test_guesses_stop_at_the_limit_the_end_and_a_stop_string():
    policy = tiny.policy()
    (long,) = repeating(1, temperature=0.0, max_tokens=60, ignore_end=True)
    whole = decoded(policy, [long], 0)[0, 0].tokens
    for most in (1, 2, 9, 31):
        short = replace(long, sampling=replace(long.sampling, max_tokens=most))
        assert decoded(policy, [short], 7)[0, 0].tokens == whole[:most]
    text = policy.renderer.decode(whole)
    stop = text[len(text) // 2 : len(text) // 2 + 3]
    stopped = replace(long, sampling=replace(long.sampling, stop=(stop,)))
    wanted, found = (decoded(policy, [stopped], draft)[0, 0] for draft in (0, 7))
    assert found.tokens == wanted.tokens and found.finish_reason == wanted.finish_reason == "stop"


def test_many_sequences_are_not_guessed_for(steps):
    many = repeating(3, temperature=0.0, max_tokens=20, ignore_end=True)
    decoded(tiny.policy(), [replace(one, num_samples=3) for one in many], 7)
    assert set(steps) == {1}


def test_what_tools_said_is_read_several_tokens_at_a_time(steps):
    """A conversation that goes on reads what is new to it in decoding steps."""
    policy = tiny.policy()
    first = Request([1, 2, 3], SamplingParams(temperature=1.0, max_tokens=5, seed=2))
    said = [random.Random(1).randrange(256) for _ in range(40)]

    def converse(draft_tokens):
        steps.clear()
        made = lane.Lane(policy, None, draft_tokens=draft_tokens)
        inbox, found = deque([(0, first)]), []
        for news in made.run(inbox, 8, 2**30):
            if news is None:
                continue
            found.append(news)
            if news.request == 0:
                prompt = [*first.prompt, *news.tokens, *said]
                inbox.append((1, Request(prompt, SamplingParams(max_tokens=6, seed=4), continues=(0, 0))))
        return [completion.tokens for completion in found], len(steps)

    single, by_ones = converse(0)
    several, by_eights = converse(7)
    assert several == single
    assert by_ones - by_eights >= 30


def test_logprobs_that_are_asked_for_come_token_by_token():
    seen: list[float] = []
    policy = tiny.policy()
    (request,) = repeating(1, temperature=0.0, likeliest=2, ignore_end=True)
    decoded(policy, [request], 7, on_likeliest=lambda request, sample, found: seen.append(found.logprob))
    drafted = list(seen)
    seen.clear()
    decoded(policy, [request], 0, on_likeliest=lambda request, sample, found: seen.append(found.logprob))
    assert drafted == pytest.approx(seen, abs=1e-4) and len(seen) == 40
