"""A suite's rows from a local folder or the Hugging Face hub, with a checksum and the date they are of."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from darkhorse.errors import UserError, described
from darkhorse.evals.suites.suite import HubSet, Parts, Row, Suite

FOLDER_VARIABLE = "DARKHORSE_DATA"
_GIVE = f"Give the folder that holds the data sets with --data, evaluation.data or {FOLDER_VARIABLE}."


@dataclass(frozen=True)
class SuiteData:
    """The rows of a suite and where they are from.

    Attributes:
        parts: rows by file or subset.
        origin: the folder, or the data sets on the hub.
        sha256: of the rows.
        date: the day of the newest local file, or the day of loading.
        files: names of the local files.
    """

    parts: Parts
    origin: str
    sha256: str
    date: str
    files: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """What a result says of its data."""
        return {"origin": self.origin, "sha256": self.sha256, "date": self.date, "files": list(self.files)}


def default_folder() -> Path | None:
    """The folder that the environment names."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else None


def load(suite: Suite, folder: Path | None) -> SuiteData:
    """The rows of a suite.

    Args:
        suite: whose.
        folder: where its files may lie; None for the hub.

    Raises:
        UserError: if the folder does not hold them, or the hub does not give them.
    """
    if not suite.files and not suite.hub:
        return SuiteData({}, "generated", hashlib.sha256(suite.name.encode()).hexdigest(), "")
    if folder is not None:
        return _local(suite, folder)
    return _hub(suite)


def _local(suite: Suite, folder: Path) -> SuiteData:
    if not folder.is_dir():
        raise UserError(f"There is no folder '{folder}'.", _GIVE)
    for patterns in suite.files:
        found = [sorted(folder.glob(pattern)) for pattern in patterns]
        if all(found):
            return _read_files(folder, sorted({path for paths in found for path in paths}))
    wanted = " or ".join(" with ".join(patterns) for patterns in suite.files)
    raise UserError(f"'{folder}' holds no data of '{suite.name}'.", f"It should hold {wanted}. {_GIVE}")


def _read_files(folder: Path, paths: list[Path]) -> SuiteData:
    digest = hashlib.sha256()
    parts: dict[str, list[Row]] = {}
    for path in paths:
        content = path.read_bytes()
        digest.update(content)
        if path.suffix == ".gz":
            content, path = gzip.decompress(content), path.with_suffix("")
        parts[_part_name(folder, path, parts)] = list(_rows(content, path))
    newest = max(path.stat().st_mtime for path in paths)
    files = tuple(path.relative_to(folder).as_posix() for path in paths)
    return SuiteData(parts, str(folder), digest.hexdigest(), _day(newest), files)


def _part_name(folder: Path, path: Path, taken: Iterable[str]) -> str:
    """The file's name without its ending; with the folders before it where two files share it."""
    name = path.stem
    if "possible_answer" in path.parts or "multi_turn_func_doc" in path.parts:
        name = path.relative_to(folder).with_suffix("").as_posix()
    return path.relative_to(folder).with_suffix("").as_posix() if name in taken else name


def _rows(content: bytes, path: Path) -> Iterator[Row]:
    """Rows of JSON lines, of one JSON list, of one object, or of an object that lists its `examples`."""
    text = content.decode("utf-8")
    try:
        whole = json.loads(text) if path.suffix == ".json" else None
    except ValueError:
        whole = None  # JSON lines under another name
    try:
        if whole is None:
            yield from (json.loads(line) for line in text.split("\n") if line.strip())
        elif isinstance(whole, dict):
            yield from whole.get("examples", [whole])
        else:
            yield from whole
    except ValueError as error:
        raise UserError(f"'{path}' is not readable as JSON: {error}.", "Fetch it again.") from error


def _hub(suite: Suite) -> SuiteData:
    from darkhorse.tasks.sources import hub_rows

    parts: dict[str, list[Row]] = {}
    for source in suite.hub:
        if source.files:
            for name in source.files:
                parts[name.rpartition(".")[0]] = list(_hub_file(source, name))
        else:
            rows = list(hub_rows(source.name, source.split, source.subset))
            parts[source.part or source.subset or source.name] = rows
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    names = ", ".join(dict.fromkeys(source.name for source in suite.hub))
    return SuiteData(parts, f"hub: {names}", digest.hexdigest(), _day(datetime.now(UTC).timestamp()))


def _hub_file(source: HubSet, name: str) -> Iterator[Row]:
    """Rows of one JSON file of a data set's repository, through `datasets`' own cache of downloads."""
    from darkhorse.errors import missing_extra

    try:
        import datasets
    except ImportError as error:
        raise missing_extra("datasets", "hub", f"Loading the hub data set '{source.name}'") from error
    address = f"hf://datasets/{source.name}/{name}"
    try:
        path = datasets.DownloadManager().download(address)
        content = Path(path).read_bytes()
    except Exception as error:  # the hub and its network raise every kind of error
        raise UserError(
            f"Cannot load '{name}' of the hub data set '{source.name}': {described(error)}",
            f"Check the network. {_GIVE}",
        ) from error
    return _rows(content, Path(name))


def _day(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).date().isoformat()
