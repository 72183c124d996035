"""What a rollout engine is: requests in, completions out as they finish."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from typing import Any, Protocol, TypeAlias

from darkhorse.config.rollout import SamplingConfig
from darkhorse.errors import UserError
from darkhorse.policy.loading import Policy
from darkhorse.rollout.trajectory import Completion

_RANGES: dict[str, tuple[type, str, Callable[[Any], bool]]] = {
    "temperature": (Real, "a number, at least 0", lambda value: 0 <= value < inf),
    "top_p": (Real, "a number above 0, at most 1", lambda value: 0 < value <= 1),
    "top_k": (Integral, "a whole number, 0 for all tokens", lambda value: value >= 0),
    "min_p": (Real, "a number from 0 to 1", lambda value: 0 <= value <= 1),
    "max_tokens": (Integral, "a whole number, at least 1", lambda value: value >= 1),
    "seed": (Integral, "a whole number", lambda value: True),
}


@dataclass(frozen=True)
class SamplingParams:
    """Settings of one request.

    Attributes:
        temperature: softmax temperature; 0 is greedy, and so is less than 1e-5, where logits would overflow.
        top_p, top_k, min_p: truncation of the distribution; 1, 0 and 0 turn them off.
        max_tokens: most tokens sampled.
        stop: strings that end the completion (kept in its text).
        presence_penalty, frequency_penalty: taken from the logits of tokens that the completion already holds, once and
            as often as it holds them (OpenAI's parameters of these names), before temperature; negative values invite
            repetition.
        logit_bias: added to the logits of tokens, before temperature.
        likeliest: report every token's log-probability under the model itself (before penalties, temperature and
            truncation), and those of so many likeliest tokens; None reports nothing.
        ignore_end: go on past the end of the turn, to `max_tokens`; for measuring speed.
        seed: with the sample's number it decides every draw of the request, whatever else is in the batch.

    Raises:
        UserError: if a setting is out of its range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int = 128
    stop: tuple[str, ...] = ()
    seed: int = 0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    likeliest: int | None = None
    ignore_end: bool = False

    def __post_init__(self) -> None:
        for name, (kind, wanted, holds) in _RANGES.items():
            value = getattr(self, name)
            if not (isinstance(value, kind) and holds(value)):
                raise UserError(f"{name} is {value!r}.", f"Give {wanted}.")

    @staticmethod
    def of(config: SamplingConfig, seed: int) -> SamplingParams:
        """From a recipe's sampling table."""
        return SamplingParams(
            temperature=config.temperature,
            top_p=config.top_p,
            top_k=config.top_k,
            min_p=config.min_p,
            presence_penalty=config.presence_penalty,
            max_tokens=config.max_completion_length,
            seed=seed,
        )


@dataclass(frozen=True)
class Likeliest:
    """What the model itself thought of a drawn token: its log-probability, and those of the likeliest, in order."""

    logprob: float
    tokens: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Request:
    """A prompt to continue.

    Attributes:
        prompt: token ids; read once, whatever the number of samples.
        sampling: settings shared by its samples.
        num_samples: continuations to draw.
        continues: the request and the sample whose prompt and completion the prompt begins with; an engine may still
            hold what it computed for them, if this request is appended as soon as that completion arrives.
    """

    prompt: Sequence[int]
    sampling: SamplingParams
    num_samples: int = 1
    continues: tuple[int, int] | None = None


Inbox: TypeAlias = deque[tuple[int, Request]]
"""Requests on their way to be decoded, with their numbers."""


class Engine(Protocol):
    """Samples from a policy."""

    def generate(self, requests: Sequence[Request]) -> AsyncIterator[Completion]:
        """Continue every request; completions arrive in the order they finish.

        Requests appended to the sequence meanwhile are continued too: they join between decoding steps, so whoever
        shares an engine has but to append. What is appended once all have ended may be left.
        """
        ...

    def sync_weights(self, policy: Policy) -> None:
        """Take over the policy's current weights, under a new version number."""
        ...
