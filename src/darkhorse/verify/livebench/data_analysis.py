"""LiveBench's data analysis: the class of a column, columns to join, tables to reformat (which needs pandas)."""

from __future__ import annotations

import ast
import json
import math
import re
from io import StringIO
from typing import Any

from darkhorse.verify.livebench.boxes import last_box

_MAX_CELLS = 100_000
_MAX_LITERAL = 50_000
_LEAD = re.compile(r"^\s*(Here|Input)\b[^\n]*?\b(format|table)\s*[:)]\s*", re.IGNORECASE)


def column_type(gold: str, answer: str) -> float:
    """The class, in a box or at the answer's end; case, spaces and punctuation do not count."""
    if "\\boxed{" in answer:
        box = last_box(answer)
        if box is None:
            raise ValueError("the box never closes")
        answer = box.replace("\\text{", "").replace("}", "").replace("\\", "")
    wanted = re.sub(r"[^\w]", "", gold.lower().strip())
    return float(re.sub(r"[^\w]", "", answer.lower().strip()).endswith(wanted))


def table_join(gold: Any, answer: str) -> float:
    """The F1 score of the pairs of columns, rounded to two digits."""
    wanted: dict[Any, Any] = gold if isinstance(gold, dict) else ast.literal_eval(gold)
    found = _mapping(answer)
    if not found:
        return 0.0
    right = sum(bool(wanted.get(key)) and wanted[key] == value for key, value in found.items())
    wrong = len(found) - right
    swapped = sum(bool(wanted.get(key)) and wanted[key] != value for key, value in found.items())
    missed = swapped + sum(not found.get(key) for key in wanted)
    return float(round(2 * right / (2 * right + wrong + missed), 2))


def _mapping(text: str) -> dict[Any, Any]:
    """The dictionary in the last tag, a code block, a box, or the whole text; entries that are None are dropped."""
    tags = re.findall(r"<solution>(.*?)</solution>", text, re.DOTALL)
    if tags:
        return _mapping(tags[-1].strip())
    value = _literal(text)
    if value is _UNREADABLE:
        value = _literal(_stated_mapping(text).replace("null", "None"))
    if not isinstance(value, dict):
        return {}
    return {key: one for key, one in value.items() if one is not None}


_UNREADABLE = object()


def _literal(text: str) -> Any:
    """A Python literal: `ast.literal_eval` builds values of literals only and evaluates nothing else."""
    try:
        return ast.literal_eval(text[:_MAX_LITERAL])
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return _UNREADABLE


def _stated_mapping(text: str) -> str:
    flat = text.replace("\n", "")
    for fence in ("```python", "```json", "```"):
        blocks: list[str] = re.findall(f"{fence}(.*?)```", flat)
        if blocks:
            return blocks[-1]
    if "\\boxed" in text:
        box = last_box(flat)
        if box:
            return re.sub(r"\\text{['|\"](.*?)['|\"]}", r"'\1'", box).replace("\\", "")
    return text


def table_reformat(gold: str, answer: str, question: str, second_version: bool) -> float:
    """Whether the table read from the answer has the true one's rows and columns, numbers within 1e-6.

    Raises:
        ImportError: if pandas is not installed, whose reading of tables the rule is.
    """
    kind = _target(question, second_version)
    read = _read_second if second_version else _read_first
    wanted = read(kind, gold)
    text = _LEAD.sub("", _table_text(answer)).strip()
    try:
        found = read(kind, text)
    except ImportError:
        raise
    except Exception:
        found = _after_header(kind, text, wanted)
        if found is None:
            return 0.0
    if _same_table(found, wanted):
        return 1.0
    if kind not in ("csv", "jsonl"):
        return 0.0
    found = _after_header(kind, text, wanted)
    return float(found is not None and _same_table(found, wanted))


def _target(question: str, second_version: bool) -> str:
    """The format asked for."""
    if second_version:
        line = [line for line in question.split("\n") if "Target Format" in line][-1]
        return line.split("Target Format: ")[1].strip().lower()
    asked = question.split("Please convert the Input Table from ")[1]
    return asked.split("format to ")[1].split(" format")[0].lower()


def _table_text(answer: str) -> str:
    tags = solutions_across(answer)
    if tags:
        return _table_text(tags[-1].strip())
    for kind in ("json", "html"):
        blocks: list[str] = re.findall(f"```{kind}\n(.*?)```", answer, re.DOTALL)
        if blocks:
            return blocks[-1].strip()
    return re.sub(r"^```.*\n", "", answer).replace("&amp;", "&").replace("```", "").strip()


def solutions_across(text: str) -> list[str]:
    """The contents of `<solution>` tags, over several lines too."""
    return re.findall(r"<solution>(.*?)</solution>", text, re.DOTALL)


def _read_first(kind: str, text: str) -> Any:
    import pandas

    if kind == "json":
        for options in ({"orient": "index"}, {"orient": "records"}, {"orient": "records", "lines": True},
                        {"orient": "table"}):  # fmt: skip
            try:
                return pandas.read_json(StringIO(text), **options)
            except Exception:  # the next orientation may fit
                continue
        return pandas.read_json(StringIO(text), orient="values")
    if kind == "markdown":
        return pandas.read_table(StringIO(text), sep="|", header=0, index_col=1, skipinitialspace=True)
    return _read_either(kind, text)


def _read_second(kind: str, text: str) -> Any:
    import pandas

    if kind == "json":
        for orient in ("table", "index", "records"):
            try:
                return pandas.read_json(StringIO(text), orient=orient)
            except Exception:  # the next orientation may fit
                continue
        return None
    if kind == "markdown":
        header, _, *lines = text.strip().split("\n")
        plain = "\n".join([header, *lines])
        table = pandas.read_table(StringIO(plain), sep="|", header=0, skipinitialspace=True).iloc[:, 1:-1]
        for column in table.columns:
            if table[column].dtype == "object":
                table[column] = table[column].astype(str).str.strip()
        return table
    return _read_either(kind, text)


def _read_either(kind: str, text: str) -> Any:
    import pandas

    if kind == "jsonl":
        return pandas.read_json(StringIO(text), orient="records", lines=True)
    if kind == "html":
        return pandas.concat(pandas.read_html(StringIO(text), flavor="lxml"), axis=0)
    if kind in ("csv", "tsv"):
        return pandas.read_csv(StringIO(text), sep="," if kind == "csv" else "\t")
    raise ValueError(f"unknown format {kind}")


def _after_header(kind: str, text: str, wanted: Any) -> Any:
    """The table that begins with the true header somewhere in a text, or the lines of JSON that have its columns."""
    import pandas

    columns = [str(column) for column in wanted.columns]
    if kind == "jsonl":
        rows = [line for line in text.strip().split("\n") if line[:1] == "{" and line[-1:] == "}" and len(line) > 1]
        read = []
        for line in rows:
            if all(column in line for column in columns):
                try:
                    read.append(json.loads(line))
                except ValueError:
                    continue
        return pandas.DataFrame(read) if read else None
    if kind not in ("csv", "tsv"):
        return None
    separator = "," if kind == "csv" else "\t"
    lines = text.strip().split("\n")
    start = next((n for n, line in enumerate(lines) if line.strip() == separator.join(columns).strip()), None)
    if start is None:
        return None
    for end in range(len(lines), start, -1):
        try:
            return pandas.read_csv(StringIO("\n".join(lines[start:end])), sep=separator)
        except Exception:  # text after the table
            continue
    return None


def _same_table(found: Any, wanted: Any) -> bool:
    try:
        return _compare(found.copy(), wanted.copy())
    except Exception:  # columns that are no text, ragged rows: not the table
        return False


def _compare(found: Any, wanted: Any) -> bool:
    from pandas.api.types import is_numeric_dtype

    for table in (found, wanted):
        table.columns = [column.strip() for column in table.columns]
    found, wanted = (table.drop(columns=["index"], errors="ignore") for table in (found, wanted))
    if len(found) != len(wanted) or sorted(found.columns) != sorted(wanted.columns):
        return False
    if found.size > _MAX_CELLS:
        return False

    def number(value: Any) -> bool:
        return isinstance(value, float) or bool(is_numeric_dtype(value))

    for place in range(len(found)):
        for column in found.columns:
            one, other = (table.iloc[place][column] for table in (found, wanted))
            one, other = (value.strip() if isinstance(value, str) else value for value in (one, other))
            if number(one) and number(other):
                if not _close(one, other):
                    return False
            elif one != other:
                return False
    return True


def _close(one: Any, other: Any) -> bool:
    try:
        first, second = float(one), float(other)
    except (TypeError, ValueError):
        return str(one).strip() == str(other).strip()
    return (math.isnan(first) and math.isnan(second)) or abs(first - second) < 1e-6
