"""What a policy under training was found to be worth on held-out prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """A measurement on held-out prompts.

    Attributes:
        means: of each watched suite.
        lows: lower ends of their 95 % intervals.
        improved: mean over the suites the stage is to improve; None when it names none.
    """

    means: Mapping[str, float]
    lows: Mapping[str, float]
    improved: float | None = None
