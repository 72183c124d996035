"""Drift: a learned reward that rises while what it stands for falls (Gao et al. 2022, "Scaling Laws for Reward Model
Overoptimization", arXiv 2210.10760).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, variance

_BEYOND_CHANCE = 2.0
_NEVER_SURER = 1e-6


@dataclass
class DriftWatch:
    """Two series of means, step by step: the learned score, and a held-out measure of the same answers.

    Attributes:
        window: steps that are compared, the first half with the second.
        pairs: the steps of the window so far.
    """

    window: int
    pairs: list[tuple[float, float]] = field(default_factory=list)

    def add(self, learned: float | None, held_out: float | None) -> dict[str, float]:
        """Take in a step; one that lacks either figure is left out.

        Returns:
            `learned_change` and `held_out_change`, in standard errors (Welch), and `alarm`: 1 if the first is above 2
            and the second below -2. Nothing before the window is full.
        """
        if learned is not None and held_out is not None:
            self.pairs = [*self.pairs, (learned, held_out)][-self.window :]
        if len(self.pairs) < self.window:
            return {}
        rise, other = (change([pair[side] for pair in self.pairs]) for side in (0, 1))
        alarm = rise > _BEYOND_CHANCE and other < -_BEYOND_CHANCE
        return {"learned_change": rise, "held_out_change": other, "alarm": float(alarm)}


def change(values: Sequence[float]) -> float:
    """How far the mean of the second half lies above that of the first, in standard errors."""
    first, second = values[: len(values) // 2], values[len(values) // 2 :]
    error = math.sqrt(variance(first) / len(first) + variance(second) / len(second))
    return (fmean(second) - fmean(first)) / max(error, _NEVER_SURER)
