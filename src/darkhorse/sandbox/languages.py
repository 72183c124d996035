"""The languages of the sandbox: how each is compiled and started, and whether this machine has what it takes."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

_COMPILER_S = 30.0
_NAME_BYTES = 240
_PUBLIC_CLASS = re.compile(
    r"\bpublic\s+(?:(?:abstract|final|sealed|strictfp)\s+)*(?:class|enum|record|interface)\s+(\w+)"
)


@dataclass(frozen=True)
class Toolchain:
    """What carries out programs of one compiled or interpreted language other than Python.

    Attributes:
        version_command: command that tells the version of the compiler or interpreter.
        source_name: from the source to the name of its file.
        compile: command that compiles the file named in place of `{source}`; None where nothing is compiled.
        artifacts: files that compiling makes; a `*` at the front stands for any name.
        run: from the source and the memory limit in MiB to the command that runs the program; `{program}` stands for
            the folder with the program's own files.
        processes: whether programs may start processes (a shell is nothing without them).
        reserves: whether the runtime reserves far more address space than it uses.
        folders: folders outside the usual ones that it needs.
    """

    version_command: tuple[str, ...]
    source_name: Callable[[str], str]
    run: Callable[[str, int], list[str]]
    compile: tuple[str, ...] | None = None
    artifacts: tuple[str, ...] = ()
    processes: bool = False
    reserves: bool = False
    folders: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """What the compiler or interpreter calls itself; asks it the first time."""
        return _output(*self.version_command).split("\n")[0]


def toolchains() -> dict[str, Toolchain]:
    """The languages other than Python that this machine has a working toolchain for, by name."""
    return {name: found for name, find in _FINDERS.items() if (found := find()) is not None}


def _native(name: str, command: str, source: str, options: tuple[str, ...]) -> Toolchain | None:
    compiler = _find(command)
    if compiler is None:
        return None
    return Toolchain(
        version_command=(compiler, "--version"),
        source_name=lambda _: source,
        compile=(compiler, *options, "-o", "program", "{source}", *(("-lm",) if name == "c" else ())),
        artifacts=("program",),
        run=lambda _source, _memory: ["{program}/program"],
    )


def _rust() -> Toolchain | None:
    proxy = shutil.which("rustc")  # rustup looks at the name it is called by, so no real path
    root = _output(proxy, "--print", "sysroot") if proxy else ""
    compiler = os.path.join(root, "bin", "rustc")
    if not root or not os.access(compiler, os.X_OK) or _find("cc") is None:
        return None
    return Toolchain(
        version_command=(compiler, "--version"),
        source_name=lambda _: "main.rs",
        compile=(compiler, "--edition", "2021", "-O", "-o", "program", "{source}"),
        artifacts=("program",),
        run=lambda _source, _memory: ["{program}/program"],
        folders=(root,),
    )


def _go() -> Toolchain | None:
    compiler = _find("go")
    root = _output(compiler, "env", "GOROOT") if compiler else ""
    if not root:
        return None
    return Toolchain(
        version_command=(os.path.join(root, "bin", "go"), "version"),
        source_name=lambda _: "main.go",
        compile=(os.path.join(root, "bin", "go"), "build", "-o", "program", "{source}"),
        artifacts=("program",),
        run=lambda _source, _memory: ["{program}/program"],
        reserves=True,
        folders=(root,),
    )


def _java() -> Toolchain | None:
    compiler = _find("javac")
    runtime = os.path.join(os.path.dirname(compiler), "java") if compiler else ""
    if not compiler or not os.access(runtime, os.X_OK):
        return None
    root = os.path.dirname(os.path.dirname(compiler))
    settings = os.path.realpath(os.path.join(root, "conf", "security", "java.security"))  # Debian keeps them in /etc
    quiet = ("-XX:-UsePerfData", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss64m")
    return Toolchain(
        version_command=(runtime, "--version"),
        source_name=lambda source: f"{java_file(source)}.java",
        compile=(compiler, "-J-XX:-UsePerfData", "-J-XX:+UseSerialGC", "-J-Xmx512m", "-d", ".", "{source}"),
        artifacts=("*.class",),
        run=lambda source, memory: [
            runtime, *quiet, f"-Xmx{max(32, memory // 2)}m", "-cp", "{program}", java_main(source)
        ],
        reserves=True,
        folders=(root, os.path.dirname(os.path.dirname(settings))),
    )  # fmt: skip


def _javascript() -> Toolchain | None:
    node = _find("node")
    if node is None:
        return None
    return Toolchain(
        version_command=(node, "--version"),
        source_name=lambda _: "main.js",
        run=lambda _, memory: [node, f"--max-old-space-size={max(32, memory // 2)}", "{program}/main.js"],
        reserves=True,
        folders=(node,),
    )


def _bash() -> Toolchain | None:
    shell = _find("bash")
    if shell is None:
        return None
    return Toolchain(
        version_command=(shell, "--version"),
        source_name=lambda _: "main.sh",
        run=lambda _source, _memory: [shell, "{program}/main.sh"],
        processes=True,
    )


_FINDERS: dict[str, Callable[[], Toolchain | None]] = {
    "c": lambda: _native("c", "gcc", "main.c", ("-std=c17", "-O2")),
    "cpp": lambda: _native("cpp", "g++", "main.cpp", ("-std=c++17", "-O2")),
    "javascript": _javascript,
    "bash": _bash,
    "rust": _rust,
    "go": _go,
    "java": _java,
}


def java_file(source: str) -> str:
    """The name Java demands of a source's file: that of its public class, or any."""
    public = _PUBLIC_CLASS.search(source)
    return public.group(1) if public and _is_file_name(public.group(1)) else "Main"


def java_main(source: str) -> str:
    """The class that has `main`: the last one declared before it, else the file's own."""
    before, found, _ = source.partition(" main(")
    declared = re.findall(r"\b(?:class|enum|record)\s+(\w+)", before) if found else []
    return declared[-1] if declared and _is_file_name(declared[-1]) else java_file(source)


def _is_file_name(name: str) -> bool:
    return len(name.encode()) <= _NAME_BYTES  # javac cannot write the class otherwise


def _find(command: str) -> str | None:
    path = shutil.which(command)
    return os.path.realpath(path) if path else None


@functools.cache
def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILER_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
