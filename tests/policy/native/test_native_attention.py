"""Compiled attention against plain float64 formulas."""

from __future__ import annotations

import pytest
import torch

import tiny
from darkhorse.policy.native import attention, library
from darkhorse.policy.native.attention import CacheAttention, PackedAttention

pytestmark = pytest.mark.skipif(library.library() is None, reason=f"no compiled operations: {library.why_not()}")
by_matrix_unit = pytest.mark.skipif(
    library.library() is None or not attention._flows(64), reason="the processor has no matrix unit"
)

DTYPES = [torch.float32, torch.bfloat16]
SEQUENCES = [
    (slice(0, 70), [slice(0, 70)]),
    (slice(70, 71), [slice(0, 70), slice(70, 71)]),
    (slice(71, 110), [slice(0, 70), slice(71, 110)]),
    (slice(110, 143), [slice(110, 143)]),
    (slice(143, 147), [slice(110, 143), slice(143, 147)]),
    (slice(147, 290), [slice(110, 143), slice(147, 290)]),
]
"""Some share a prompt; shorter and longer than what is computed at a time."""
TOKENS = 290


@pytest.fixture(autouse=True)
def _inference():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def attended(query, keys, values, scaling, window):
    """One token's attention in float64; query `[H, D]`, keys and values `[K, T, D]` up to the token itself."""
    repeat = len(query) // len(keys)
    first = max(0, keys.shape[1] - window) if window is not None else 0
    keys, values = (x[:, first:].double().repeat_interleave(repeat, 0) for x in (keys, values))
    weights = (keys @ (query.double() * scaling)[:, :, None])[..., 0].softmax(-1)
    return (weights[:, None] @ values)[:, 0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("window", [None, 7])
@pytest.mark.parametrize(
    ("channels", "query_heads", "groups"), [(64, 9, 3), (128, 8, 8), (80, 10, 1), (96, 4, 2), (256, 2, 1), (12, 4, 2)]
)
def test_attention_over_a_cache(dtype, width, window, channels, query_heads, groups):
    positions, scaling = [[0, 3, 50], [700]], 0.3
    buffers = [tuple(torch.randn(2, 2, 4, groups, room, channels).to(dtype)) for room in (64, 768)]
    before = [tuple(x.clone() for x in pair) for pair in buffers]
    tokens = 4 * width
    query, key, value = (tiny.heads(dtype, tokens, n, channels)[0] for n in (query_heads, groups, groups))
    found = CacheAttention(buffers, positions, width).attend(1, query, key, value, scaling, window)
    assert found.shape == (tokens, query_heads, channels) and found.dtype == dtype
    token = 0
    for (keys, values), of_slots in zip(before, positions, strict=True):
        for slot, position in enumerate(of_slots):
            for place in range(position, position + width):
                keys[1, slot, :, place], values[1, slot, :, place] = key[:, token], value[:, token]
                seen = (x[1, slot, :, : place + 1] for x in (keys, values))
                expected = attended(query[:, token], *seen, scaling, window)
                tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 2**-7, "atol": 1e-3}
                torch.testing.assert_close(found[token].double(), expected, **tolerance)
                token += 1
    for pair, expected_pair in zip(buffers, before, strict=True):
        assert all(map(torch.equal, pair, expected_pair))  # nothing else was written


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [None, 90])
@pytest.mark.parametrize("equal", [16, 60, 128])
def test_places_that_equal_another_slots_are_read_there(dtype, window, equal):
    positions, groups = [[130, 190, 128], [140]], 3
    buffers = [tuple(torch.randn(1, 4, groups, room, 64).to(dtype) for _ in range(2)) for room in (192, 256)]
    for number in range(2):
        first = buffers[0][number]
        for other in (first[:, 1], first[:, 2], buffers[1][number][:, 0]):
            other[:, :, :equal] = first[:, 0, :, :equal]
    query, key, value = (tiny.heads(dtype, 4, n, 64)[0] for n in (9, groups, groups))
    apart = CacheAttention(buffers, positions, 1).attend(0, query, key, value, 0.2, window)
    equals = [(0, 0), (0, equal), (0, equal), (0, equal)]
    alike = CacheAttention(buffers, positions, 1, equals)
    assert torch.equal(alike.attend(0, query, key, value, 0.2, window), apart)
    for keys, _ in buffers:
        keys[:, 1:, :, : equal // 2] = 0.0  # of the second span's slot what it has in common is left
    buffers[1][0][:, 0, :, : equal // 2] = 0.0
    with_holes = alike.attend(0, query, key, value, 0.2, window)
    if equal == 128 and window is None:
        assert torch.equal(with_holes, apart), "what is equal was read in one place"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loudest", [0, 100, 199])
def test_attention_holds_where_scores_lie_far_apart(dtype, loudest):
    keys, values = (torch.randn(1, 1, 2, 256, 64).to(dtype) for _ in range(2))
    keys[:, :, :, loudest] *= 40
    query, key, value = (tiny.heads(dtype, 1, n, 64)[0] for n in (6, 2, 2))
    found = CacheAttention([(keys, values)], [[199]], 1).attend(0, query, key, value, 1.0, None)
    expected = attended(query[:, 0], keys[0, 0, :, :200], values[0, 0, :, :200], 1.0, None)
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 2**-7, "atol": 1e-3}
    torch.testing.assert_close(found[0].double(), expected, **tolerance)


def test_results_do_not_depend_on_the_number_of_threads():
    keys, values = torch.randn(2, 1, 40, 3, 128, 64).bfloat16()
    query, key, value = (tiny.heads(torch.bfloat16, 40, n, 64)[0] for n in (9, 3, 3))
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(CacheAttention([(keys, values)], [[100] * 40], 1).attend(0, query, key, value, 0.1, None))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [None, 7])
@pytest.mark.parametrize(
    ("channels", "query_heads", "groups"), [(64, 9, 3), (128, 8, 8), (80, 10, 1), (96, 4, 2), (256, 2, 1), (12, 4, 2)]
)
def test_attention_of_packed_sequences(dtype, window, channels, query_heads, groups):
    query, key, value = (tiny.heads(dtype, TOKENS, n, channels)[0] for n in (query_heads, groups, groups))
    found = PackedAttention(SEQUENCES).attend(query, key, value, 0.3, window)
    assert found.shape == (TOKENS, query_heads, channels) and found.dtype == dtype
    # weights may be rounded to bfloat16 before they meet the values
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 2**-7, "atol": 4e-3}
    for own, parts in SEQUENCES:
        for token in range(own.start, own.stop):
            seen = [slice(part.start, min(part.stop, token + 1)) if part == own else part for part in parts]
            keys, values = (torch.cat([x[:, part] for part in seen], 1) for x in (key, value))
            expected = attended(query[:, token], keys, values, 0.3, window)
            torch.testing.assert_close(found[token].double(), expected, **tolerance)


def whole_attention(query, key, value, scaling, window):
    """Attention of the packed sequences in float64, `[T, H, D]`."""
    seen = torch.zeros(TOKENS, TOKENS, dtype=torch.bool)
    for own, parts in SEQUENCES:
        columns = torch.cat([torch.arange(part.start, part.stop) for part in parts])
        rows = torch.arange(len(columns) - (own.stop - own.start), len(columns))[:, None]
        places = torch.arange(len(columns))
        seen[own, columns] = (places <= rows) & (places > rows - (window or TOKENS))
    repeat = len(query) // len(key)
    scores = query @ key.repeat_interleave(repeat, 0).transpose(1, 2) * scaling
    weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
    return (weights @ value.repeat_interleave(repeat, 0)).transpose(0, 1)


@by_matrix_unit
@pytest.mark.parametrize("window", [None, 7])
@pytest.mark.parametrize(("channels", "query_heads", "groups"), [(64, 9, 3), (128, 8, 8), (64, 5, 1), (128, 4, 2)])
def test_gradients_of_packed_sequences(window, channels, query_heads, groups):
    inputs = [tiny.heads(torch.bfloat16, TOKENS, n, channels)[0] for n in (query_heads, groups, groups)]
    grad = torch.randn(TOKENS, query_heads, channels).bfloat16()
    with torch.inference_mode(False), torch.enable_grad():
        leaves = [x.clone().requires_grad_() for x in inputs]
        exact = [x.clone().double().requires_grad_() for x in inputs]
        found = PackedAttention(SEQUENCES).attend(*leaves, 0.2, window)
        expected = whole_attention(*exact, 0.2, window)
        flowing = torch.autograd.grad(found, leaves, grad.clone())
        wanted = torch.autograd.grad(expected, exact, grad.clone().double())
    torch.testing.assert_close(found.double(), expected, rtol=2**-7, atol=4e-3)
    for one, other in zip(flowing, wanted, strict=True):
        assert one.dtype == torch.bfloat16
        assert (one - other).norm() <= 2**-7 * other.norm()
        torch.testing.assert_close(one.double(), other, rtol=2**-6, atol=2**-6 * other.abs().max().item())


@by_matrix_unit
def test_gradients_do_not_depend_on_the_number_of_threads():
    inputs = [tiny.heads(torch.bfloat16, TOKENS, n, 64)[0] for n in (9, 3, 3)]
    threads, found = torch.get_num_threads(), []
    plan, grad = PackedAttention(SEQUENCES), torch.randn(TOKENS, 9, 64).bfloat16()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            kept = plan.attend_and_keep(*inputs, 0.1, 0)
            found.append((*kept, *plan.gradients(grad, kept, inputs, 0.1, 0)))
    finally:
        torch.set_num_threads(threads)
    assert all(map(torch.equal, *found))
