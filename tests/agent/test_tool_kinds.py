"""Tools with state, over files, documents and databases: what they answer, what they keep, what they refuse."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.agent.tools import Python, Tool, ToolSettings, build_tools, for_episode, needs_sandbox, tool_names
from darkhorse.agent.tools.search import Document, Search, SearchIndex, read_corpus
from darkhorse.agent.tools.sql import Database, Sql, matches
from darkhorse.agent.tools.workspace import MAX_FILES, Workspace, file_tools
from darkhorse.errors import UserError
from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.sandbox.protocol import RunLimits


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxClient]:
    with SandboxProcess(workers=1) as client:
        yield client


def ask(tool: Tool, **arguments: Any) -> str:
    return asyncio.run(tool(arguments))


def session(sandbox: SandboxClient, **limits: float) -> Tool:
    return for_episode({"python": Python(sandbox, RunLimits(**limits))})["python"]


def test_names_stay_defined_within_an_episode_and_not_between_episodes(sandbox: SandboxClient) -> None:
    tool = session(sandbox)
    assert ask(tool, code="import math\nx = 6\ndef double(n):\n    return 2 * n\nprint('a')") == "a"
    assert ask(tool, code="x += 1\ndouble(x)") == "14"
    assert ask(tool, code="math.comb(x, 2), x") == "(21, 7)"
    assert ask(session(sandbox), code="x") == "Error: NameError: name 'x' is not defined"


def test_what_a_failing_cell_did_before_it_failed_stays(sandbox: SandboxClient) -> None:
    tool = session(sandbox)
    assert ask(tool, code="y = 5\n1/0") == "Error: ZeroDivisionError: division by zero"
    assert ask(tool, code="y") == "5"
    assert "SyntaxError" in ask(tool, code="def (")
    assert ask(tool, code="from __future__ import annotations\nprint(y)\nraise ValueError('no')") == (
        "Error: ValueError: no\nPrinted before:\n5"
    )
    assert ask(tool, code="with open('f', 'w') as f:\n    n = f.write('kept')") == "(no output)"
    assert ask(tool, code="open('f').read()") == "'kept'"


def test_a_cell_that_was_stopped_leaves_nothing_and_random_numbers_repeat(sandbox: SandboxClient) -> None:
    tool = session(sandbox, wall_s=0.5, cpu_s=1)
    assert ask(tool, code="z = 1\nwhile True: pass").startswith("Error: timed out")
    assert ask(tool, code="z") == "Error: NameError: name 'z' is not defined"
    drawn = ask(tool, code="import random\nr = random.random()\nr")
    assert ask(tool, code="r") == drawn
    assert ask(tool, code="exit(3)").startswith("Error")
    assert ask(tool, code="r") == drawn


def test_a_workspace_keeps_files_runs_programs_and_is_the_episodes_own(sandbox: SandboxClient) -> None:
    offered = file_tools(Workspace(sandbox, RunLimits(wall_s=2), {"data.txt": b"1 2 3"}))
    tools, others = for_episode(offered), for_episode(offered)
    program = "xs = open('data.txt').read().split()\nopen('out.txt', 'w').write(str(len(xs)))\nprint(sum(map(int, xs)))"
    assert ask(tools["write_file"], name="main.py", content=program) == "Wrote main.py."
    assert ask(tools["run_file"], name="main.py") == "6"
    assert ask(tools["read_file"], name="out.txt") == "3"
    assert ask(tools["list_files"]).splitlines()[0] == "data.txt (5 bytes)"
    assert ask(others["list_files"]) == "data.txt (5 bytes)"
    assert ask(others["read_file"], name="out.txt") == "Error: there is no file 'out.txt'. Files: data.txt"
    bad = "def f(x):\n    return 1 / x\n\nprint('begins')\nf(0)\n"
    ask(tools["write_file"], name="bad.py", content=bad)
    assert ask(tools["run_file"], name="bad.py") == (
        "Error: ZeroDivisionError: division by zero\n  bad.py line 5, in <module>\n  bad.py line 2, in f\n"
        "Printed before:\nbegins"
    )
    ask(tools["write_file"], name="loop.py", content="while True: pass")
    assert ask(tools["run_file"], name="loop.py").startswith("Error: timed out")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "/etc/passwd", ".hidden", "x" * 65, "a\0b", "a\n"])
def test_a_file_stays_in_its_folder(sandbox: SandboxClient, name: str) -> None:
    tools = for_episode(file_tools(Workspace(sandbox)))
    assert ask(tools["write_file"], name=name, content="x").startswith("Error: ")
    assert ask(tools["list_files"]) == "(no files)"


def test_a_workspace_is_bounded(sandbox: SandboxClient) -> None:
    tools = for_episode(file_tools(Workspace(sandbox)))
    assert "at most" in ask(tools["write_file"], name="big", content="x" * 200_001)
    for number in range(MAX_FILES):
        ask(tools["write_file"], name=f"f{number}", content="")
    assert "full" in ask(tools["write_file"], name="more", content="")
    assert ask(tools["write_file"], name="f0", content="again") == "Wrote f0."
    assert ask(tools["write_file"], name="x").startswith("Error: write_file needs")


DOCUMENTS = [
    Document("Rivers", "The Nile flows north. It is long."),
    Document("Mountains", "Mont Blanc is high."),
    Document("Lakes", "A lake may feed a river that flows to the sea."),
]


def test_search_ranks_by_relevance_and_reads_no_operator() -> None:
    tool = Search(SearchIndex(DOCUMENTS))
    assert ask(tool, query="nile river").startswith("[Rivers] The Nile flows north.")
    assert ask(tool, query="rivers").splitlines()[0].startswith("[Rivers]"), "words are stemmed, titles count more"
    for query in ('"', "NEAR(", "title:x OR *", "a AND", "^", "'; DROP TABLE documents; --", "\ud800", "-" * 5000):
        assert ask(tool, query=query)
    assert ask(tool, query="zebra") == ask(tool, query="") == "No document matches."
    assert ask(tool).startswith("Error: search needs")


@given(st.text(max_size=60))
def test_no_query_is_an_error(query: str) -> None:
    assert not ask(Search(SearchIndex(DOCUMENTS)), query=query).startswith("Error")


def test_a_corpus_is_read_from_folders_and_rows(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.md").write_text("secret")
    (tmp_path / "sub" / "a.md").write_text("alpha " * 400)
    (tmp_path / "rows.jsonl").write_text('{"title": "T", "text": "beta"}\n{"text": "gamma"}\n')
    assert [document.title for document in read_corpus(tmp_path)] == ["T", "rows.jsonl:2", "a.md"]
    index = SearchIndex(read_corpus(tmp_path))
    assert len(index.search("alpha", 10)) == 3, "a long text is found in parts"
    assert index.search("secret", 10) == []
    (tmp_path / "bad.jsonl").write_text('{"title": 1}')
    with pytest.raises(UserError, match=r"bad.jsonl:1"):
        read_corpus(tmp_path)
    with pytest.raises(UserError, match="no corpus"):
        read_corpus(tmp_path / "absent")


SCRIPT = "CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, NULL);"


@pytest.fixture(scope="module")
def sql() -> Tool:
    return Sql(Database(SCRIPT), seconds=0.3)


def test_sql_answers_with_a_table(sql: Tool) -> None:
    assert ask(sql, query="SELECT a, b FROM t ORDER BY a DESC LIMIT 2") == "a | b\n3 | NULL\n2 | y"
    assert ask(sql, query="SELECT a FROM t WHERE a > 9") == "a\n(no rows)"
    assert ask(
        sql, query="WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 50) SELECT i FROM n"
    ).endswith("\n20\n(more rows)")
    assert ask(sql, query="SELECT COUNT(*) FROM t WHERE b LIKE 'X%'") == "COUNT(*)\n1"
    assert ask(sql, query="SELECT substr('abc', 2) || upper('d')").endswith("\nbcD")
    assert ask(sql, query="SELECT length(printf('%1000000000d', 1))").endswith("\nNULL"), "no such text is made"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (4, 'z')", "DELETE FROM t", "UPDATE t SET a = 0", "DROP TABLE t", "CREATE TABLE u (a)",
        "CREATE TEMP TABLE u (a)", "PRAGMA table_info(t)", "PRAGMA writable_schema = 1", "ATTACH 'x.db' AS x", "VACUUM",
        "VACUUM INTO 'x.db'", "SELECT load_extension('x')", "SELECT readfile('/etc/passwd')", "BEGIN", "REINDEX",
        "SELECT 1; DELETE FROM t", "SELECT writefile('x', 'y')", "SELECT randomblob(99999999)", "SELECT zeroblob(1e9)",
        "SELECT * FROM pragma_database_list", "EXPLAIN SELECT 1; DROP TABLE t", "nonsense", "", "SELECT '\ud800'",
        "ANALYZE", "SELECT 1 WHERE " + "NOT " * 1200 + "1", "SELECT fts3_tokenizer('x')",
    ],
)  # fmt: skip
def test_sql_only_reads(sql: Tool, statement: str) -> None:
    before = ask(sql, query="SELECT COUNT(*), SUM(a) FROM t")
    answer = ask(sql, query=statement)
    assert answer.startswith("Error: ") or answer == "\n(no rows)"
    assert ask(sql, query="SELECT COUNT(*), SUM(a) FROM t") == before


@pytest.mark.parametrize(
    "statement",
    [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT COUNT(*) FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 3000) SELECT COUNT(*) FROM n a, n b, n c",
        "SELECT 1 WHERE hex(zeroblob(1)) OR '" + "a" * 3000 + "' LIKE '" + "%a" * 40 + "b'",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
        "SELECT SUM(LENGTH(TRIM(printf('%.90000c', 'a') || i, printf('%.8000c', 'b') || i || 'a'))) FROM n",
    ],
)
def test_sql_takes_no_longer_than_it_may(sql: Tool, statement: str) -> None:
    started = time.monotonic()
    ask(sql, query=statement)
    assert time.monotonic() - started < 2.0


def test_trim_is_that_of_sqlite(sql: Tool) -> None:
    said = ask(
        sql, query="SELECT trim('xyaxy', 'xy'), ltrim('xax', 'x'), rtrim('xax', 'x'), trim(' a '), trim('a', NULL)"
    )
    assert said.endswith("\na | ax | xa | a | NULL")


def test_sql_takes_no_more_memory_than_it_may() -> None:
    program = (
        "import asyncio; from darkhorse.agent.tools import sql; sql.MAX_MEMORY_BYTES = 32 << 20\n"
        "tool = sql.Sql(sql.Database('CREATE TABLE t (a)'))\n"
        "for end in (10, 10**9, 10):\n"
        "    query = f'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {end}) '\n"
        "    query += \"SELECT i, printf('%.90000c', 'a') || i AS s FROM n ORDER BY s\"\n"
        "    print(asyncio.run(tool({'query': query}))[:30])"
    )  # a process of its own: the limit is the process's, and can only be lowered
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    fine, hungry, again = [part for part in done.stdout.split("\n") if part and not part.startswith("i | s")]
    assert hungry == "Error: the statement needs too" and fine == again == "1 | " + "a" * 20


def test_sql_reads_a_file_and_cannot_write_it(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCRIPT)
    tool = build_tools("sql", ToolSettings(database=path))["sql"]
    assert ask(tool, query="SELECT MAX(a) FROM t") == "MAX(a)\n3"
    (tmp_path / "no.db").write_text("this is no database" * 100)
    with pytest.raises(UserError, match="cannot be used"):
        build_tools("sql", ToolSettings(database=tmp_path / "no.db"))
    assert "CREATE TABLE t" in Database(path).tables()


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_wildcards_match_as_they_should(pattern: str, text: str) -> None:
    assert matches(pattern, text, "*", "?") == fnmatchcase(text, pattern)


def test_tools_by_name(sandbox: SandboxClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes.md").write_text("The cellar key is under the blue pot.")
    monkeypatch.chdir(tmp_path)
    tools = build_tools("python, search", ToolSettings(sandbox))
    assert list(tools) == ["python", "search"]
    assert "blue pot" in ask(tools["search"], query="cellar key")
    assert tool_names() == ["calculator", "files", "python", "search", "sql"]
    assert sorted(build_tools(["files", "calculator"], ToolSettings(sandbox))) == [
        "calculator", "list_files", "read_file", "run_file", "write_file",
    ]  # fmt: skip
    assert needs_sandbox("search,files") and not needs_sandbox("search,sql")
    assert build_tools("", ToolSettings()) == {}
    for names, said in (("pyton", "Did you mean 'python'"), ("python", "sandbox"), ("sql", "database")):
        with pytest.raises(UserError, match=said):
            build_tools(names, ToolSettings())
    with pytest.raises(UserError, match="Two tools are called 'calculator'"):
        build_tools("calculator,calculator", ToolSettings())
