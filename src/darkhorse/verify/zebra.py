"""The verifier `zebra`: the grid of a logic puzzle (ZebraLogic, Lin et al., 2025, arXiv:2502.01100)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.cells import cell_text
from darkhorse.verify.registry import Context, register
from darkhorse.verify.stated import json_object
from darkhorse.verify.table import read_table
from darkhorse.verify.truths import bad_truth, read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict

_HOUSE = re.compile(r"(?:house)?[\s_#]*(\d{1,3})", re.IGNORECASE)

Grid = dict[int, dict[str, str]]


class ZebraTruth(BaseModel):
    """A solved grid.

    Attributes:
        header: `House`, then the attributes.
        rows: a house each, its number first.
        scoring: 1 for the whole puzzle only, or the share of right cells.
    """

    model_config = ConfigDict(extra="ignore")
    header: Annotated[list[StrictStr], Field(min_length=2)]
    rows: Annotated[list[list[StrictStr]], Field(min_length=1, max_length=50)]
    scoring: Literal["puzzle", "cells"] = "puzzle"


_TRUTH = TypeAdapter(ZebraTruth)


@register("zebra")
async def zebra(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer's grid is the solution; `detail` holds the share of right cells.

    The grid is JSON, `{"solution": {"House 1": {"Name": ...}}}` as ZebraLogic asks for or what stands inside it, or a
    Markdown table with a row a house.
    """
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    wanted = _rows(truth.header, truth.rows)
    if wanted is None or any(len(row) != len(truth.header) for row in truth.rows):
        return bad_truth(task, "rows: they do not give each house once with every attribute")
    found = read_grid(response.answer)
    if found is None:
        return Scored(0.0, "The answer holds no grid.", {"cells": 0.0}, "no_answer")
    cells = [(house, name) for house, attributes in wanted.items() for name in attributes]
    right = [place for place in cells if found.get(place[0], {}).get(place[1]) == wanted[place[0]][place[1]]]
    detail = {"cells": len(right) / len(cells)}
    if len(right) == len(cells) and found.keys() == wanted.keys():
        return Scored(1.0, f"All {len(cells)} cells are right.", detail)
    house, name = next((place for place in cells if place not in right), cells[0])
    reason = f"{len(right)} of {len(cells)} cells are right; house {house} is wrong in {name!r}."
    if truth.scoring == "puzzle" or len(right) == len(cells):
        return Scored(0.0, reason, detail)
    return Scored(detail["cells"], reason, detail)


def read_grid(text: str) -> Grid | None:
    """Attributes by house of an answer; None if it holds none."""
    value = json_object(text)
    for inner in ("solution", "answer"):
        if isinstance(value, dict) and isinstance(value.get(inner), dict | list):
            value = value[inner]
    if isinstance(value, dict) and isinstance(value.get("header"), list) and isinstance(value.get("rows"), list):
        return _rows(value["header"], value["rows"])
    if isinstance(value, dict):
        houses = [(_number(key), attributes) for key, attributes in value.items()]
        return _grid(houses)
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        houses = []
        for row in value:
            key = next((name for name in row if cell_text(name) == "house"), None)
            if key is None:
                return None
            houses.append((_number(row[key]), {name: item for name, item in row.items() if name != key}))
        return _grid(houses)
    table = read_table(text, "markdown")
    return None if table is None else _rows(table.header, table.rows)


def _rows(header: list[Any], rows: list[Any]) -> Grid | None:
    names = [cell_text(name) for name in header]
    if names.count("house") != 1 or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    houses = []
    for row in rows:
        attributes = dict(zip(names, row, strict=True))
        houses.append((_number(attributes.pop("house")), attributes))
    return _grid(houses)


def _grid(houses: list[tuple[int | None, Any]]) -> Grid | None:
    """The houses with their attributes in loose form; None if a house has no number, comes twice or is no object."""
    grid: Grid = {}
    for number, attributes in houses:
        if number is None or number in grid or not isinstance(attributes, dict):
            return None
        loose = {cell_text(name): cell_text(_single(item)) for name, item in attributes.items()}
        if len(loose) != len(attributes):
            return None
        grid[number] = loose
    return grid or None


def _single(value: Any) -> Any:
    """A value alone, or alone in a list; a value of any other shape matches nothing."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return "" if isinstance(value, dict | list) else value


def _number(value: Any) -> int | None:
    text = cell_text(value)
    found = _HOUSE.fullmatch(text)
    return int(found[1]) if found else None
