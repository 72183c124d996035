"""Tools by name: what `--tools python,search` and `[agent] tools` stand for."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkhorse.agent.tools.base import Tool
from darkhorse.agent.tools.calculator import Calculator
from darkhorse.agent.tools.mcp import McpServer, mcp_tools
from darkhorse.agent.tools.python import Python
from darkhorse.agent.tools.search import Search, SearchIndex, read_corpus
from darkhorse.agent.tools.sql import Database, Sql
from darkhorse.agent.tools.workspace import Workspace, file_tools
from darkhorse.errors import UserError, did_you_mean
from darkhorse.sandbox.client import SandboxClient
from darkhorse.sandbox.protocol import RunLimits


@dataclass(frozen=True)
class ToolSettings:
    """What tools are made with.

    Attributes:
        sandbox: where programs run; None where there is none.
        limits: of a program.
        corpus: a folder of text files, or a `.jsonl` file, for `search`; None is the current folder.
        database: a SQLite file for `sql`.
        servers: MCP servers by the name by which `mcp:NAME` asks for them.
    """

    sandbox: SandboxClient | None = None
    limits: RunLimits = field(default_factory=RunLimits)
    corpus: Path | None = None
    database: Path | None = None
    servers: Mapping[str, McpServer] = field(default_factory=dict)


ToolBuilder = Callable[[ToolSettings], Mapping[str, Tool]]
_BUILDERS: dict[str, ToolBuilder] = {}


def register_tool(name: str) -> Callable[[ToolBuilder], ToolBuilder]:
    """Decorator that adds what `name` builds: one tool or several, by the names the model calls them by.

    Raises:
        ValueError: if the name is taken.
    """

    def add(builder: ToolBuilder) -> ToolBuilder:
        if name in _BUILDERS:
            raise ValueError(f"tool '{name}' is registered twice")
        _BUILDERS[name] = builder
        return builder

    return add


def tool_names() -> list[str]:
    """All names `build_tools` knows, sorted; `mcp:NAME` comes on top."""
    return sorted(_BUILDERS)


def needs_sandbox(names: str | Sequence[str]) -> bool:
    """Whether any of the names runs programs."""
    return any(name in ("python", "files") for name in _listed(names))


def build_tools(names: str | Sequence[str], settings: ToolSettings) -> dict[str, Tool]:
    """The tools that a comma list (or a list) of names stands for, by the names the model calls them by.

    Args:
        names: of `tool_names()`, or `mcp:NAME` for a server of `settings`, or `mcp:COMMAND LINE` to start one.
        settings: what they are made with.

    Raises:
        UserError: if a name is unknown or what its tool needs is missing, or two tools have the same name.
    """
    tools: dict[str, Tool] = {}
    for name in _listed(names):
        for called, tool in _build(name, settings).items():
            if called in tools:
                raise UserError(f"Two tools are called '{called}'.", "Name each once, or leave out a server.")
            tools[called] = tool
    return tools


def _build(name: str, settings: ToolSettings) -> Mapping[str, Tool]:
    kind, colon, rest = name.partition(":")
    if kind == "mcp" and colon:
        return mcp_tools(settings.servers.get(rest) or McpServer(tuple(shlex.split(rest))))
    if name not in _BUILDERS:
        raise UserError(f"There is no tool '{name}'.", did_you_mean(name, [*_BUILDERS, "mcp:NAME"]))
    return _BUILDERS[name](settings)


def _listed(names: str | Sequence[str]) -> list[str]:
    parts = names.split(",") if isinstance(names, str) else names
    return [part.strip() for part in parts if part.strip()]


def _sandbox(settings: ToolSettings, name: str) -> SandboxClient:
    if settings.sandbox is None:
        raise UserError(f"The tool '{name}' needs a sandbox to run programs in.", "Try 'darkhorse sandbox'.")
    return settings.sandbox


@register_tool("calculator")
def _calculator(settings: ToolSettings) -> Mapping[str, Tool]:
    return {"calculator": Calculator()}


@register_tool("python")
def _python(settings: ToolSettings) -> Mapping[str, Tool]:
    return {"python": Python(_sandbox(settings, "python"), settings.limits)}


@register_tool("files")
def _files(settings: ToolSettings) -> Mapping[str, Tool]:
    return file_tools(Workspace(_sandbox(settings, "files"), settings.limits))


@register_tool("search")
def _search(settings: ToolSettings) -> Mapping[str, Tool]:
    return {"search": Search(SearchIndex(read_corpus(settings.corpus or Path())))}


@register_tool("sql")
def _sql(settings: ToolSettings) -> Mapping[str, Tool]:
    if settings.database is None:
        raise UserError("The tool 'sql' needs a database.", "Name a SQLite file, e.g. with --database.")
    if not settings.database.is_file():
        raise UserError(f"There is no database at {settings.database}.")
    return {"sql": Sql(Database(settings.database))}
