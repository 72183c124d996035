"""Several files in one stretch of bytes: a line of JSON with names and sizes, then the contents one after another.

Standard library only: the fork server loads this module.
"""

from __future__ import annotations

import json
import os
import stat

MAX_FILE_BYTES = 64 << 20


def pack(files: dict[str, bytes]) -> bytes:
    """The files as one stretch of bytes."""
    sizes = {name: len(content) for name, content in files.items()}
    return json.dumps(sizes).encode() + b"\n" + b"".join(files.values())


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of `pack`."""
    header, _, rest = data.partition(b"\n")
    files, start = {}, 0
    for name, size in json.loads(header).items() if header else ():
        files[name] = rest[start : start + size]
        start += size
    return files


def is_safe_name(name: str) -> bool:
    """Whether a name stays within the folder it is looked up in, and fits a file system."""
    try:
        parts = name.encode().split(b"/")
    except UnicodeEncodeError:
        return False
    return all(part not in (b"", b".", b"..") and len(part) < 256 for part in parts) and "\0" not in name


def write_all(folder: str, files: dict[str, bytes], mode: int) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = os.path.join(folder, name)
        if "/" in name:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, mode)
        with open(fd, "wb") as file:
            file.write(content)


def read_some(folder: str, names: list[str]) -> dict[str, bytes]:
    """Those of the named files that are there: regular ones reached without any link. `*.x` is all that end so.

    The folder is what a hostile program left: nothing outside it is opened, and no more than `MAX_FILE_BYTES` read.
    """
    wanted: list[str] = []
    for name in names:
        if name.startswith("*"):
            wanted += sorted(found for found in os.listdir(folder) if found.endswith(name[1:]))
        else:
            wanted.append(name)
    files: dict[str, bytes] = {}
    left = MAX_FILE_BYTES
    for name in wanted:
        content = _read(folder, name, left) if is_safe_name(name) else None
        if content is not None:
            files[name] = content
            left -= len(content)
    return files


def _read(folder: str, name: str, most: int) -> bytes | None:
    *parents, last = name.split("/")
    fd = os.open(folder, os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parents:
            inner = os.open(part, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            os.close(fd)
            fd = inner
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    except OSError:
        return None
    finally:
        os.close(fd)
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or found.st_size > most:
        os.close(file)
        return None
    with open(file, "rb") as stream:
        return stream.read(most)
