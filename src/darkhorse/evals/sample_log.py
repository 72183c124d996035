"""The samples of a suite on disk: one line each, written as soon as it is judged, so that a killed run loses none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkhorse.observe import jsonl
from darkhorse.observe.run_folder import clip
from darkhorse.tasks.task import Task

Row = dict[str, Any]
Key = tuple[str, int]

_LONGEST_TRUTH = 4_000


class SampleLog:
    """The samples of one suite.

    Args:
        path: of the file; a torn last line is what a killed process left, and is dropped.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        jsonl.repair(path)
        self._path = path
        self.rows: dict[Key, Row] = {}
        for row in jsonl.read(path):
            self.rows.setdefault((row["task_id"], row["sample"]), row)

    def missing(self, tasks: Sequence[Task], samples: int) -> list[tuple[Task, int]]:
        """The samples still to be run, problem by problem."""
        return [(task, number) for task in tasks for number in range(samples) if (task.id, number) not in self.rows]

    def add(self, row: Row) -> None:
        """Write a sample down.

        Raises:
            UserError: if the disk is full.
            ValueError: if it is there already.
        """
        key = (row["task_id"], row["sample"])
        if key in self.rows:
            raise ValueError(f"sample {key} was run twice")
        jsonl.append(self._path, [{**row, "truth": clip(row["truth"], _LONGEST_TRUTH)}])
        self.rows[key] = row

    def of(self, tasks: Sequence[Task], samples: int) -> list[Row]:
        """The samples of some tasks, in their order."""
        keys = ((task.id, number) for task in tasks for number in range(samples))
        return [self.rows[key] for key in keys if key in self.rows]
