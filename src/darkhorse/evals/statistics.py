"""Intervals, comparisons and sampling metrics of an evaluation; pure functions over arrays of scores.

Notation: `n` samples or items, scores in [0, 1] unless said otherwise, intervals two-sided.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Estimate:
    """A mean and how sure we are of it.

    Attributes:
        mean: the point estimate.
        standard_error: of the mean.
        low, high: ends of the confidence interval; not clipped to [0, 1].
        clusters: number of independent units (problems) behind it.
    """

    mean: float
    standard_error: float
    low: float
    high: float
    clusters: int


@dataclass(frozen=True)
class PairedDifference(Estimate):
    """The mean of second minus first on the same items; `p_value` is two-sided against no difference."""

    p_value: float


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion, sound for small `n` and for 0 or `n` successes.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
    Centre (p + z^2/2n) / (1 + z^2/n), half-width z / (1 + z^2/n) * sqrt(p(1-p)/n + z^2/4n^2).

    Raises:
        ValueError: unless 0 <= successes <= n and n > 0.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"need 0 <= successes <= n and n > 0, got successes={successes}, n={n}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / n
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half_width = z / scale * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else centre - half_width
    high = 1.0 if successes == n else centre + half_width
    return low, high


def clustered_mean(scores: ArrayLike, clusters: Sequence[Hashable], confidence: float = 0.95) -> Estimate:
    """Mean of all scores with a cluster-robust interval: samples of one problem are not independent.

    With G clusters: SE^2 = G/(G-1) * 1/n^2 * sum_g (sum_{i in g} (s_i - mean))^2, Student's t with G-1 degrees of
    freedom. One sample per cluster gives the ordinary standard error of the mean. One cluster alone gives an
    infinite interval.
    Source: Liang and Zeger (1986), Biometrika 73; for evaluations Miller (2024), "Adding Error Bars to Evals",
    arXiv 2411.00640; the factor G/(G-1) from Cameron and Miller (2015), J. Human Resources 50.

    Args:
        scores: shape (n,).
        clusters: the problem of each score, length n.

    Raises:
        ValueError: if there are no scores or the lengths differ.
    """
    scores_n = np.asarray(scores, dtype=np.float64)
    if scores_n.ndim != 1 or len(scores_n) == 0 or len(scores_n) != len(clusters):
        raise ValueError(f"need one cluster per score and at least one, got {scores_n.shape} and {len(clusters)}")
    mean = float(scores_n.mean())
    residuals: dict[Hashable, float] = {}
    for score, cluster in zip(scores_n, clusters, strict=True):
        residuals[cluster] = residuals.get(cluster, 0.0) + float(score) - mean
    groups = len(residuals)
    if groups == 1:
        return Estimate(mean, math.inf, -math.inf, math.inf, 1)
    squares = sum(residual**2 for residual in residuals.values())
    error = math.sqrt(groups / (groups - 1) * squares) / len(scores_n)
    margin = student_t_quantile(0.5 + confidence / 2, groups - 1) * error
    return Estimate(mean, error, mean - margin, mean + margin, groups)


def paired_difference(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> PairedDifference:
    """Mean of `second - first` over the same items, with Student's paired t interval and two-sided p-value.

    Source: Student (1908), "The probable error of a mean", Biometrika 6; for evaluations Miller (2024),
    arXiv 2411.00640, section 4. Differences that are all equal leave no variance: p is 1 at zero, else 0.

    Args:
        first, second: shape (n,), one score per item (average the samples of an item first), n >= 2.

    Raises:
        ValueError: if the shapes differ or there are fewer than two items.
    """
    first_n, second_n = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first_n.ndim != 1 or first_n.shape != second_n.shape or len(first_n) < 2:
        raise ValueError(f"need two vectors of one length >= 2, got shapes {first_n.shape} and {second_n.shape}")
    difference = second_n - first_n
    n = len(difference)
    mean = float(difference.mean())
    error = float(difference.std(ddof=1)) / math.sqrt(n)
    if error < 1e-15:
        return PairedDifference(mean, 0.0, mean, mean, n, 1.0 if abs(mean) < 1e-15 else 0.0)
    margin = student_t_quantile(0.5 + confidence / 2, n - 1) * error
    p_value = 2 * student_t_cdf(-abs(mean) / error, n - 1)
    return PairedDifference(mean, error, mean - margin, mean + margin, n, p_value)


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Unbiased estimate that at least one of `k` samples is right, from `correct` of `n`.

    1 - C(n-c, k) / C(n, k), computed as a product to stay in range.
    Source: Chen et al. (2021), "Evaluating large language models trained on code", arXiv 2107.03374, equation 1.

    Raises:
        ValueError: unless 1 <= k <= n and 0 <= correct <= n.
    """
    if not 1 <= k <= n or not 0 <= correct <= n:
        raise ValueError(f"need 1 <= k <= n and 0 <= correct <= n, got n={n}, correct={correct}, k={k}")
    if n - correct < k:
        return 1.0
    return float(1.0 - np.prod(1.0 - k / np.arange(n - correct + 1, n + 1)))


def majority_at_k(answers: Sequence[Hashable | None], scores: Sequence[float], k: int) -> float:
    """Score of the most frequent answer among the first `k` samples of one problem.

    Equal answers vote together and `None` (no answer) does not vote; a tie gives the mean over the tied answers,
    the expectation of breaking it at random; no vote at all gives 0.
    Source: Wang et al. (2022), "Self-consistency improves chain of thought reasoning", arXiv 2203.11171.

    Args:
        answers: one per sample, in a form in which equal answers compare equal.
        scores: the verdict on each sample.
        k: number of samples that vote.

    Raises:
        ValueError: if the lengths differ or there are fewer than `k` samples.
    """
    if len(answers) != len(scores) or not 1 <= k <= len(answers):
        raise ValueError(f"need 1 <= k <= samples, got k={k}, {len(answers)} answers and {len(scores)} scores")
    votes = Counter(answer for answer in answers[:k] if answer is not None)
    if not votes:
        return 0.0
    most = max(votes.values())
    winners = [answer for answer, count in votes.items() if count == most]
    voters = list(zip(answers[:k], scores[:k], strict=True))
    means = [np.mean([score for answer, score in voters if answer == winner]) for winner in winners]
    return float(np.mean(means))


def student_t_cdf(t: float, degrees: float) -> float:
    """P(T <= t) for Student's t: I_x(v/2, 1/2) / 2 below zero, with x = v / (v + t^2) (DLMF 8.17, A&S 26.7.1)."""
    tail = _incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2
    return tail if t <= 0 else 1 - tail


def student_t_quantile(probability: float, degrees: float) -> float:
    """The t with P(T <= t) = probability in (0, 1), by bisection.

    Raises:
        ValueError: if the probability is not inside (0, 1).
    """
    if not 0 < probability < 1:
        raise ValueError(f"probability must lie in (0, 1), got {probability}")
    low, high = -1.0, 1.0
    while student_t_cdf(low, degrees) > probability:
        low *= 2
    while student_t_cdf(high, degrees) < probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if student_t_cdf(middle, degrees) < probability else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function I_x(a, b): continued fraction DLMF 8.17.22 by Lentz's method."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 300):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / (1 + term * d)
            c = 1 + term / c
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * fraction
