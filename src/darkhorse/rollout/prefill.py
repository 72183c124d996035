"""Reading prompts together, the beginnings they share only once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor

from darkhorse.policy.attention import AttentionPlan
from darkhorse.policy.packing import ContinuedPlan, PackedPlan, Segment

_CPU_TOKENS, _GPU_TOKENS = 2048, 16384
"""On a processor, what stays in its caches; on a graphics processor, what fills it."""
_PIECE = 512
"""Tokens read at once of a prompt that is longer than what is read at once of several."""
_LEAST_SHARED = 32

Forward: TypeAlias = Callable[[AttentionPlan, Tensor, Tensor], Tensor]
"""Hidden states, `[T, C]`, of tokens and positions, `[1, T]` each, by a plan."""
Read: TypeAlias = tuple[Tensor, Iterator[tuple[Tensor, Tensor]]]
"""Of prompts: last hidden states, `[prompts, C]`, and each one's keys and values, `[L, K, T, D]`."""


def tokens_at_once(device: torch.device) -> int:
    """About how many tokens are read together, common beginnings counted once; longer prompts are read in pieces."""
    return _CPU_TOKENS if device.type == "cpu" else _GPU_TOKENS


def read_prompts(forward: Forward, prompts: Sequence[Sequence[int]]) -> Read:
    """Compute prompts in one pass."""
    keys: dict[int, Tensor] = {}
    values: dict[int, Tensor] = {}

    def sink(layer: int, key_KTD: Tensor, value_KTD: Tensor) -> None:
        keys[layer], values[layer] = key_KTD, value_KTD

    segments, places = pack_prompts(prompts)
    plan = PackedPlan(segments, sink)
    hidden = forward(plan, plan.input_ids, plan.position_ids)
    keys_LKTD, values_LKTD = _stacked(keys), _stacked(values)

    def of(place: PromptRows) -> tuple[Tensor, Tensor]:
        return (
            torch.cat([keys_LKTD[:, :, place.shared], keys_LKTD[:, :, place.own]], 2),
            torch.cat([values_LKTD[:, :, place.shared], values_LKTD[:, :, place.own]], 2),
        )

    return hidden[torch.tensor([place.own.stop - 1 for place in places])], map(of, places)


def read_in_pieces(forward: Forward, prompt: Sequence[int]) -> Iterator[Read | None]:
    """Compute a long prompt, piece by piece, so that what a pass needs does not grow with the square of its length.
    None after every piece but the last.
    """
    plan = ContinuedPlan()
    for start in range(0, len(prompt), _PIECE):
        piece = torch.tensor([prompt[start : start + _PIECE]])
        hidden = forward(plan, piece, plan.go_on(piece.shape[1]))
        if start + _PIECE < len(prompt):
            yield None
    yield hidden[-1:], iter([(_stacked(plan.keys), _stacked(plan.values))])


def _stacked(by_layer: dict[int, Tensor]) -> Tensor:
    """`[L, K, T, D]`."""
    return torch.stack([by_layer[layer] for layer in sorted(by_layer)])


@dataclass(frozen=True)
class PromptRows:
    """Where a prompt lies in a packed row: the part it shares with others, and its own part, which is never empty."""

    shared: slice
    own: slice


def pack_prompts(prompts: Sequence[Sequence[int]]) -> tuple[list[Segment], list[PromptRows]]:
    """Pack prompts so that a long common beginning is computed once, and equal prompts altogether once.

    Args:
        prompts: token ids, none empty.

    Returns:
        Segments whose prompts are the shared beginnings and whose completions are the rests, and for every prompt, in
        the order given, its place in their packed row.
    """
    segments: list[Segment] = []
    rows: dict[tuple[int, ...], PromptRows] = {}
    start = 0
    for shared, members in _clusters(sorted({tuple(prompt) for prompt in prompts})):
        segments.append(Segment(members[0][:shared], [member[shared:] for member in members]))
        stop = start + shared
        for member in members:
            own = slice(stop, stop + len(member) - shared)
            rows[member] = PromptRows(slice(start, start + shared), own)
            stop = own.stop
        start = stop
    return segments, [rows[tuple(prompt)] for prompt in prompts]


def _clusters(order: Sequence[tuple[int, ...]]) -> list[tuple[int, Sequence[tuple[int, ...]]]]:
    """Runs of sorted prompts with the length of what each shares: those that leave the fewest tokens."""
    neighbours = [common_beginning(one, other) for one, other in pairwise(order)]
    saved = [0]  # by the best runs of the first so many prompts
    last: list[tuple[int, int]] = []  # where the last of these runs starts, and what it shares
    for stop in range(1, len(order) + 1):
        choices = [(saved[stop - 1], stop - 1, 0)]
        shared = len(order[stop - 1])
        for start in range(stop - 2, -1, -1):
            shared = min(shared, neighbours[start])
            if shared < _LEAST_SHARED:
                break
            choices.append((saved[start] + (stop - start - 1) * shared, start, shared))
        most, start, shared = max(choices)
        saved.append(most)
        last.append((start, shared))
    clusters: list[tuple[int, Sequence[tuple[int, ...]]]] = []
    stop = len(order)
    while stop:
        start, shared = last[stop - 1]
        clusters.append((shared, order[start:stop]))
        stop = start
    return clusters[::-1]


def common_beginning(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the common beginning of two prompts, one short of a whole prompt at most."""
    limit = min(len(first), len(second)) - 1
    for position in range(limit):
        if first[position] != second[position]:
            return position
    return limit
