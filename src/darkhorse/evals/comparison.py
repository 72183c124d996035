"""Two evaluations compared problem by problem."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkhorse.errors import UserError
from darkhorse.evals.figures import compare
from darkhorse.evals.measure import SETTINGS
from darkhorse.observe import jsonl


def compare_folders(first: Path, second: Path, suites: Sequence[str]) -> dict[str, dict[str, Any] | None]:
    """By suite, the paired difference of the second evaluation to the first; None where they share too few problems.

    Raises:
        UserError: if the first folder holds no evaluation.
    """
    if not (first / SETTINGS).is_file():
        raise UserError(
            f"'{first}' holds no evaluation.", "Give the folder that 'darkhorse eval' wrote its results to."
        )
    return {suite: compare(_rows(first, suite), _rows(second, suite)) for suite in suites}


def _rows(folder: Path, suite: str) -> list[dict[str, Any]]:
    return list(jsonl.read(folder / "samples" / f"{suite}.jsonl"))
