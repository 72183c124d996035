"""Tools of a file workspace: files are written, read and listed here, and programs run on them in the sandbox."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from darkhorse.agent.tools.base import Shared, Tool, shorten, text_argument, text_schema
from darkhorse.agent.tools.python import described, failed
from darkhorse.sandbox.client import SandboxClient, SandboxUnavailable
from darkhorse.sandbox.protocol import ExecuteRequest, RunLimits
from darkhorse.types import ToolSchema

MAX_FILES = 50
MAX_FILE_BYTES = 200_000
MAX_BYTES = 2_000_000
_FRAMES = 8  # of a traceback that are shown, the innermost ones
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(eq=False)
class Workspace:
    """Files of one episode. They are kept in memory, as bytes that nothing here ever runs.

    Attributes:
        sandbox: where programs run.
        limits: of a program.
        files: contents by name.
        max_characters: longest answer of a tool; the middle of a longer one is left out.
    """

    sandbox: SandboxClient
    limits: RunLimits = field(default_factory=RunLimits)
    files: dict[str, bytes] = field(default_factory=dict)
    max_characters: int = 1_000

    def fresh(self) -> Workspace:
        """A workspace with the same files, of its own."""
        return Workspace(self.sandbox, self.limits, dict(self.files), self.max_characters)

    def put(self, name: str, content: bytes) -> str | None:
        """Write a file; returns what forbids it."""
        if not _NAME.fullmatch(name):
            return "a file's name is letters, digits, '_', '-' and '.', without folders"
        if len(content) > MAX_FILE_BYTES:
            return f"a file holds at most {MAX_FILE_BYTES} bytes"
        others = {key: value for key, value in self.files.items() if key != name}
        if len(others) >= MAX_FILES or sum(map(len, others.values())) + len(content) > MAX_BYTES:
            return "the workspace is full"
        self.files[name] = content
        return None

    async def run(self, name: str) -> str:
        """Run a Python file; what it leaves in its folder is the workspace afterwards, as far as it fits.

        Raises:
            SandboxUnavailable: if the sandbox is down.
        """
        source = f"import runpy\nrunpy.run_path({name!r}, run_name='__main__')"
        encoded = {key: base64.b64encode(content).decode() for key, content in self.files.items()}
        request = ExecuteRequest(source=source, limits=self.limits, files=encoded, fetch=["*"])
        answer = await self.sandbox.execute(request)
        if answer.status == "infrastructure_error":
            raise SandboxUnavailable(answer.message)
        for key, content in answer.files.items():
            self.put(key, base64.b64decode(content))
        if answer.status == "runtime_error" and answer.stderr:
            return failed(_traced(name, answer.stderr), answer.stdout)
        return described(answer)


class _FileTool:
    """One of the workspace's functions."""

    _NAME = ""
    _DESCRIPTION = ""
    _PARAMETERS: Mapping[str, str] = {}

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def fresh(self, shared: Shared) -> Tool:
        """The tool on the episode's own workspace, which all of these tools share."""
        if self.workspace not in shared:
            shared[self.workspace] = self.workspace.fresh()
        return type(self)(shared[self.workspace])

    @property
    def name(self) -> str:
        """Its name."""
        return self._NAME

    @property
    def schema(self) -> ToolSchema:
        """Text parameters only."""
        return text_schema(self._NAME, self._DESCRIPTION, self._PARAMETERS)

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """What it has to say, or `Error: ...`."""
        given = [text_argument(arguments, parameter) for parameter in self._PARAMETERS]
        texts = [value for value in given if value is not None]
        if len(texts) < len(given):
            return f"Error: {self._NAME} needs {', '.join(self._PARAMETERS)}"
        return shorten(await self._act(*texts), self.workspace.max_characters)

    async def _act(self, *texts: str) -> str:
        raise NotImplementedError

    def _missing(self, name: str) -> str:
        return f"Error: there is no file '{name[:64]}'. Files: {', '.join(sorted(self.workspace.files)) or 'none'}"


class WriteFile(_FileTool):
    """`write_file(name, content)`."""

    _NAME, _DESCRIPTION = "write_file", "Write a file of the workspace, replacing it if it is there."
    _PARAMETERS = {"name": "The file's name.", "content": "Its whole text."}  # noqa: RUF012

    async def _act(self, *texts: str) -> str:
        name, content = texts
        problem = self.workspace.put(name, content.encode("utf-8", "replace"))
        return f"Error: {problem}" if problem else f"Wrote {name}."


class ReadFile(_FileTool):
    """`read_file(name)`."""

    _NAME, _DESCRIPTION = "read_file", "Read a file of the workspace."
    _PARAMETERS = {"name": "The file's name."}  # noqa: RUF012

    async def _act(self, *texts: str) -> str:
        content = self.workspace.files.get(texts[0])
        return self._missing(texts[0]) if content is None else content.decode("utf-8", "replace") or "(empty)"


class ListFiles(_FileTool):
    """`list_files()`."""

    _NAME, _DESCRIPTION = "list_files", "List the files of the workspace."

    async def _act(self, *texts: str) -> str:
        sizes = [f"{name} ({len(content)} bytes)" for name, content in sorted(self.workspace.files.items())]
        return "\n".join(sizes) or "(no files)"


class RunFile(_FileTool):
    """`run_file(name)`."""

    _NAME, _DESCRIPTION = "run_file", "Run a Python file of the workspace and see what it prints, or its traceback."
    _PARAMETERS = {"name": "The file's name."}  # noqa: RUF012

    async def _act(self, *texts: str) -> str:
        return await self.workspace.run(texts[0]) if texts[0] in self.workspace.files else self._missing(texts[0])


def file_tools(workspace: Workspace) -> dict[str, Tool]:
    """The four tools of a workspace, by name."""
    tools: list[Tool] = [WriteFile(workspace), ReadFile(workspace), ListFiles(workspace), RunFile(workspace)]
    return {tool.name: tool for tool in tools}


def _traced(name: str, trace: str) -> str:
    """A traceback in few words: the error, and the lines of the file that led to it."""
    lines = trace.rstrip().splitlines()
    inside = lines[max((place for place, line in enumerate(lines) if "<frozen runpy>" in line), default=-1) + 1 :]
    frame = re.compile(rf'  File "(?:[^"]*/)?{re.escape(name)}", (line \d+(?:, in .+)?)$')
    places = [f"  {name} {found[1]}" for line in inside if (found := frame.match(line))]
    return "\n".join([f"Error: {lines[-1] if lines else 'failed'}", *places[-_FRAMES:]])
