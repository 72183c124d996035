"""How good a reward model is on pairs of answers of which people preferred one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_BINS = 10
_MATCHED = 0.1


def pair_figures(
    chosen: ArrayLike, rejected: ArrayLike, chosen_lengths: Sequence[int], rejected_lengths: Sequence[int]
) -> dict[str, float]:
    """Figures of pairs, under the names of a stage's metrics. `P` runs over pairs.

    Args:
        chosen, rejected: raw rewards, shape `[P]`.
        chosen_lengths, rejected_lengths: of the answers, in characters.

    Returns:
        `accuracy`: share of pairs whose chosen answer has the higher reward; a tie prefers nothing and counts as wrong.
        `length_baseline`: that of the better of two rules, prefer the longer or prefer the shorter answer, chosen on
            these very pairs, in its favour.
        `ece`: expected calibration error of the Bradley-Terry probability of the preferred answer, in ten bins.
        `length_correlation`: Pearson's, between the leads in reward and in length; what a model that only counts
            words has much of.
        `length_matched_accuracy`, `length_matched_pairs`: accuracy on pairs whose lengths differ by at most a tenth;
            NaN when there are none.
    """
    lead_P = np.asarray(chosen, dtype=np.float64) - np.asarray(rejected, dtype=np.float64)
    first_P, second_P = np.asarray(chosen_lengths, dtype=np.float64), np.asarray(rejected_lengths, dtype=np.float64)
    longer_P = first_P - second_P
    right_P = lead_P > 0
    matched_P = np.abs(longer_P) <= _MATCHED * np.maximum(first_P, second_P)
    return {
        "accuracy": float(right_P.mean()),
        "length_baseline": float(max((longer_P > 0).mean(), (longer_P < 0).mean())),
        "ece": calibration_error(lead_P),
        "length_correlation": _correlation(lead_P, longer_P),
        "length_matched_accuracy": float(right_P[matched_P].mean()) if matched_P.any() else float("nan"),
        "length_matched_pairs": float(matched_P.sum()),
    }


def calibration_error(lead: ArrayLike) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv 1706.04599) of `sigmoid(|lead|)` as the probability that the
    answer with the higher reward is the chosen one; ten bins of equal width over [0.5, 1].

    Args:
        lead: reward of the chosen answer minus that of the rejected one, for each pair.
    """
    lead_P = np.asarray(lead, dtype=np.float64)
    confidence_P = 1.0 / (1.0 + np.exp(-np.abs(lead_P)))
    right_P = np.where(lead_P == 0, 0.5, lead_P > 0)
    bins_P = np.minimum(((confidence_P - 0.5) * 2 * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((right_P[bins_P == one] - confidence_P[bins_P == one]).sum())) for one in range(_BINS)]
    return sum(gaps) / len(lead_P)


def _correlation(one_P: NDArray[np.float64], other_P: NDArray[np.float64]) -> float:
    """Pearson's; around zero instead of the means, because which answer of a pair comes first means nothing."""
    scale = float(np.sqrt((one_P**2).sum() * (other_P**2).sum()))
    return float((one_P * other_P).sum()) / scale if scale > 0 else 0.0
