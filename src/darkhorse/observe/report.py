"""The report of a run: one HTML file that opens anywhere, with results, curves and a browser of samples.

The page loads nothing: style and script are inline and pinned by hash in its Content-Security-Policy, and everything
a model wrote is inert JSON that the script shows as text only.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from darkhorse.errors import UserError
from darkhorse.observe.jsonl import finite, naming_a_full_disk
from darkhorse.observe.run_folder import clip, read_curves, read_object, read_samples, stage_names

MAX_ROWS = 1500
"""Samples embedded of one rollouts or evaluation file."""

MAX_SAMPLE_BYTES = 8_000_000
"""Samples embedded in all, shared equally among the files."""

MAX_CHARACTERS = 12_000
"""Longest single text embedded."""

_SCRIPTS = ("report.js", "benchmarks.js", "charts.js", "samples.js")


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into a run's folder from whatever the run has produced so far.

    Returns:
        The path of the page.

    Raises:
        UserError: there is no such folder, or the disk is full.
    """
    if not run_dir.is_dir():
        raise UserError(f"There is no run folder '{run_dir}'.", "Give the folder of a run, such as runs/NAME.")
    return write_html(run_dir / "report.html", collect(run_dir))


def write_html(target: Path, data: dict[str, Any]) -> Path:
    """Write a page that shows `data`, whole or not at all.

    Args:
        target: the page.
        data: as from `collect`; `benchmarks`, the suites of an evaluation's results, may be among it.

    Returns:
        The path of the page.

    Raises:
        UserError: if the disk is full.
    """
    partial = target.with_name(f"{target.name}.partial")
    try:
        with naming_a_full_disk(target):
            partial.write_text(_page(data), encoding="utf-8")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def collect(run_dir: Path) -> dict[str, Any]:
    """Everything the page shows, as JSON-serialisable data; missing parts are empty, damaged ones leave a note."""
    notes: list[str] = []
    summary = read_object(run_dir / "summary.json", notes)
    recipe = read_object(run_dir / "recipe.toml", notes)
    stages = stage_names(run_dir, recipe, summary)
    curves = {stage: read_curves(run_dir / stage / "metrics.jsonl", notes) for stage in stages}
    return {
        "run": {
            "name": str(summary.get("name") or recipe.get("name") or run_dir.resolve().name),
            "model": _model_name(summary.get("model") or recipe.get("model")),
            "seed": summary.get("seed", recipe.get("seed")),
            "wall_seconds": summary.get("wall_seconds") or {},
        },
        "stages": stages,
        "results": summary.get("stages") or {},
        "paired": summary.get("paired") or {},
        "curves": {stage: metrics for stage, metrics in curves.items() if metrics},
        "benchmarks": read_object(run_dir / "benchmarks" / "results.json", notes).get("suites") or {},
        "samples": collect_samples(run_dir, _stage_files(run_dir, stages), notes),
        "notes": notes,
    }


def _model_name(model: Any) -> str:
    if isinstance(model, dict):
        return next((str(model[key]) for key in ("name", "path", "id") if model.get(key)), "")
    return str(model or "")


def collect_samples(
    folder: Path,
    files: Sequence[tuple[str, Path]],
    notes: list[str],
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_SAMPLE_BYTES,
    max_characters: int = MAX_CHARACTERS,
) -> dict[str, list[Any]]:
    """The samples of some files: `tasks` once each, and `rows` that point into them by index.

    Args:
        folder: that the files are in.
        files: each with the stage it is of.
        notes: where to say what is not shown.
        max_rows: of one file.
        max_bytes: in all, shared equally among the files.
        max_characters: of a single text.
    """
    files = [(stage, path) for stage, path in files if path.exists()]
    tasks: list[dict[str, Any]] = []
    index: dict[str, int] = {}
    rows: list[dict[str, Any]] = []
    for stage, path in files:
        samples = read_samples(path, max_rows, max_bytes // len(files), max_characters)
        name = path.relative_to(folder).as_posix()
        if samples.unreadable:
            notes.append(f"{name}: {samples.unreadable} lines could not be read.")
        if len(samples.rows) + samples.unreadable < samples.total:
            notes.append(f"{name}: {len(samples.rows):,} of {samples.total:,} samples are in this page, evenly spaced.")
        for row in samples.rows:
            task = _task_of(row)
            position = index.setdefault(json.dumps(task, default=repr), len(tasks))
            if position == len(tasks):
                tasks.append(task)
            rows.append({"stage": stage, "task": position, **_sample_of(row)})
    return {"tasks": tasks, "rows": rows}


def _stage_files(run_dir: Path, stages: Sequence[str]) -> list[tuple[str, Path]]:
    return [
        (stage, path)
        for stage in stages
        for path in (run_dir / stage / "rollouts.jsonl", run_dir / "evals" / f"{stage}.jsonl")
    ]


def _task_of(row: dict[str, Any]) -> dict[str, Any]:
    truth = row.get("truth")
    truth = truth if isinstance(truth, str) else json.dumps(truth, indent=1, ensure_ascii=False)
    return {
        "id": str(row.get("task_id", "")),
        "suite": str(row.get("suite") or ""),
        "source": str(row.get("source") or ""),
        "verifier": str(row.get("verifier") or ""),
        "prompt": _messages(row.get("prompt")),
        "tools": [str(tool) for tool in row.get("tools") or []],
        "truth": clip(truth, MAX_CHARACTERS),
    }


def _sample_of(row: dict[str, Any]) -> dict[str, Any]:
    turns = _messages(row.get("turns"))
    if not turns:
        turns = [{"role": "assistant", "content": f"{row.get('thinking', '')}</think>{row.get('answer', '')}"}]
    names = ("step", "mode", "verdict", "score", "reason", "reward", "advantage", "tokens", "finish_reason")
    return {"turns": turns, **{name: row[name] for name in names if row.get(name) is not None}}


def _messages(messages: Any) -> list[dict[str, str]]:
    """Messages as role and text; tool calls and content that is not text are shown as JSON."""
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    shown = []
    for message in messages or []:
        content = message.get("content")
        text = content if isinstance(content, str) else "" if content is None else json.dumps(content, indent=1)
        calls = message.get("tool_calls")
        if calls and "<tool_call>" not in text:
            text += "\n" + json.dumps(calls, indent=1, ensure_ascii=False)
        shown.append({"role": str(message.get("role", "")), "content": text})
    return shown


def _page(data: dict[str, Any]) -> str:
    folder = resources.files("darkhorse.observe") / "templates"
    css = (folder / "report.css").read_text(encoding="utf-8")
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    parts = {
        "title": html.escape(data["run"]["name"]),
        "policy": f"default-src 'none'; img-src data:; style-src {_hash(css)}; script-src {_hash(script)}",
        "css": css,
        "script": script,
        # An escaped "<" can neither close the data block nor open a comment in it.
        "data": json.dumps(finite(data), allow_nan=False, default=repr, separators=(",", ":")).replace("<", "\\u003c"),
    }
    template = (folder / "report.html").read_text(encoding="utf-8")
    # One pass: a marker's name inside the data is left alone.
    return re.sub(r"\{\{(\w+)\}\}", lambda marker: parts[marker[1]], template)


def _hash(text: str) -> str:
    """The source expression that lets an inline block with exactly this text run (Content Security Policy 3)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
