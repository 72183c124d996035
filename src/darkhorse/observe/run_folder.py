"""Reading a run's folder for its report: which stages there are, their curves, and an even share of their samples."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from darkhorse.errors import UserError
from darkhorse.observe import jsonl
from darkhorse.observe.metrics import read_metrics

T = TypeVar("T")

USUAL_ORDER = ("base", "cold_start", "preference_model", "reason", "general")
"""Stage order when the recipe does not say otherwise."""

MAX_POINTS = 1000
"""Points kept of one curve."""


def thin(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of `items`, evenly spaced, first and last among them."""
    if len(items) <= count:
        return list(items)
    if count <= 1:
        return list(items[:count])
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def read_object(path: Path, notes: list[str]) -> dict[str, Any]:
    """The content of a JSON or TOML file; empty when it is missing, or (with a note) when it cannot be read."""
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        notes.append(f"{path.name} could not be read: {error}")
        return {}
    return content if isinstance(content, dict) else {}


def stage_names(run_dir: Path, recipe: Mapping[str, Any], summary: Mapping[str, Any]) -> list[str]:
    """The stages that left a trace in the folder or the summary, in the order in which they ran."""
    logs = [*run_dir.glob("*/metrics.jsonl"), *run_dir.glob("*/rollouts.jsonl")]
    summarised = list(summary.get("stages") or {})
    found = {log.parent.name for log in logs} | {path.stem for path in run_dir.glob("evals/*.jsonl")} | {*summarised}
    planned = recipe.get("stages", recipe.get("stage", {}))
    if not isinstance(planned, dict):
        planned = [stage.get("name") for stage in planned]
    ordered = dict.fromkeys(["base", *planned, *USUAL_ORDER, *summarised, *sorted(found)])
    return [name for name in ordered if name in found]


def read_curves(path: Path, notes: list[str]) -> dict[str, dict[str, list[float]]]:
    """Every metric of a stage as `{"x": steps, "y": values}`, finite points only, at most `MAX_POINTS` of them."""
    try:
        rows = read_metrics(path)
    except UserError as error:
        notes.append(str(error))
        return {}
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name != "step" and isinstance(value, (int, float)) and math.isfinite(value):
                points.setdefault(name, []).append((row["step"], float(f"{value:.6g}")))
    kept = {name: thin(pairs, MAX_POINTS) for name, pairs in points.items()}
    return {name: {"x": [x for x, _ in pairs], "y": [y for _, y in pairs]} for name, pairs in kept.items()}


@dataclass(frozen=True)
class Samples:
    """Some rows of one samples file.

    Attributes:
        rows: the rows kept, evenly spaced over the file and so over the steps, long texts clipped.
        total: rows in the file.
        unreadable: rows that were to be kept but are torn or no JSON object.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    unreadable: int = 0


def read_samples(path: Path, max_rows: int, max_bytes: int, max_characters: int) -> Samples:
    """An even share of a rollouts or evaluation file; only the rows kept are parsed, so large files are fine.

    Args:
        path: a `rollouts.jsonl` or `evals/<stage>.jsonl`; a missing file is empty.
        max_rows: rows to keep at most.
        max_bytes: size of the kept rows in the page at most (one row is always kept).
        max_characters: longest text in a row; longer ones lose their middle.
    """
    if not path.exists():
        return Samples()
    with path.open("rb") as file:
        starts = [0]
        for line in file:
            starts.append(starts[-1] + len(line))
        starts.pop()
        parsed: list[dict[str, Any] | None] = []
        for start in thin(starts, max_rows):
            file.seek(start)
            parsed.append(jsonl.decode(file.readline()))
    rows = [clip(_without_repeats(row), max_characters) for row in parsed if row is not None]
    unreadable = len(parsed) - len(rows)
    sized = [(row, embedded_size(row)) for row in rows]
    while len(sized) > 1 and (size := sum(size for _, size in sized)) > max_bytes:
        sized = thin(sized, max(1, min(len(sized) - 1, len(sized) * max_bytes // size)))
    return Samples([row for row, _ in sized], len(starts), unreadable)


def embedded_size(row: Mapping[str, Any]) -> int:
    """Bytes a row takes in the page, where each `<` is written as an escape of six."""
    text = json.dumps(row, default=repr)
    return len(text) + 5 * text.count("<")


def _without_repeats(row: dict[str, Any]) -> dict[str, Any]:
    """The row without `thinking` and `answer` where `turns` holds them already."""
    return {name: value for name, value in row.items() if not row.get("turns") or name not in ("thinking", "answer")}


def clip(value: Any, longest: int) -> Any:
    """`value` with the middle of every text longer than `longest` characters replaced by a note of its length."""
    if isinstance(value, str) and len(value) > longest:
        half = longest // 2
        return f"{value[:half]}\n[… {len(value) - 2 * half:,} characters left out …]\n{value[-half:]}"
    if isinstance(value, dict):
        return {name: clip(item, longest) for name, item in value.items()}
    if isinstance(value, list):
        return [clip(item, longest) for item in value]
    return value
