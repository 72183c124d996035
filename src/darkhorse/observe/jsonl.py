"""JSON Lines files that survive a killed process and a full disk: append, read, repair, cut back."""

from __future__ import annotations

import errno
import json
import math
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from darkhorse.errors import UserError


@contextmanager
def naming_a_full_disk(path: Path) -> Iterator[None]:
    """Turn "no space left" (or a spent quota) inside the block into a `UserError` that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"The disk is full: '{path}' could not be written.",
            "Free some space (old checkpoints are the largest files of a run) and start again: the run goes on.",
        ) from error


def finite(value: Any) -> Any:
    """`value` with every NaN and infinity in it replaced by None, because JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def encode(row: Mapping[str, Any]) -> bytes:
    """One line of strict JSON, newline included; ASCII only, so lone surrogates in model output survive."""
    return json.dumps(finite(row), allow_nan=False, default=repr).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The row on one line, or None when the line is torn or no JSON object."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def append(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append `rows` to the file, all or none of them.

    Raises:
        UserError: the disk is full; what was half written has been taken back.
    """
    rest = memoryview(b"".join(encode(row) for row in rows))
    with naming_a_full_disk(path), path.open("ab", buffering=0) as file:
        start = file.tell()
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            with suppress(OSError):
                file.truncate(start)
            raise


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of the file in order; a torn last line is left out, a missing file is empty.

    Raises:
        UserError: a line before the last is not a JSON object.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            row = decode(line)
            if row is not None:
                yield row
            elif file.peek(1):
                raise UserError(f"Line {number} of '{path}' is not a JSON object.", "Repair or delete that line.")


def repair(path: Path) -> None:
    """End the file on a whole line: drop a torn last line, or add the newline a whole one lacks."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            end = content.rfind(b"\n") + 1
            tail = content[end:]
        if not tail:
            return
        if decode(tail) is None:
            file.truncate(end)
        else:
            file.seek(0, os.SEEK_END)
            file.write(b"\n")


def keep_until(path: Path, step: int) -> None:
    """Keep only the rows whose `step` is at most `step`, and rows without one; the file is replaced in one move.

    Raises:
        UserError: the disk is full, or a line before the last is not a JSON object.
    """
    if not path.exists():
        return
    shorter = path.with_name(path.name + ".partial")
    try:
        with naming_a_full_disk(path), shorter.open("wb") as file:
            for row in read(path):
                if row.get("step", step) <= step:
                    file.write(encode(row))
        os.replace(shorter, path)
    finally:
        shorter.unlink(missing_ok=True)
