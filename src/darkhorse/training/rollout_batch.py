"""A batch of rollouts, and how a checkpoint remembers one that was sampled ahead of its update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from darkhorse.rollout.trajectory import Group


@dataclass
class Batch:
    """Judged groups.

    Attributes:
        everything: all that were sampled.
        kept: those of them to learn from.
    """

    everything: list[Group]
    kept: list[Group]


_groups: TypeAdapter[list[Group]] = TypeAdapter(list[Group])


def remembered(batch: Batch) -> dict[str, Any]:
    """A batch as JSON takes it."""
    places = {id(group): place for place, group in enumerate(batch.everything)}
    return {
        "groups": _groups.dump_python(batch.everything, mode="json"),
        "kept": [places[id(group)] for group in batch.kept],
    }


def restored(state: dict[str, Any]) -> Batch:
    """The batch that `remembered` gave."""
    everything = _groups.validate_python(state["groups"])
    return Batch(everything, [everything[place] for place in state["kept"]])
