"""Reading prompts together, the beginnings they share only once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darkhorse.policy.packing import Segment

_LEAST_SHARED = 32
_KEPT_SHARE = 0.7


@dataclass(frozen=True)
class PromptRows:
    """Where a prompt lies in a packed row: the part it shares with others, and its own part, which is never empty."""

    shared: slice
    own: slice


def pack_prompts(prompts: Sequence[Sequence[int]]) -> tuple[list[Segment], list[PromptRows]]:
    """Pack prompts so that a long common beginning is computed once.

    Args:
        prompts: token ids, none empty.

    Returns:
        Segments whose prompts are the shared beginnings and whose completions are the rests, and for every prompt, in
        the order given, its place in their packed row.
    """
    segments: list[Segment] = []
    rows: dict[int, PromptRows] = {}
    start = 0
    for shared, members in _clusters(prompts):
        segments.append(Segment(prompts[members[0]][:shared], [prompts[member][shared:] for member in members]))
        stop = start + shared
        for member in members:
            own = slice(stop, stop + len(prompts[member]) - shared)
            rows[member] = PromptRows(slice(start, start + shared), own)
            stop = own.stop
        start = stop
    return segments, [rows[number] for number in range(len(prompts))]


def _clusters(prompts: Sequence[Sequence[int]]) -> list[tuple[int, list[int]]]:
    """Runs of prompts, in sorted order, with the length of what each run shares.

    A prompt joins the run before it if they share enough, and the run does not lose much of what it shared so far.
    """
    clusters: list[tuple[int, list[int]]] = []
    for number in sorted(range(len(prompts)), key=lambda index: list(prompts[index])):
        if clusters:
            shared, members = clusters[-1]
            common = min(_common(prompts[members[0]], prompts[number]), shared or len(prompts[members[0]]) - 1)
            if common >= _LEAST_SHARED and (len(members) == 1 or common >= _KEPT_SHARE * shared):
                clusters[-1] = (common, [*members, number])
                continue
        clusters.append((0, [number]))
    return clusters


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the common beginning, one short of a whole prompt at most."""
    limit = min(len(first), len(second)) - 1
    for position in range(limit):
        if first[position] != second[position]:
            return position
    return limit
