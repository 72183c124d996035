"""Reading prompts together, the beginnings they share only once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from darkhorse.policy.packing import Segment

_LEAST_SHARED = 32


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
