"""ZebraLogic: 1,000 logic grid puzzles (Lin et al. 2025, arXiv 2502.01100); every cell must be right."""

from __future__ import annotations

from darkhorse.errors import UserError
from darkhorse.evals.suites.suite import HubSet, Parts, Row, Suite, rows_of, user
from darkhorse.tasks.task import Task

_ASK = (
    "\n\nThink step by step. Then give the whole grid as JSON in a code block, every house with every attribute: "
    '{"solution": {"House 1": {"%s": "..."}, ...}}'
)


def _tasks(parts: Parts) -> list[Task]:
    return [_task(number, row) for number, row in enumerate(rows_of(parts))]


def _task(number: int, row: Row) -> Task:
    solution = row["solution"]
    header, rows = list(solution["header"]), [list(map(str, cells)) for cells in solution["rows"]]
    if any(cell.strip("_") == "" for cells in rows for cell in cells):
        raise UserError(
            "The public ZebraLogic set hides its solutions.",
            "Ask for access to 'allenai/ZebraLogicBench-private', or give a folder that holds them with --data.",
        )
    attributes = '": "...", "'.join(header[1:])
    prompt = user(row["puzzle"] + _ASK % attributes)
    truth = {"header": header, "rows": rows}
    name = row.get("id", number)
    return Task(f"zebralogic/{name}", prompt, "zebra", truth, (), "zebralogic", {"category": str(row["size"])})


ZEBRALOGIC = Suite(
    "zebralogic",
    "ZebraLogic",
    "puzzle accuracy",
    (("zebra_logic/zebra_logic_1000.json",), ("zebra_logic/*.jsonl",)),
    (HubSet("allenai/ZebraLogicBench-private", "test", "grid_mode"),),
    _tasks,
)
