"""The `search` tool: full-text search over a local corpus, ranked by BM25 in SQLite's FTS5."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkhorse.agent.tools.base import function_schema, text_argument
from darkhorse.errors import UserError
from darkhorse.types import ToolSchema

MAX_QUERY_CHARACTERS = 300
MAX_TERMS = 20
MAX_CORPUS_BYTES = 256 << 20
MAX_FILES = 5_000
_SUFFIXES = (".jsonl", ".md", ".rst", ".txt")
_WORD = re.compile(r"\w+")
_PASSAGE = 1_000  # characters; a long text is searched, and found, in parts


@dataclass(frozen=True)
class Document:
    """A text that can be found."""

    title: str
    text: str


class SearchIndex:
    """An index in memory over documents; may be used from several threads.

    Args:
        documents: what can be found.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._lock = threading.Lock()
        self._connection.execute("CREATE VIRTUAL TABLE documents USING fts5(title, text, tokenize='porter unicode61')")
        rows = ((document.title, part) for document in documents for part in _parts(document.text))
        self._connection.executemany("INSERT INTO documents VALUES (?, ?)", rows)

    def search(self, query: str, limit: int) -> list[Document]:
        """The passages that hold words of the query, the best by BM25 first; a title's words count twice.

        No operator of FTS5 is read in the query: its words are looked up, and any of them may match.
        """
        words = list(dict.fromkeys(_WORD.findall(query[:MAX_QUERY_CHARACTERS])))[:MAX_TERMS]
        if not words:
            return []
        match = " OR ".join(f'"{word}"' for word in words)
        statement = "SELECT title, text FROM documents WHERE documents MATCH ? ORDER BY bm25(documents, 2, 1) LIMIT ?"
        with self._lock:
            return [Document(*row) for row in self._connection.execute(statement, (match, limit))]


class Search:
    """Answers a query with the best passages of a corpus.

    Args:
        index: of the corpus.
        results: most passages shown.
        max_characters: longest passage shown.
    """

    def __init__(self, index: SearchIndex, results: int = 3, max_characters: int = 300) -> None:
        self._index, self._results, self._max_characters = index, results, max_characters

    @property
    def name(self) -> str:
        """`search`."""
        return "search"

    @property
    def schema(self) -> ToolSchema:
        """One text parameter, `query`."""
        return function_schema("search", "Search the documents.", "query", "Words to look for.")

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """Titles and passages, best first, or that there are none."""
        query = text_argument(arguments, "query")
        if query is None:
            return 'Error: search needs {"query": "..."}'
        query = query.encode("utf-8", "replace").decode()
        found = await asyncio.to_thread(self._index.search, query, self._results)
        if not found:
            return "No document matches."
        return "\n".join(f"[{passage.title}] {passage.text[: self._max_characters]}" for passage in found)


def read_corpus(path: Path) -> list[Document]:
    """The documents of a file or of all text files below a folder.

    `.jsonl` rows hold `title` (optional) and `text`; `.md`, `.rst` and `.txt` files are a document each. Hidden files,
    and folders, are left out.

    Raises:
        UserError: if there is no document, there are too many, or a row has no text.
    """
    if not path.exists():
        raise UserError(f"There is no corpus at {path}.", "Give a folder of text files, or a .jsonl file.")
    files = [path] if path.is_file() else sorted(_text_files(path))
    if len(files) > MAX_FILES or sum(file.stat().st_size for file in files) > MAX_CORPUS_BYTES:
        raise UserError(f"The corpus at {path} is too large.", f"At most {MAX_FILES} files and 256 MiB.")
    documents = [document for file in files for document in _read(file)]
    if not documents:
        raise UserError(f"There is no document at {path}.", f"Looked for {', '.join(_SUFFIXES)} files.")
    return documents


def _text_files(folder: Path) -> Iterable[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if not hidden and file.suffix in _SUFFIXES and file.is_file():
            yield file


def _read(file: Path) -> Iterable[Document]:
    text = file.read_text("utf-8", "replace")
    if file.suffix != ".jsonl":
        yield Document(file.name, text)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            row = json.loads(line)
            yield Document(str(row.get("title", f"{file.name}:{number}")), _text(row))
        except (ValueError, KeyError, AttributeError, RecursionError) as error:
            raise UserError(f"{file}:{number} is no document.", 'A row is {"title": ..., "text": ...}.') from error


def _text(row: Mapping[str, Any]) -> str:
    if not isinstance(row["text"], str):
        raise ValueError
    return row["text"]


def _parts(text: str) -> Iterable[str]:
    """Paragraphs, short ones together, none longer than a passage."""
    part = ""
    for paragraph in text.split("\n\n"):
        if part and len(part) + len(paragraph) > _PASSAGE:
            yield part
            part = ""
        part = f"{part}\n\n{paragraph}".strip()
        while len(part) > _PASSAGE:
            yield part[:_PASSAGE]
            part = part[_PASSAGE:]
    if part:
        yield part
