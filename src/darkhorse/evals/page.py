"""`report.html` of an evaluation: the figures beside published ones, and every sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkhorse.observe.report import MAX_CHARACTERS, collect_samples, write_html

_PAGE_CHARACTERS = 48_000_000
_SHORTEST = 300
_TEXTS = 3  # prompt, answer and truth


def write_page(folder: Path, results: Mapping[str, Any]) -> Path:
    """Write the report into the folder of an evaluation.

    Every sample is in it; where there are many, long texts lose their middle so that a browser can still open it.

    Args:
        folder: that holds `samples/`.
        results: as in `results.json`.

    Returns:
        The path of the page.

    Raises:
        UserError: if the disk is full.
    """
    model = str(results["target"]["model"])
    files = [folder / "samples" / f"{suite}.jsonl" for suite in results["suites"]]
    count = sum(_lines(path) for path in files)
    longest = max(_SHORTEST, min(MAX_CHARACTERS, _PAGE_CHARACTERS // (_TEXTS * max(1, count))))
    notes: list[str] = []
    if longest < MAX_CHARACTERS:
        notes.append(f"Texts of more than {longest:,} characters are shortened here; samples/ holds them whole.")
    samples = collect_samples(folder, [(model, path) for path in files], notes, max(1, count), 1 << 40, longest)
    return write_html(
        folder / "report.html",
        {
            "run": {"name": model, "model": model, "seed": results["seed"], "wall_seconds": {}},
            "stages": [model],
            "results": {},
            "paired": {},
            "curves": {},
            "benchmarks": results["suites"],
            "samples": samples,
            "notes": notes,
        },
    )


def _lines(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)
