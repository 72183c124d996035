"""Evaluations as other harnesses write them: export and import of lm-evaluation-harness's and Inspect's logs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from darkhorse.errors import UserError, described
from darkhorse.evals.logs import inspect_ai, lm_eval
from darkhorse.evals.measure import RESULTS, SETTINGS
from darkhorse.observe import jsonl
from darkhorse.policy.saving import write_file

FORMATS = ("inspect", "lm_eval")


def export_logs(folder: Path, output: Path, form: str) -> list[Path]:
    """Write an evaluation as another harness would have.

    Args:
        folder: of the evaluation.
        output: where to write; made if it is not there.
        form: one of `FORMATS`.

    Returns:
        The files written.

    Raises:
        UserError: if the folder holds no evaluation.
    """
    if not (folder / RESULTS).is_file():
        raise UserError(f"'{folder}' holds no finished evaluation.", "Give the folder that 'darkhorse eval' wrote to.")
    results = json.loads((folder / RESULTS).read_text())
    rows = {suite: _in_order(jsonl.read(folder / "samples" / f"{suite}.jsonl")) for suite in results["suites"]}
    writer = inspect_ai.exported if form == "inspect" else lm_eval.exported
    written = []
    for name, text in writer(results, rows):
        write_file(output / name, text)
        written.append(output / name)
    return written


def _in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Samples problem by problem, whatever order they ended in."""
    return sorted(rows, key=lambda row: (row["task_id"], row["sample"]))


def import_logs(paths: Iterable[Path], output: Path) -> dict[str, int]:
    """Read logs of other harnesses into a folder that `--baseline` and the report take.

    Args:
        paths: Inspect's JSON logs, or the harness's `samples_*.jsonl`.
        output: the folder.

    Returns:
        How many samples there are of each suite.

    Raises:
        UserError: if a file is none of these, or the folder holds an evaluation.
    """
    if (output / SETTINGS).exists():
        raise UserError(f"'{output}' holds an evaluation already.", "Give another folder.")
    rows: dict[str, list[dict[str, Any]]] = {}
    for path in paths:
        reader = inspect_ai.imported if path.suffix == ".json" else lm_eval.imported
        try:
            found = list(reader(path))
        except (ValueError, KeyError, TypeError) as error:
            what = described(error)
            raise UserError(
                f"'{path}' cannot be read as a log: {what}.",
                "Give Inspect's JSON logs ('inspect log convert --to json'), or samples_*.jsonl of lm-eval.",
            ) from error
        for row in found:
            rows.setdefault(row["suite"], []).append(row)
    for suite, part in rows.items():
        target = output / "samples" / f"{suite}.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        jsonl.append(target, part)
    models = sorted({row["stage"] for part in rows.values() for row in part})
    write_file(
        output / SETTINGS, json.dumps({"target": {"kind": "imported", "model": ", ".join(models)}, "suites": {}})
    )
    return {suite: len(part) for suite, part in rows.items()}
