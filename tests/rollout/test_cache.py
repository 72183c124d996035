"""The slot cache against plain lists: sequences come, grow, and go in any order."""

from __future__ import annotations

from itertools import takewhile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import LlamaConfig

from darkhorse.rollout.beginnings import equals
from darkhorse.rollout.buffers import Buffers
from darkhorse.rollout.cache import DecodePlan, SlotCache

LAYERS, HEADS, KV_HEADS, CHANNELS = 2, 4, 2, 8
CONFIG = LlamaConfig(
    num_hidden_layers=LAYERS,
    num_attention_heads=HEADS,
    num_key_value_heads=KV_HEADS,
    hidden_size=HEADS * CHANNELS,
    head_dim=CHANNELS,
)
SCALING = 0.3
END = 1000

Sequences = list[tuple[Tensor, Tensor]]


def sequence(length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    keys, values = torch.randn(2, LAYERS, KV_HEADS, length, CHANNELS, dtype=torch.float64, generator=generator)
    return keys, values


def attended(query_HD: Tensor, keys_KTD: Tensor, values_KTD: Tensor, window: int | None) -> Tensor:
    """One token's attention, head by head."""
    out = []
    for head, query_D in enumerate(query_HD):
        kv_head = head // (HEADS // KV_HEADS)
        keys_TD, values_TD = keys_KTD[kv_head], values_KTD[kv_head]
        if window is not None:
            keys_TD, values_TD = keys_TD[-window:], values_TD[-window:]
        out.append((keys_TD @ query_D * SCALING).softmax(0) @ values_TD)
    return torch.stack(out)


@torch.inference_mode()
def step(cache: SlotCache, held: Sequences, window: int | None, generator: torch.Generator) -> None:
    """Decode one token of every sequence, and compare what it gathers."""
    spans = cache.advance()
    positions = [position for span in spans for position in span.positions]
    assert positions == [keys.shape[2] for keys, _ in held]
    plan = DecodePlan(spans, torch.tensor(positions))
    fresh = torch.randn(2, LAYERS, KV_HEADS, len(held), CHANNELS, dtype=torch.float64, generator=generator)
    query_LHTD = torch.randn(LAYERS, HEADS, len(held), CHANNELS, dtype=torch.float64, generator=generator)
    for slot, (keys, values) in enumerate(held):
        more_keys, more_values = fresh[:, :, :, slot, None]
        held[slot] = torch.cat([keys, more_keys], 2), torch.cat([values, more_values], 2)
    for layer in range(LAYERS):
        found_THD = plan.attend(layer, query_LHTD[layer], fresh[0, layer], fresh[1, layer], SCALING, window)
        for slot, (keys, values) in enumerate(held):
            expected_HD = attended(query_LHTD[layer, :, slot], keys[layer], values[layer], window)
            torch.testing.assert_close(found_THD[slot], expected_HD)


@settings(max_examples=40)
@given(data=st.data(), slots=st.integers(1, 5), window=st.sampled_from([None, 3]))
def test_slots_follow_sequences_that_come_and_go(data: st.DataObject, slots: int, window: int | None) -> None:
    generator = torch.Generator().manual_seed(0)
    cache = SlotCache(CONFIG, slots, Buffers(torch.float64, torch.device("cpu")))
    held: Sequences = []
    for _ in range(data.draw(st.integers(1, 8))):
        for length in data.draw(st.lists(st.integers(1, 300), max_size=4)):
            added = sequence(length, generator)
            held.insert(cache.add(*added, END), added)
        if held:
            step(cache, held, window, generator)
        for _ in range(data.draw(st.integers(0, len(held)))):
            slot = data.draw(st.integers(0, len(held) - 1))
            keys, values = cache.copy(slot)
            assert torch.equal(keys, held[slot][0]) and torch.equal(values, held[slot][1])
            moved = cache.remove(slot)
            held[slot] = held[moved]
            del held[moved]


def in_common(one: list[int], other: list[int]) -> int:
    """Tokens at the beginning of both."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


@settings(max_examples=40)
@given(data=st.data())
def test_slots_that_begin_alike_stay_known_as_others_come_and_go(data: st.DataObject) -> None:
    generator = torch.Generator().manual_seed(0)
    cache = SlotCache(CONFIG, 3, Buffers(torch.float64, torch.device("cpu")))
    longest = sequence(300, generator)
    held: list[list[int]] = []
    for _ in range(data.draw(st.integers(1, 8))):
        for own in data.draw(st.lists(st.integers(0, 90), max_size=4)):
            # the first tokens are everybody's; what was computed for equal beginnings is equal
            tokens = [*range(90 - own), *[len(held)] * (own + data.draw(st.integers(1, 150)))]
            keys, values = (x[:, :, : len(tokens)].clone() for x in longest)
            keys[:, :, 90 - own :] += len(held) + 1
            held.insert(cache.add(keys, values, END, tokens), tokens)
        if not held:
            continue
        found = equals(beginnings for span in cache.advance() for beginnings in span.beginnings)
        for number, (other, equal) in enumerate(found):
            common = [in_common(held[number], before) // 16 * 16 for before in held[:number]]
            assert equal == max(common, default=0) and other == (common.index(equal) if equal else number)
            mine, others = (cache.copy(slot)[0][:, :, :equal] for slot in (number, other))
            assert torch.equal(mine, others)
        for slot in range(len(held)):
            cache.shorten(slot, 1)
        for _ in range(data.draw(st.integers(0, len(held)))):
            slot = data.draw(st.integers(0, len(held) - 1))
            moved = cache.remove(slot)
            held[slot] = held[moved]
            del held[moved]


def test_sequences_outgrow_their_block() -> None:
    generator = torch.Generator().manual_seed(1)
    cache = SlotCache(CONFIG, 8, Buffers(torch.float64, torch.device("cpu")))
    held: Sequences = []
    for length in (30, 50, 31):
        added = sequence(length, generator)
        held.insert(cache.add(*added, END), added)
    assert len(cache.ledger.blocks) == 1
    before = cache.ledger.blocks[0].positions
    for _ in range(before):
        step(cache, held, None, generator)
    assert cache.ledger.blocks[0].positions > before


def test_long_sequences_lie_apart_from_short_ones() -> None:
    generator = torch.Generator().manual_seed(2)
    cache = SlotCache(CONFIG, 8, Buffers(torch.float64, torch.device("cpu")))
    order = [cache.add(*sequence(length, generator), END) for length in (20, 400, 25, 410)]
    assert order == [0, 1, 1, 3]
    assert [block.active for block in cache.ledger.blocks] == [2, 2]


def test_what_the_ledger_has_no_room_for_is_not_added() -> None:
    generator = torch.Generator().manual_seed(3)
    cache = SlotCache(CONFIG, 8, Buffers(torch.float64, torch.device("cpu")), capacity=150)
    added = sequence(20, generator)
    assert cache.add(*added, 60) == 0
    with pytest.raises(RuntimeError, match="no room"):
        cache.add(*added, 60)
