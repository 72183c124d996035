"""What scores answers that no rule can judge: a reward model in this process, a served one, or a judge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from darkhorse.types import Message
from darkhorse.verify.verdict import Abstained, Scored, Verdict

_LOWEST = -700.0  # of what can be exponentiated


@dataclass(frozen=True)
class Ask:
    """Answers to one prompt.

    Attributes:
        prompt: the messages.
        answers: without thinking.
        reference: a good answer, if there is one: an answer as good as it scores one half.
    """

    prompt: Sequence[Message]
    answers: Sequence[str]
    reference: str | None = None


class Scorer(Protocol):
    """Scores answers."""

    async def score(self, asks: Sequence[Ask]) -> list[list[Verdict]]:
        """A verdict on every answer of every ask; what fails is an abstention, never an exception or a 0."""
        ...


def bounded(raw: float, origin: float, deviation: float) -> float:
    """A raw reward as a score in (0, 1): a sigmoid around an origin, in units of the reward's deviation.

    Fu et al. 2025, "Reward Shaping to Mitigate Reward Hacking in RLHF" (PAR), arXiv 2502.18770: bounded, steepest at
    the reference, flat where a reward model is far from what it was trained on.

    Args:
        raw: of the answer.
        origin: the reference answer's raw reward, or the mean of rewards.
        deviation: of rewards.

    Returns:
        NaN where a reward is not finite: an overflow is no praise.
    """
    if not math.isfinite(raw - origin):
        return math.nan
    z = max((raw - origin) / deviation, _LOWEST)
    return 1.0 / (1.0 + math.exp(-z))


def verdict_of(score: float, reason: str) -> Verdict:
    """A scorer's verdict; an abstention where the score is not finite, as that of a broken model."""
    if not math.isfinite(score):
        return Abstained(f"The reward is {score}.")
    return Scored(score, reason)
