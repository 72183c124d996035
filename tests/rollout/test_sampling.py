"""Drawing tokens: the right distribution, the right log-probabilities, and never a token that is ruled out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from transformers import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from darkhorse.rollout.sampling import greedy_tokens, sample_tokens, truncate_logits, uniforms

INFINITY = float("inf")


def draw(logits, numbers):
    """Tokens and log-probabilities of one distribution at many uniform numbers."""
    rows = logits.float()[None].repeat(len(numbers), 1)
    return sample_tokens(rows, torch.tensor(numbers, dtype=torch.float64))


@pytest.mark.parametrize("vocabulary", [1, 5, 256, 257, 700])
def test_evenly_spaced_numbers_give_every_token_its_share(vocabulary):
    """Inverse transform sampling is exact: the counts are the probabilities, to within rounding."""
    logits = 2 * torch.randn(vocabulary, generator=torch.Generator().manual_seed(vocabulary))
    logits[::7] = -INFINITY if vocabulary > 1 else 0.0
    count = 20_000
    tokens, logprobs = draw(logits, (np.arange(count) + 0.5) / count)
    probabilities = torch.softmax(logits.double(), -1)
    counts = torch.bincount(tokens, minlength=vocabulary)
    assert (counts - count * probabilities).abs().max() < 1.1
    torch.testing.assert_close(logprobs.double(), probabilities.log()[tokens], rtol=0, atol=1e-5)


def test_pseudo_random_draws_pass_a_chi_square_test():
    logits = 0.5 * torch.randn(300, generator=torch.Generator().manual_seed(1))
    count = 30_000
    tokens, _ = draw(logits, np.concatenate([uniforms(17, sample, 100) for sample in range(count // 100)]))
    expected = count * torch.softmax(logits.double(), -1)
    statistic = float(((torch.bincount(tokens, minlength=300) - expected) ** 2 / expected).sum())
    freedom = 299
    assert expected.min() > 5
    # Wilson and Hilferty (1931): the cube root is close to normal; a right sampler fails once in a million seeds
    z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    assert abs(z) < 4.9


def test_uniform_numbers_belong_to_seed_and_sample():
    assert np.array_equal(uniforms(3, 1, 5), uniforms(3, 1, 9)[:5])
    streams = {tuple(uniforms(seed, sample, 4)) for seed in (0, 1, 2**63 - 1, -1, -2) for sample in range(4)}
    assert len(streams) == 20


NUMBERS = st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, 5e-324, 1 - 2**-53, 1 - 2**-24, 0.5])
LOGITS = arrays.arrays(
    np.float32,
    st.integers(1, 600),
    elements=st.floats(-80, 80, width=32) | st.just(-INFINITY) | st.sampled_from([3.0e38, -3.0e38]),
    fill=st.sampled_from([-INFINITY, 0.0, -87.0]),
).filter(lambda values: np.isfinite(values).any())


TRACES = np.array([-INFINITY] + [-87.0] * 300 + [1.0], dtype=np.float32)
"""Each weight is too small to count, but not the sum of a block of them."""


@settings(max_examples=200)
@example(TRACES, [0.0])
@given(LOGITS, st.lists(NUMBERS, min_size=1, max_size=4))
def test_no_number_draws_a_token_that_is_ruled_out(values, numbers):
    logits = torch.from_numpy(values)
    tokens, logprobs = draw(logits, numbers)
    assert torch.isfinite(logits[tokens]).all()
    exact = torch.log_softmax(logits.double(), -1)[tokens]
    torch.testing.assert_close(logprobs.double(), exact, rtol=1e-4, atol=1e-4)


@given(st.integers(0, 99), st.lists(NUMBERS, min_size=2, max_size=5))
def test_a_row_does_not_depend_on_its_neighbours(seed, numbers):
    logits = torch.randn(len(numbers), 300, generator=torch.Generator().manual_seed(seed))
    draws = torch.tensor(numbers, dtype=torch.float64)
    together, logprobs = sample_tokens(logits.clone(), draws)
    for row in range(len(numbers)):
        alone, logprob = sample_tokens(logits[row : row + 1].clone(), draws[row : row + 1])
        assert alone[0] == together[row] and logprob[0] == logprobs[row]


def test_greedy_takes_the_likeliest():
    logits = torch.randn(4, 50, generator=torch.Generator().manual_seed(2))
    tokens, logprobs = greedy_tokens(logits)
    assert torch.equal(tokens, logits.argmax(-1))
    torch.testing.assert_close(logprobs, torch.log_softmax(logits, -1).amax(-1))


@settings(max_examples=100)
@example(0, 50, 0, 0.99999, 0.0)
@example(0, 1500, 0, 0.5, 0.0)
@example(0, 1500, 0, 0.9999, 0.0)
@given(
    st.integers(0, 10_000),
    st.sampled_from((50, 90, 1500)),  # some need more tokens to fill a nucleus than are looked at first
    st.integers(0, 60),
    st.floats(0.01, 1.0),
    st.floats(0.0, 1.0),
)
def test_truncation_keeps_what_transformers_keeps(seed, vocabulary, top_k, top_p, min_p):
    logits = 3 * torch.randn(3, vocabulary, generator=torch.Generator().manual_seed(seed))
    wanted = logits
    on_the_edge = torch.zeros_like(logits, dtype=torch.bool)
    if top_k:
        wanted = TopKLogitsWarper(top_k)(None, wanted)
    if top_p < 1.0:
        # Transformers sums from the other end, and rounds otherwise
        ordered, order = wanted.double().sort(-1)
        on_the_edge.scatter_(1, order, (ordered.softmax(-1).cumsum(-1) - (1 - top_p)).abs() < 1e-6)
        wanted = TopPLogitsWarper(top_p)(None, wanted)
    if min_p > 0.0:
        wanted = MinPLogitsWarper(min_p)(None, wanted)
    got = truncate_logits(logits, top_k, top_p, min_p)
    assert torch.equal(got[~on_the_edge], wanted[~on_the_edge])
    assert torch.isfinite(got).any(-1).all()


def test_truncation_by_hand():
    logits = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()

    def kept(**rules):
        settings = {"top_k": 0, "top_p": 1.0, "min_p": 0.0} | rules
        return torch.isfinite(truncate_logits(logits, **settings))[0].tolist()

    assert kept() == [True, True, True, True]
    assert kept(top_k=3) == [True, True, True, False]
    assert kept(top_p=0.7) == [True, True, False, False]
    assert kept(top_p=0.01) == [True, False, False, False]
    assert kept(min_p=0.4) == [True, True, False, False]
    assert kept(top_k=2, top_p=0.6) == [True, False, False, False], "top-p sees what top-k left: 2/3 and 1/3"
