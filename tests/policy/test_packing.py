"""Packed rows against plain Transformers, in float64: values, loss and every gradient.

Transformers' norms compute in float32 whatever the model's type, which is what the tolerances allow for.
"""

from __future__ import annotations

import itertools
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from darkhorse.policy.attention import use_packed_attention
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment, hidden_states
from darkhorse.training.batches import micro_batches

LENGTHS = [(9, (3, 12, 1, 7)), (2, (8,)), (1, (1, 2)), (14, (2, 2))]
"""Prompt and completions of each segment: longer and shorter than the sliding window, and of one token."""


def tokens(count: int, rng: random.Random) -> list[int]:
    return [rng.randrange(tiny.VOCABULARY) for _ in range(count)]


def segments(lengths: list[tuple[int, tuple[int, ...]]], seed: int = 1) -> list[Segment]:
    rng = random.Random(seed)
    return [Segment(tokens(prompt, rng), [tokens(count, rng) for count in counts]) for prompt, counts in lengths]


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_prompt_shared_segments_equal_separate_sequences(kind):
    reference = tiny.model(kind, torch.float64)
    packed = tiny.packed(reference)
    row = segments(LENGTHS)
    weights = torch.randn(sum(len(c) for s in row for c in s.completions), dtype=torch.float64)

    separate = torch.cat([tiny.reference_logprobs(reference, s.prompt, c) for s in row for c in s.completions])
    (separate * weights).sum().backward()
    together, _ = completion_logprobs(packed, PackedPlan(row))
    (together * weights).sum().backward()

    torch.testing.assert_close(together, separate, rtol=0, atol=1e-5)
    tiny.assert_same_gradients(tiny.gradients(packed), tiny.gradients(reference))


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_plain_sequences_equal_plain_forward_passes(kind):
    reference = tiny.model(kind, torch.float64)
    packed = tiny.packed(reference)
    rng = random.Random(2)
    row = [tokens(count, rng) for count in (11, 1, 6)]
    with torch.no_grad():
        wanted = [reference.base_model(input_ids=torch.tensor([ids])).last_hidden_state[0] for ids in row]
        got = hidden_states(packed, PackedPlan([Segment(ids) for ids in row]))
    torch.testing.assert_close(got, torch.cat(wanted), rtol=0, atol=1e-5)


def test_the_sliding_window_matters():
    """The windowed models above would also pass if they ignored their windows and the sequences were short."""
    reference = tiny.model("mistral", torch.float64)
    ids = torch.tensor([tokens(12, random.Random(3))])
    windowed = reference.base_model(input_ids=ids).last_hidden_state
    reference.config.sliding_window = None
    full = reference.base_model(input_ids=ids).last_hidden_state
    torch.testing.assert_close(full[:, : tiny.WINDOW], windowed[:, : tiny.WINDOW], rtol=0, atol=1e-5)
    assert (full - windowed)[:, -1].abs().max() > 1e-2


LAYOUT = st.lists(
    st.tuples(st.integers(1, 9), st.lists(st.integers(0, 9), max_size=4).map(tuple)), min_size=1, max_size=4
)


@settings(max_examples=40)
@given(LAYOUT.filter(lambda row: any(sum(counts) for _, counts in row)), st.integers(0, 9))
def test_any_layout_gives_the_log_probabilities_of_separate_sequences(lengths, seed):
    row = segments(lengths, seed)
    with torch.no_grad():
        wanted = [tiny.reference_logprobs(REFERENCE, s.prompt, c) for s in row for c in s.completions]
        got, _ = completion_logprobs(PACKED, PackedPlan(row))
    torch.testing.assert_close(got, torch.cat(wanted), rtol=0, atol=1e-5)


REFERENCE = tiny.model("mistral", torch.float64)
PACKED = tiny.packed(REFERENCE)


@given(LAYOUT)
def test_the_row_holds_every_token_at_its_position(lengths):
    row = segments(lengths)
    plan = PackedPlan(row)
    pieces = [piece for s in row for piece in (s.prompt, *s.completions)]
    starts = [start for s in row for start in (0, *[len(s.prompt)] * len(s.completions))]
    assert plan.input_ids[0].tolist() == [token for piece in pieces for token in piece]
    positions = [at for piece, start in zip(pieces, starts, strict=True) for at in range(start, start + len(piece))]
    assert plan.position_ids[0].tolist() == positions
    assert plan.num_tokens == sum(s.num_tokens for s in row) == len(positions)


@given(LAYOUT, st.integers(1, 40))
def test_micro_batches_keep_order_and_stay_small(lengths, most):
    row = [(segment, number) for number, segment in enumerate(segments(lengths))]
    batches = micro_batches(row, most)
    assert [pair for batch in batches for pair in batch] == row
    sizes = [[segment.num_tokens for segment, _ in batch] for batch in batches]
    assert all(sum(size) <= most or len(size) == 1 for size in sizes)
    assert all(sum(first) + second[0] > most for first, second in itertools.pairwise(sizes))


def test_attention_outside_of_a_plan_is_an_error():
    with pytest.raises(RuntimeError, match=r"outside of an attention_plan"):
        tiny.packed(tiny.model())(input_ids=torch.tensor([[1, 2]]))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("attn_logit_softcapping", 50.0), ("final_logit_softcapping", 30.0), ("logits_scaling", 8.0)],
)
def test_a_model_that_computes_something_else_is_refused(setting, value):
    model = tiny.model("gemma3")
    setattr(model.config, setting, value)
    with pytest.raises(ValueError, match=setting):
        use_packed_attention(model)
