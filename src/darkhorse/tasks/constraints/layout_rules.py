"""Constraints on the shape of a text."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from darkhorse.tasks.constraints.rule import Count, Line, Rule, Word
from darkhorse.tasks.texts import bare_words, filled_lines, plain, unfenced, words


class Quoted(Rule):
    """The whole text stands in double quotes."""

    kind: Literal["quoted"] = "quoted"

    def _check(self, text: str) -> bool:
        text = text.strip()
        return len(text) >= 3 and text[0] in '"“' and text[-1] in '"”' and bool(words(text))


class Title(Rule):
    """A title in double angle brackets, `<<Title>>`."""

    kind: Literal["title"] = "title"

    def _check(self, text: str) -> bool:
        titles = (part.split(">>", 1) for part in text.split("<<")[1:])
        return any(len(title) == 2 and "\n" not in title[0] and bool(words(title[0])) for title in titles)


class Placeholder(Rule):
    """The placeholder `[name]` occurs."""

    kind: Literal["placeholder"] = "placeholder"
    name: Word

    def _check(self, text: str) -> bool:
        return f"[{self.name}]".casefold() in text.casefold()


class JsonKeys(Rule):
    """The text is one JSON object (a code fence may surround it) with these keys, none of them empty."""

    kind: Literal["json_keys"] = "json_keys"
    keys: Annotated[list[str], Field(min_length=1)]

    def _check(self, text: str) -> bool:
        try:
            value = json.loads(unfenced(text))
        except (ValueError, RecursionError):
            return False
        return isinstance(value, dict) and all(value.get(key) not in (None, "", [], {}) for key in self.keys)


class Postscript(Rule):
    """A postscript, `P.S.`, with something after it."""

    kind: Literal["postscript"] = "postscript"

    def _check(self, text: str) -> bool:
        _, mark, rest = text.casefold().replace("p. s.", "p.s.").rpartition("p.s.")
        return bool(mark) and bool(words(rest))


class Parts(Rule):
    """Exactly `count` parts divided by lines holding only `***`."""

    kind: Literal["parts"] = "parts"
    count: Count

    def _check(self, text: str) -> bool:
        lines = ["\0" if line.strip() == "***" else line for line in text.replace("\0", "").splitlines()]
        parts = "\n".join(lines).split("\0")
        return len(parts) == self.count and all(words(part) for part in parts)


class Divided(Rule):
    """Exactly `count` parts with words in them, divided by lines that hold this mark and nothing else."""

    kind: Literal["divided"] = "divided"
    mark: Word
    count: Annotated[int, Field(ge=2)]

    def _check(self, text: str) -> bool:
        parts: list[list[str]] = [[]]
        for line in text.splitlines():
            if line.strip() == self.mark:
                parts.append([])
            else:
                parts[-1].append(line)
        return len(parts) == self.count and all(words(" ".join(part)) for part in parts)


class Headings(Rule):
    """Exactly `count` Markdown headings of this level, and something under each."""

    kind: Literal["headings"] = "headings"
    level: Annotated[int, Field(ge=1, le=4)]
    count: Count

    def _check(self, text: str) -> bool:
        mark = "#" * self.level + " "
        lines = filled_lines(text)
        found = [place for place, line in enumerate(lines) if line.startswith(mark)]
        under = (not lines[place + 1].startswith("#") for place in found if place + 1 < len(lines))
        return len(found) == self.count == sum(under)


class Bold(Rule):
    """Exactly `count` parts in double asterisks, with words in them."""

    kind: Literal["bold"] = "bold"
    count: Count

    def _check(self, text: str) -> bool:
        parts = [part for line in text.splitlines() for part in line.split("**")[1::2]]
        return text.count("**") == 2 * self.count == 2 * sum(bool(words(part)) for part in parts)


class CodeBlock(Rule):
    """One fenced code block marked with this language, not empty."""

    kind: Literal["code_block"] = "code_block"
    language: Word

    def _check(self, text: str) -> bool:
        lines = [line.strip() for line in text.splitlines()]
        fences = [place for place, line in enumerate(lines) if line.startswith("```")]
        if len(fences) != 2 or lines[fences[0]] != f"```{self.language}" or lines[fences[1]] != "```":
            return False
        return bool(words(" ".join(lines[fences[0] + 1 : fences[1]])))


class Table(Rule):
    """One Markdown table of exactly so many columns and rows under its header."""

    kind: Literal["table"] = "table"
    columns: Annotated[int, Field(ge=2, le=6)]
    rows: Count

    def _check(self, text: str) -> bool:
        lines = [line.strip() for line in filled_lines(text, least=0) if line.strip().startswith("|")]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        if len(cells) != self.rows + 2 or any(len(row) != self.columns for row in cells):
            return False
        ruled = all(cell.strip(":") and not cell.strip(":").strip("-") for cell in cells[1])
        return ruled and all(words(cell) for row in (cells[0], *cells[2:]) for cell in row)


class Acrostic(Rule):
    """The first letters of the lines spell this word."""

    kind: Literal["acrostic"] = "acrostic"
    word: Word

    def _check(self, text: str) -> bool:
        firsts = (bare_words(line)[0][0] for line in filled_lines(text) if bare_words(line))
        return "".join(firsts) == self.word.casefold()


class LinePrefix(Rule):
    """Every line that is not empty begins with this mark and a space."""

    kind: Literal["line_prefix"] = "line_prefix"
    mark: Word

    def _check(self, text: str) -> bool:
        lines = [line for line in text.splitlines() if line.strip()]
        return bool(lines) and all(line.startswith(f"{self.mark} ") and words(line) for line in lines)


class FirstLine(Rule):
    """The first line is this one, and others follow."""

    kind: Literal["first_line"] = "first_line"
    line: Line

    def _check(self, text: str) -> bool:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return len(lines) > 1 and plain(lines[0]) == plain(self.line)


class LastLine(Rule):
    """The last line is this one, and others go before."""

    kind: Literal["last_line"] = "last_line"
    line: Line

    def _check(self, text: str) -> bool:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return len(lines) > 1 and plain(lines[-1]) == plain(self.line)


class Tag(Rule):
    """The whole text stands between `<name>` and `</name>`, once each."""

    kind: Literal["tag"] = "tag"
    name: Word

    def _check(self, text: str) -> bool:
        opening, closing, text = f"<{self.name}>", f"</{self.name}>", text.strip()
        if not (text.startswith(opening) and text.endswith(closing)):
            return False
        inside = text[len(opening) : -len(closing)]
        return bool(words(inside)) and opening not in inside and closing not in inside


class Asides(Rule):
    """Exactly `count` remarks in round brackets, none inside another, with words in them."""

    kind: Literal["asides"] = "asides"
    count: Count

    def _check(self, text: str) -> bool:
        opened, _, rest = text.partition("(")
        parts = [part.split(")") for part in rest.split("(")] if rest or opened != text else []
        return ")" not in opened and len(parts) == self.count and all(len(p) == 2 and words(p[0]) for p in parts)
