"""Rows of task files and hub data sets, read lazily, and the tasks imported from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from darkhorse.errors import UserError, described, missing_extra
from darkhorse.tasks.importers import Importer, Origin
from darkhorse.tasks.mixture import FiniteSource, Item
from darkhorse.tasks.task import Demonstration

Row = dict[str, Any]

_PARQUET_BATCH_ROWS = 256


def load_rows(path: Path) -> Iterator[Row]:
    """Rows of a `.jsonl`, `.json` (a list of objects) or `.parquet` file, in order.

    JSON lines and Parquet are read as the iterator advances; blank lines are skipped.

    Raises:
        UserError: if the file is missing, of another kind or unreadable; names the file, the line or row and the
            problem. A broken row raises when the iterator reaches it.
    """
    readers = {".jsonl": _jsonl_rows, ".json": _json_rows, ".parquet": _parquet_rows}
    if path.suffix not in readers:
        raise UserError(f"Cannot read task file '{path}': unknown ending '{path.suffix}'.", f"Use {_or(readers)}.")
    if not path.is_file():
        raise UserError(f"There is no task file '{path}'.", "Check the path; it is relative to the working folder.")
    return readers[path.suffix](path)


def hub_rows(name: str, split: str = "train", subset: str | None = None) -> Iterator[Row]:
    """Rows of a data set on the Hugging Face hub, through `datasets` (imported when called).

    Raises:
        UserError: if `datasets` is not installed or cannot load the data set.
    """
    try:
        import datasets
    except ImportError as error:
        raise missing_extra("datasets", "hub", f"Loading the hub data set '{name}'") from error
    try:
        dataset = datasets.load_dataset(name, subset, split=split)
    except Exception as error:  # the hub, its network and its builders raise every kind of error
        which = f"'{name}' (subset '{subset}')" if subset else f"'{name}'"
        raise UserError(
            f"Cannot load split '{split}' of the hub data set {which}: {described(error)}",
            "Check name, subset, split and network; a downloaded copy can be read as a file source instead.",
        ) from error
    return (dict(row) for row in dataset)


def import_tasks(rows: Iterable[Row], importer: Importer, source: str) -> list[Item]:
    """Tasks (or demonstrations) of all rows, in order.

    Args:
        rows: as from `load_rows` or `hub_rows`.
        importer: one of `tasks.importers`, bound to its options.
        source: name of the file or data set, for task ids and error messages.

    Raises:
        UserError: if a row is not a task (names the row and field), if two tasks share an id, or there is no row.
    """
    items: list[Item] = []
    rows_by_id: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        item = importer(row, Origin(source, number))
        task = item.task if isinstance(item, Demonstration) else item
        if task.id in rows_by_id:
            raise UserError(
                f"{source}, row {number}: id '{task.id}' was already used in row {rows_by_id[task.id]}.",
                "Give every row its own id, or none at all.",
            )
        rows_by_id[task.id] = number
        items.append(item)
    if not items:
        raise UserError(f"'{source}' holds no tasks.", "Give a source with at least one row.")
    return items


def import_source(name: str, rows: Iterable[Row], importer: Importer, source: str) -> FiniteSource:
    """As `import_tasks`, ready for a mixture under `name`."""
    return FiniteSource(name, import_tasks(rows, importer, source))


def _or(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"


def _jsonl_rows(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _object(_parse(line, f"{path}, line {number}"), f"{path}, line {number}")


def _json_rows(path: Path) -> Iterator[Row]:
    rows = _parse(path.read_bytes(), str(path))
    if not isinstance(rows, list):
        raise UserError(
            f"{path}: expected a list of objects, found {type(rows).__name__}.",
            "Wrap the rows in [...], or save one object a line as .jsonl.",
        )
    for number, row in enumerate(rows, start=1):
        yield _object(row, f"{path}, row {number}")


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_PARQUET_BATCH_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield row
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file after row {number}: {error}", "Save it again.") from error


def _parse(data: bytes, place: str) -> Any:
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise UserError(f"{place}: not valid JSON ({error.msg} at {where}).", "Correct or remove it.") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{place}: not readable as JSON ({error}).", "Save it as UTF-8 JSON.") from error


def _object(value: Any, place: str) -> Row:
    if not isinstance(value, dict):
        raise UserError(f"{place}: expected an object, found {type(value).__name__}.", "Each row is one JSON object.")
    return value
