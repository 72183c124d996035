"""The flash kernel's path of packed attention: on the processor with a stand-in for the kernel, and where there is a
CUDA device with the kernel itself.
"""

from __future__ import annotations

import itertools
import random

import pytest
import torch
import torch.nn.functional as F

import tiny
from darkhorse.policy import varlen
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: the kernels are not tested")

LENGTHS = [(9, (3, 12, 1, 7)), (2, (8,)), (1, (1, 2)), (14, (2, 0, 2)), (6, ())]


def row(seed: int = 1) -> list[Segment]:
    rng = random.Random(seed)

    def tokens(count: int) -> list[int]:
        return [rng.randrange(tiny.VOCABULARY) for _ in range(count)]

    return [Segment(tokens(prompt), [tokens(count) for count in counts]) for prompt, counts in LENGTHS]


def stand_in(query, key, value, cu_q, cu_k, max_q, max_k, *, scale, window_size, enable_gqa=False):
    """What the kernel's documentation says: sequence by sequence, causal from the bottom right."""
    left, right = window_size
    assert right == 0
    assert enable_gqa == (query.shape[1] != key.shape[1])
    assert max_q == cu_q.diff().max() and max_k == cu_k.diff().max()
    assert cu_q.dtype == cu_k.dtype == torch.int32
    parts = []
    for (q_start, q_stop), (k_start, k_stop) in zip(itertools.pairwise(cu_q), itertools.pairwise(cu_k), strict=True):
        q, k, v = (x.transpose(0, 1) for x in (query[q_start:q_stop], key[k_start:k_stop], value[k_start:k_stop]))
        at = torch.arange(k.shape[1] - q.shape[1], k.shape[1])[:, None]
        column = torch.arange(k.shape[1])[None]
        seen = (column <= at) & ((column >= at - left) if left >= 0 else True)
        parts.append(F.scaled_dot_product_attention(q, k, v, seen, scale=scale, enable_gqa=enable_gqa).transpose(0, 1))
    return torch.cat(parts)


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("groups", [True, False])
def test_one_call_equals_separate_sequences(kind, groups, monkeypatch):
    calls = []

    def counting(*args, **kwargs):
        calls.append(1)
        return stand_in(*args, **kwargs)

    monkeypatch.setattr(varlen, "serves", lambda query: True)
    monkeypatch.setattr(varlen, "kernel", lambda: (counting, groups))
    reference = tiny.model(kind, torch.float64)
    packed = tiny.packed(reference)
    weights = torch.randn(sum(len(c) for s in row() for c in s.completions), dtype=torch.float64)

    separate = torch.cat([tiny.reference_logprobs(reference, s.prompt, c) for s in row() for c in s.completions])
    (separate * weights).sum().backward()
    together, _ = completion_logprobs(packed, PackedPlan(row()))
    (together * weights).sum().backward()

    torch.testing.assert_close(together, separate, rtol=0, atol=1e-5)
    tiny.assert_same_gradients(tiny.gradients(packed), tiny.gradients(reference))
    assert len(calls) == packed.config.num_hidden_layers


def test_lone_completions_repeat_no_key():
    sequences = PackedPlan([Segment([1, 2], [[3, 4]]), Segment([5])])._sequences()
    assert varlen.VarlenAttention(sequences, torch.device("cpu"))._key_index is None


def test_the_processor_has_no_such_kernel():
    assert not varlen.serves(torch.zeros(2, 3, 8, dtype=torch.bfloat16))


def test_the_library_offers_the_kernel():
    assert varlen.kernel() is not None
    schema = torch.ops.aten._flash_attention_forward.default._schema
    names = [argument.name for argument in schema.arguments]
    assert names[:10] == [
        *("query", "key", "value", "cum_seq_q", "cum_seq_k", "max_q", "max_k", "dropout_p", "is_causal"),
        "return_debug_mask",
    ]
    assert {"scale", "window_size_left", "window_size_right", "seqused_k"} < set(names)


@needs_cuda
@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("queries", [1, 7])
def test_decoding_by_the_kernel_agrees_with_float32(window, queries):
    slots, heads, room, width = 5, 2, 256, 64
    generator = torch.Generator("cuda").manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, device="cuda", generator=generator).bfloat16()

    query, keys, values = draw(slots * heads, queries, width), *draw(2, slots * heads, room, width)
    positions = torch.tensor([0, 3, 255, 64, 100], device="cuda")
    found = varlen.DecodeAttention(positions, heads, room).attend(query, keys, values, 0.2, window)
    column, position = torch.arange(room, device="cuda"), positions.repeat_interleave(heads)[:, None]
    seen = (column <= position) & ((column > position - window) if window else True)
    wanted = F.scaled_dot_product_attention(query.float(), keys.float(), values.float(), seen[:, None], scale=0.2)
    torch.testing.assert_close(found.float(), wanted, rtol=0, atol=0.03)


@needs_cuda
@pytest.mark.parametrize("kind", ["llama", "mistral"])
def test_the_kernel_agrees_with_float32(kind):
    reference = tiny.model(kind)
    # the kernel's backward pass wants heads of at least 8 channels, which the tiny models have
    packed = tiny.packed(reference).to("cuda", torch.bfloat16)
    probe = torch.zeros(4, 3, 8, device="cuda", dtype=torch.bfloat16)
    assert varlen.serves(probe)
    together, _ = completion_logprobs(packed, PackedPlan(row()))
    (-together.mean()).backward()
    separate = torch.cat([tiny.reference_logprobs(reference, s.prompt, c) for s in row() for c in s.completions])
    (-separate.mean()).backward()
    torch.testing.assert_close(together.float().cpu(), separate, rtol=0, atol=0.25)
    wanted, found = tiny.gradients(reference), tiny.gradients(packed)
    for name, gradient in wanted.items():
        assert F.cosine_similarity(found[name].float().cpu().flatten(), gradient.flatten(), 0) > 0.98, name
