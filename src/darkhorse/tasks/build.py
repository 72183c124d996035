"""From the sources a recipe names to something that gives tasks by index."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from darkhorse.config.tasks import FileSource, HubSource, ReasoningGymSource, SourceConfig, SyntheticSource
from darkhorse.errors import UserError
from darkhorse.tasks.importers import Importer, from_darkhorse, from_trl, from_verl
from darkhorse.tasks.mixture import EndlessSource, FiniteSource, Mixture, TaskSource
from darkhorse.tasks.sources import hub_rows, import_source, load_rows
from darkhorse.tasks.synthetic import generators
from darkhorse.tasks.synthetic.base import draw, unique
from darkhorse.tasks.task import Demonstration


def build_mixture(sources: Sequence[tuple[SourceConfig, float]], seed: int, stage: str) -> Mixture:
    """A mixture of sources.

    Args:
        sources: settings and weight of each.
        seed: decides, with the stage, what synthetic sources draw and how finite ones are shuffled.
        stage: stages draw different prompts from the same synthetic source, so that none learns what an earlier one
            was shown; also named in errors.

    Raises:
        UserError: if there is no source, or one cannot be read.
    """
    if not sources:
        raise UserError(f"stage.{stage}.tasks is empty.", "List at least one source of tasks.")
    built: list[tuple[str, float, TaskSource]] = []
    for number, (config, weight) in enumerate(sources):
        name = source_name(config)
        if any(name == other for other, _, _ in built):
            name = f"{name}#{number}"
        built.append((name, weight, build_source(config, name, seed, stage)))
    return Mixture(built, seed)


def source_name(config: SourceConfig) -> str:
    """Short name of a source for logs: the suite, the file's stem or the data set."""
    match config:
        case SyntheticSource():
            return config.suite
        case FileSource():
            return Path(config.path).stem
        case HubSource():
            return config.name
        case ReasoningGymSource():
            return f"reasoning_gym/{config.dataset}"


def build_source(config: SourceConfig, name: str, seed: int, stage: str) -> TaskSource:
    """One source of tasks by index; arguments as in `build_mixture`.

    Raises:
        UserError: if it cannot be read or holds nothing.
    """
    match config:
        case SyntheticSource():
            kinds, levels = generators(config.suite, config.kinds), (config.min_level, config.max_level)
            return EndlessSource(name, lambda index: draw(kinds, f"{seed}/{stage}", "train", index, levels))
        case FileSource():
            return import_source(name, load_rows(Path(config.path)), _importer(config), config.path)
        case HubSource():
            rows = hub_rows(config.name, config.split, config.subset)
            return import_source(name, rows, _importer(config), config.name)
        case ReasoningGymSource():
            from darkhorse.tasks.reasoning_gym import as_game, reasoning_gym_tasks

            tasks = reasoning_gym_tasks(config.dataset, config.size, seed, **config.options)
            if config.attempts:
                tasks = [as_game(task, config.attempts) for task in tasks]
            return FiniteSource(name, tasks)


def held_out(config: SyntheticSource, count: int) -> list[Demonstration]:
    """The first `count` different held-out items of a synthetic source; the same ones for every run."""
    kinds, levels = generators(config.suite, config.kinds), (config.min_level, config.max_level)
    return unique((draw(kinds, 0, "held_out", index, levels) for index in range(50 * count)), count)


def _importer(config: FileSource | HubSource) -> Importer:
    match config.format:
        case "darkhorse":
            return from_darkhorse
        case "trl":
            return functools.partial(from_trl, verifier=config.verifier, truth_column=config.truth_column)
        case "verl":
            return functools.partial(from_verl, verifier=config.verifier)
