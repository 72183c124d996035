"""Training data compared with the suites they will be measured on."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from darkhorse.config.tasks import FileSource, HubSource, SourceConfig
from darkhorse.errors import UserError
from darkhorse.evals.data import load
from darkhorse.evals.suites import PUBLISHED, find_suites
from darkhorse.tasks.decontaminate import Hit, SuiteIndex, row_texts
from darkhorse.tasks.sources import hub_rows, load_rows

_NAMED = 5  # suites and rows that a warning names


def index_of(names: Sequence[str], folder: Path | None, skip_absent: bool = False) -> tuple[SuiteIndex, list[str]]:
    """The items of some suites, ready to be found.

    Args:
        names: of published suites; all of them when empty.
        folder: of local data; None for the hub.
        skip_absent: pass over suites whose data are not there.

    Returns:
        The index, and the names of the suites in it.

    Raises:
        UserError: if a suite does not exist or its data cannot be had.
    """
    index, held = SuiteIndex(), []
    for suite in find_suites(names or list(PUBLISHED)):
        try:
            tasks = suite.tasks(load(suite, folder).parts)
        except UserError:
            if not skip_absent:
                raise
            continue
        index.add(suite.name, tasks)
        held.append(suite.name)
    return index, held


def find_hits(index: SuiteIndex, rows: Iterable[Any]) -> Iterator[tuple[Any, list[Hit]]]:
    """Every row of training data with the items of suites it holds."""
    for number, row in enumerate(rows):
        yield row, index.find(number, row_texts(row))


def warn_of_contamination(stage: str, sources: Sequence[SourceConfig], folder: Path | None) -> list[Hit]:
    """Warn on standard error if the files or data sets a stage trains on hold items of suites.

    Args:
        stage: named in the warning.
        sources: of the stage's tasks.
        folder: of the suites' data; without one nothing can be compared.

    Returns:
        What was found.
    """
    found = [source for source in sources if isinstance(source, FileSource | HubSource)]
    if folder is None or not folder.is_dir() or not found:
        return []
    index, _ = _whole_index(folder)
    hits: list[Hit] = []
    for source in found:
        rows = load_rows(Path(source.path)) if isinstance(source, FileSource) else _hub(source)
        here = [hit for _, hits_of_row in find_hits(index, rows) for hit in hits_of_row]
        if here:
            name = source.path if isinstance(source, FileSource) else source.name
            print(warning(stage, name, here), file=sys.stderr)
        hits += here
    return hits


@lru_cache(maxsize=1)
def _whole_index(folder: Path) -> tuple[SuiteIndex, list[str]]:
    return index_of([], folder, skip_absent=True)


def warning(stage: str, source: str, hits: Sequence[Hit]) -> str:
    """What a person reads about contaminated training data."""
    rows = len({hit.row for hit in hits})
    suites = Counter(hit.suite for hit in hits).most_common(_NAMED)
    listed = ", ".join(f"{count} of {suite}" for suite, count in suites)
    return (
        f"WARNING: stage '{stage}' trains on evaluation items: {rows} rows of '{source}' hold {listed}.\n"
        f"         Figures on these suites will not mean what they say. See 'darkhorse data decontaminate {source}'."
    )


def _hub(source: HubSource) -> Iterator[Any]:
    return hub_rows(source.name, source.split, source.subset)
