"""Synthetic tasks by suite: endless, graded, with worked demonstrations and exact truths."""

from __future__ import annotations

from collections.abc import Sequence

from darkhorse.errors import UserError, did_you_mean
from darkhorse.tasks.synthetic import (
    composed,
    function_calls,
    instructions,
    mathematics,
    preference,
    programming,
    replies,
    tools,
)
from darkhorse.tasks.synthetic.agentic import calculation, database, debugging, feedback, retrieval, service
from darkhorse.tasks.synthetic.base import Generator

SUITES: dict[str, tuple[Generator, ...]] = {
    "mathematics": mathematics.GENERATORS,
    "programming": programming.GENERATORS,
    "instructions": instructions.GENERATORS,
    "composed": composed.GENERATORS,
    "function_calls": function_calls.GENERATORS,
    "tools": tools.GENERATORS,
    "preference": preference.GENERATORS,
    "replies": replies.GENERATORS,
    "calculation": calculation.GENERATORS,
    "database": database.GENERATORS,
    "retrieval": retrieval.GENERATORS,
    "service": service.GENERATORS,
    "debugging": debugging.GENERATORS,
    "feedback": feedback.GENERATORS,
}


def generators(suite: str, names: Sequence[str] = ()) -> tuple[Generator, ...]:
    """The generators of a suite: those called `names`, in that order, or all of them when `names` is empty.

    Raises:
        UserError: if the suite or one of the names does not exist.
    """
    if suite not in SUITES:
        raise UserError(f"There is no synthetic suite named '{suite}'.", did_you_mean(suite, SUITES))
    by_name = {generator.name: generator for generator in SUITES[suite]}
    for name in names:
        if name not in by_name:
            raise UserError(f"The suite '{suite}' has no kind named '{name}'.", did_you_mean(name, by_name))
    return tuple(by_name[name] for name in names) if names else SUITES[suite]
