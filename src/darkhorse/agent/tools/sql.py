"""The `sql` tool: one reading statement on a SQLite database, within limits of time, memory and output."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from darkhorse.agent.tools.base import Shared, function_schema, text_argument
from darkhorse.errors import UserError
from darkhorse.types import ToolSchema

MAX_STATEMENT_CHARACTERS = 4_000
MAX_VALUE_BYTES = 100_000
MAX_CELL_CHARACTERS = 200
MAX_MEMORY_BYTES = 1 << 30  # of SQLite in this process, all databases together: it has no limit for one statement
_CHECKED_EVERY = 100  # steps of SQLite's machine between looks at the clock
_READING = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_RECURSIVE,
}
# Functions that only compute, in steps that stay short however their arguments are chosen.
_FUNCTIONS = frozenset(
    "abs avg ceil ceiling char coalesce count cume_dist date datetime dense_rank first_value floor format glob "  # noqa: SIM905
    "group_concat hex ifnull iif instr julianday lag last_value lead length like likely lower ltrim max min mod "
    "nth_value ntile nullif percent_rank pow power printf rank replace round row_number rtrim sign sqrt strftime "
    "substr substring sum time total trim typeof unicode unixepoch unlikely upper".split()
)


class Database:
    """A SQLite database that is only read; may be used from several threads.

    Args:
        source: path of a database file, or a script that builds one in memory.

    Raises:
        UserError: if there is no such file, or the script fails.
    """

    def __init__(self, source: Path | str) -> None:
        self._lock = threading.Lock()
        try:
            if isinstance(source, Path):
                uri = f"{source.resolve().as_uri()}?mode=ro"
                self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
                self._connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            else:
                self._connection = sqlite3.connect(":memory:", check_same_thread=False)
                self._connection.executescript(source)
        except sqlite3.Error as error:
            what = f"The database {source}" if isinstance(source, Path) else "A database's script"
            raise UserError(f"{what} cannot be used: {error}.", "Give a SQLite database.") from error
        for name in ("like", "glob"):  # SQLite's own take exponential time on patterns made for it
            self._connection.create_function(name, 2, _like if name == "like" else _glob, deterministic=True)
        for name, strip in (("trim", str.strip), ("ltrim", str.lstrip), ("rtrim", str.rstrip)):  # quadratic there
            self._connection.create_function(name, 2, functools.partial(_trim, strip), deterministic=True)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 20)
        self._connection.execute("PRAGMA cache_size = -8192")
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self._connection.execute(f"PRAGMA hard_heap_limit = {MAX_MEMORY_BYTES}")
        self._connection.set_authorizer(_authorise)

    def tables(self) -> str:
        """The statements that made its tables, one a line."""
        with self._lock:
            rows = self._connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        return "\n".join(str(row[0]) for row in rows)

    def query(self, statement: str, max_rows: int, seconds: float) -> tuple[list[str], list[tuple[Any, ...]], bool]:
        """Names of the columns, at most `max_rows` rows, and whether there are more.

        Raises:
            sqlite3.Error: if the statement is wrong, not allowed, or takes longer than `seconds`.
            sqlite3.Warning: if there is more than one statement.
        """
        with self._lock:
            give_up = time.monotonic() + seconds
            self._connection.set_progress_handler(lambda: time.monotonic() > give_up, _CHECKED_EVERY)
            try:
                cursor = self._connection.execute(statement)
                columns = [column[0] for column in cursor.description or ()]
                rows = cursor.fetchmany(max_rows + 1)
                cursor.close()
            finally:
                self._connection.set_progress_handler(None, 0)
        return columns, rows[:max_rows], len(rows) > max_rows

    def close(self) -> None:
        """Forget it."""
        with self._lock:
            self._connection.close()


class Sql:
    """Answers a SELECT with a small table.

    Args:
        database: what is read; nothing a model writes can change it, so episodes share it.
        max_rows: most rows shown.
        seconds: longest a statement may take.
    """

    def __init__(self, database: Database, max_rows: int = 20, seconds: float = 2.0) -> None:
        self._database, self._max_rows, self._seconds = database, max_rows, seconds

    def fresh(self, shared: Shared) -> Sql:
        """Itself: reading leaves nothing behind."""
        return self

    @property
    def name(self) -> str:
        """`sql`."""
        return "sql"

    @property
    def schema(self) -> ToolSchema:
        """One text parameter, `query`."""
        return function_schema("sql", "Run a SELECT on the SQLite database.", "query", "The statement.")

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """A line of column names and a line a row, cells separated by ` | `; or `Error: ...`."""
        statement = text_argument(arguments, "query")
        if statement is None:
            return 'Error: sql needs {"query": "..."}'
        if len(statement) > MAX_STATEMENT_CHARACTERS:
            return "Error: the statement is too long"
        try:
            columns, rows, more = await asyncio.to_thread(
                self._database.query, statement, self._max_rows, self._seconds
            )
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as error:
            problem = "the statement took too long" if str(error) == "interrupted" else str(error)
            problem = "the statement needs too much memory" if isinstance(error, MemoryError) else problem
            return f"Error: {problem}"
        lines = [" | ".join(columns), *(" | ".join(map(_cell, row)) for row in rows)]
        if not rows:
            lines.append("(no rows)")
        return "\n".join([*lines, "(more rows)"] if more else lines)


def _authorise(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    if action in _READING:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").casefold() in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    text = f"<{len(value)} bytes>" if isinstance(value, bytes) else str(value)
    return text[:MAX_CELL_CHARACTERS].replace("\n", " ")


def _like(pattern: Any, text: Any) -> bool | None:
    """`text LIKE pattern`: `%` is any text, `_` any character, letter case does not count."""
    if pattern is None or text is None:
        return None
    return matches(str(pattern).casefold(), str(text).casefold(), "%", "_")


def _glob(pattern: Any, text: Any) -> bool | None:
    """`text GLOB pattern` with `*` and `?`; sets in brackets are not supported."""
    if pattern is None or text is None:
        return None
    return matches(str(pattern), str(text), "*", "?")


def _trim(strip: Callable[[str, str], str], text: Any, characters: Any) -> str | None:
    return None if text is None or characters is None else strip(str(text), str(characters))


def matches(pattern: str, text: str, many: str, one: str) -> bool:
    """Whether a text fits a pattern with wildcards, in at most `len(pattern) * len(text)` steps.

    Only the last `many` seen is ever taken back: what stands before it fits as early as it can.
    """
    pattern, text = pattern[:100], text[:2_000]
    at = place = 0
    star, resume = -1, 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == many:
            star, resume = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in (one, text[place]):
            at += 1
            place += 1
        elif star >= 0:
            at = star + 1
            resume += 1
            place = resume
        else:
            return False
    return not pattern[at:].strip(many)
