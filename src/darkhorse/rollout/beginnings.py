"""Sequences that begin alike, found without comparing their tokens at every step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakValueDictionary

_GRAIN = 16


class Beginning:
    """The first tokens of a sequence; of all sequences that begin so it is the same object."""

    __slots__ = ("__weakref__", "length")

    def __init__(self, length: int) -> None:
        self.length = length


class Beginnings:
    """Gives sequences their beginnings, every 16 tokens one, for as long as somebody holds them."""

    def __init__(self) -> None:
        # by the beginning before it, which lives as long, and the tokens that follow
        self._known: WeakValueDictionary[tuple[Beginning | None, tuple[int, ...]], Beginning] = WeakValueDictionary()

    def of(self, tokens: Sequence[int]) -> list[Beginning]:
        """Those of a sequence, shortest first."""
        found: list[Beginning] = []
        for stop in range(_GRAIN, len(tokens) + 1, _GRAIN):
            after = found[-1] if found else None
            fresh = Beginning(stop)  # held until it is
            found.append(self._known.setdefault((after, tuple(tokens[stop - _GRAIN : stop])), fresh))
        return found


def equals(sequences: Iterable[Sequence[Beginning]]) -> list[tuple[int, int]]:
    """For each of some sequences, the first one that has the longest beginning in common with it, and how many tokens
    that is; itself and 0 where none has.
    """
    found: list[tuple[int, int]] = []
    seen: dict[Beginning, int] = {}
    for number, beginnings in enumerate(sequences):
        known = next((one for one in reversed(beginnings) if one in seen), None)
        found.append((number, 0) if known is None else (seen[known], known.length))
        for beginning in beginnings:
            seen.setdefault(beginning, number)
    return found
