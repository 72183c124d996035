"""Optimal one-to-one matching."""

from __future__ import annotations

from collections.abc import Sequence


def perfect_matching(fits: Sequence[Sequence[bool]]) -> list[int] | None:
    """A column for each row, no column twice, each fitting; None if there is no such matching.

    Kuhn's augmenting paths (the Hungarian method without weights), iterative.

    Args:
        fits: whether row and column fit.
    """
    columns = len(fits[0]) if fits else 0
    row_of: list[int | None] = [None] * columns
    for start in range(len(fits)):
        came_from: dict[int, int] = {}  # column to the row that reached it
        rows, free = [start], None
        while rows and free is None:
            row = rows.pop()
            for column in range(columns):
                if not fits[row][column] or column in came_from:
                    continue
                came_from[column] = row
                owner = row_of[column]
                if owner is None:
                    free = column
                    break
                rows.append(owner)
        if free is None:
            return None
        column_of = {row: column for column, row in enumerate(row_of) if row is not None}
        while True:
            row = came_from[free]
            row_of[free] = row
            if row == start:
                break
            free = column_of[row]
    chosen = {row: column for column, row in enumerate(row_of) if row is not None}
    return [chosen[row] for row in range(len(fits))]
