"""What a benchmark is: where its data come from, how a row becomes a task, and by which protocol it is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from darkhorse.tasks.task import Task

Row = dict[str, Any]

BOXED = "Please reason step by step, and put your final answer within \\boxed{}."
"""QwQ's instruction for mathematics, on a line of its own after the problem."""


@dataclass(frozen=True)
class Protocol:
    """How a benchmark is sampled.

    Attributes:
        samples: completions of each problem.
        temperature, top_p, top_k, min_p, presence_penalty: of the sampling; a temperature of 0 is greedy.
        max_tokens: most tokens of a completion, thinking included.
        gate: whether an answer counts only after closed thinking, as in training. Published protocols judge the whole
            text where the thinking never closes.
        source: where these settings come from.
    """

    samples: int = 1
    temperature: float = 0.6
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.0
    presence_penalty: float = 0.0
    max_tokens: int = 32_768
    gate: bool = False
    source: str = "QwQ's sampling (github.com/QwenLM/QwQ, eval/README.md)"


@dataclass(frozen=True)
class HubSet:
    """A data set on the Hugging Face hub.

    Attributes:
        name: its official name.
        split, subset: as `datasets.load_dataset` takes them.
        files: names of JSON files in its repository, where it is no table that `datasets` can load by name.
        part: what its rows are called in `Parts`; the subset by default.
    """

    name: str
    split: str = "test"
    subset: str | None = None
    files: tuple[str, ...] = ()
    part: str = ""


Parts = Mapping[str, list[Row]]
"""Rows by the file (without its ending) or the subset they come from."""


@dataclass(frozen=True)
class Suite:
    """A benchmark.

    Attributes:
        name: as the command line takes it.
        title: as tables show it.
        metric: what is averaged.
        files: patterns of its files below a local folder of data, tried in turn; the first that finds some is taken.
        hub: its data sets on the hub.
        tasks: makes tasks of rows, in the order of the data; `metadata["category"]` names a part of the suite.
        protocol: how it is sampled by default.
        weights: share of each category in the suite's score; None weighs every problem alike.
        note: what a reader of its figures must know.
    """

    name: str
    title: str
    metric: str
    files: tuple[tuple[str, ...], ...]
    hub: tuple[HubSet, ...]
    tasks: Callable[[Parts], list[Task]]
    protocol: Protocol = field(default_factory=Protocol)
    weights: Callable[[Iterable[str]], dict[str, float]] | None = None
    note: str = ""


def category(task: Task) -> str:
    """The part of its suite that a task belongs to; empty where the suite has none."""
    return str(task.metadata.get("category", ""))


def rows_of(parts: Parts) -> list[Row]:
    """All rows, part by part."""
    return [row for rows in parts.values() for row in rows]


def user(text: str) -> tuple[Row, ...]:
    """A prompt of one message."""
    return ({"role": "user", "content": text},)


def take(tasks: Sequence[Task], limit: int | None) -> list[Task]:
    """The first `limit` tasks, from the categories in turn so that a short run sees all of them."""
    if limit is None or limit >= len(tasks):
        return list(tasks)
    waiting: dict[str, list[Task]] = {}
    for task in tasks:
        waiting.setdefault(category(task), []).append(task)
    chosen: set[str] = set()
    depth = 0
    while len(chosen) < limit:
        for group in waiting.values():
            if depth < len(group) and len(chosen) < limit:
                chosen.add(group[depth].id)
        depth += 1
    return [task for task in tasks if task.id in chosen]


def nested_means(names: Iterable[str]) -> dict[str, float]:
    """Weights of categories called `group/task`: groups count alike, and so do the tasks of a group."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition("/")[0], []).append(name)
    return {name: 1 / len(groups) / len(members) for members in groups.values() for name in members}


def equal_means(names: Iterable[str]) -> dict[str, float]:
    """Weights of categories that count alike."""
    listed = list(names)
    return dict.fromkeys(listed, 1 / len(listed))
