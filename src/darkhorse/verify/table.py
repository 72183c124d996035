"""The verifier `table`: rows and columns in Markdown, CSV, TSV or JSON, compared cell by cell."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.tasks.texts import unfenced
from darkhorse.verify.cells import cell_text, same_cell
from darkhorse.verify.listing import MAX_TEXT
from darkhorse.verify.matching import perfect_matching
from darkhorse.verify.registry import Context, register
from darkhorse.verify.stated import Form, last_fenced, stated_answer, strict_json
from darkhorse.verify.truths import bad_truth, read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict

MAX_ROWS = 500
MAX_UNORDERED = 200  # rows that are matched in any order
_RULE = re.compile(r"\|?+(?:\s*+:?-++:?\s*+\|)*+(?:\s*+:?-++:?)?+")  # possessive: linear on hostile lines
_PIPE = re.compile(r"(?<!\\)\|")

Layout = Literal["any", "markdown", "csv", "tsv", "json", "jsonl"]
Cell = StrictStr | StrictBool | StrictInt | StrictFloat | None


class TableTruth(BaseModel):
    """A table.

    Attributes:
        header: names of the columns.
        rows: the cells, as many a row as there are names.
        layout: in which the answer must be written.
        ordered: whether the order of the rows counts; that of the columns does not, they have names.
        tolerance: share by which a number may be off.
        form: where the answer must stand.
    """

    model_config = ConfigDict(extra="forbid")
    header: Annotated[list[StrictStr], Field(min_length=1)]
    rows: Annotated[list[list[Cell]], Field(max_length=MAX_ROWS)]
    layout: Layout = "any"
    ordered: bool = True
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    form: Form = "any"


@dataclass(frozen=True)
class Table:
    """Column names, and rows of as many cells."""

    header: list[str]
    rows: list[list[Any]]


_TRUTH = TypeAdapter(TableTruth)


@register("table")
async def table(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer's table has the true columns, in any order, and the true cells."""
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    problem = _truth_problem(truth)
    if problem is not None:
        return bad_truth(task, problem)
    stated = stated_answer(response.answer, truth.form)
    found = None if stated is None else read_table(stated, truth.layout)
    if found is None:
        return Scored(0.0, "The answer holds no table.", kind="no_answer")
    return _compared(found, truth)


def read_table(text: str, layout: Layout = "any") -> Table | None:
    """The table of a text, which may stand in a code fence; None if there is none, it is too large, or its rows differ
    in length.

    JSON is a list of rows, or an object of rows by label: objects by column, or lists under a first list of names.
    """
    if len(text) > MAX_TEXT:
        return None
    bare = last_fenced(text) or unfenced(text)
    readers = {"json": _json, "jsonl": _json_lines, "markdown": _markdown, "tsv": _tsv, "csv": _csv}
    chosen = list(readers.values()) if layout == "any" else [readers[layout]]
    for read in chosen:
        found = read(bare)
        if found is not None:
            names = [cell_text(name) for name in found.header]
            sound = len(set(names)) == len(names) and all(len(row) == len(names) for row in found.rows)
            return found if sound and len(found.rows) <= MAX_ROWS else None
    return None


def _truth_problem(truth: TableTruth) -> str | None:
    names = [cell_text(name) for name in truth.header]
    if len(set(names)) != len(names):
        return "header: two columns have one name"
    if any(len(row) != len(names) for row in truth.rows):
        return "rows: a row has more or fewer cells than there are columns"
    if not truth.ordered and len(truth.rows) > MAX_UNORDERED:
        return f"rows: more than {MAX_UNORDERED} without an order"
    return None


def _compared(found: Table, truth: TableTruth) -> Scored:
    places = {cell_text(name): place for place, name in enumerate(found.header)}
    names = [cell_text(name) for name in truth.header]
    if places.keys() != set(names):
        return Scored(0.0, f"The columns are {', '.join(places)[:100]!r}, not {', '.join(names)[:100]!r}.")
    rows = [[row[places[name]] for name in names] for row in found.rows]
    if len(rows) != len(truth.rows):
        return Scored(0.0, f"The table has {len(rows)} row(s), not {len(truth.rows)}.")
    if truth.ordered:
        for place, (row, wanted) in enumerate(zip(rows, truth.rows, strict=True), 1):
            for name, cell, true_cell in zip(names, row, wanted, strict=True):
                if not same_cell(cell, true_cell, truth.tolerance):
                    return Scored(0.0, f"Row {place} differs in column {name[:60]!r}.")
        return Scored(1.0, "Every cell is right.")
    fits = [[_same_row(row, wanted, truth.tolerance) for row in rows] for wanted in truth.rows]
    if perfect_matching(fits) is not None:
        return Scored(1.0, "Every row is right, in some order.")
    missing = next((place for place, row in enumerate(fits, 1) if not any(row)), None)
    return Scored(0.0, "Two rows stand for one." if missing is None else f"Row {missing} of the true table is missing.")


def _same_row(row: list[Any], wanted: list[Any], tolerance: float) -> bool:
    return all(same_cell(one, other, tolerance) for one, other in zip(row, wanted, strict=True))


def _json(text: str) -> Table | None:
    try:
        value = strict_json(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = list(value.values())
    return _records(value)


def _json_lines(text: str) -> Table | None:
    try:
        return _records([strict_json(line) for line in text.splitlines() if line.strip()])
    except (ValueError, RecursionError):
        return None


def _records(rows: Any) -> Table | None:
    if not isinstance(rows, list) or not rows:
        return None
    if all(isinstance(row, dict) for row in rows):
        header = list(rows[0])
        if any(row.keys() != rows[0].keys() for row in rows):
            return None
        return Table(header, [[row[name] for name in header] for row in rows])
    if all(isinstance(row, list) for row in rows) and all(isinstance(name, str) for name in rows[0]):
        return Table(rows[0], rows[1:])
    return None


def _markdown(text: str) -> Table | None:
    lines = text.splitlines()
    rules = [place for place in range(1, len(lines)) if "|" in lines[place - 1] and _is_rule(lines[place].strip())]
    if not rules:
        return None
    start = rules[-1]
    rows = []
    for line in lines[start + 1 :]:
        if "|" not in line:
            break
        rows.append(_pipe_cells(line))
    return Table(_pipe_cells(lines[start - 1]), list(rows))


def _is_rule(line: str) -> bool:
    return "-" in line and _RULE.fullmatch(line) is not None


def _pipe_cells(line: str) -> list[str]:
    bare = line.strip().removeprefix("|")
    bare = bare[:-1] if bare.endswith("|") and not bare.endswith("\\|") else bare
    return [cell.strip().replace("\\|", "|") for cell in _PIPE.split(bare)]


def _csv(text: str) -> Table | None:
    return _separated(text, ",")


def _tsv(text: str) -> Table | None:
    found = _separated(text, "\t")
    return found if found is not None and len(found.header) > 1 else None


def _separated(text: str, delimiter: str) -> Table | None:
    try:
        rows = [row for row in csv.reader(io.StringIO(text.strip()), delimiter=delimiter, skipinitialspace=True) if row]
    except csv.Error:
        return None
    return Table(rows[0], list(rows[1:])) if len(rows) > 1 or (rows and len(rows[0]) > 1) else None
