"""Values of Java and JavaScript source text, read by the grammar of the languages' literals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from darkhorse.verify.bfcl.calls import Language
from darkhorse.verify.bfcl.tokens import split_list, tokens

_NUMBER = re.compile(r"([-+]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,3})?)([lLfFdDn]?)")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_JAVA_ARRAY = re.compile(r"new\s+[\w.<>]+\s*\[\s*\]\s*(?=\{)")
_JAVA_LIST = re.compile(r"new\s+ArrayList\s*<[\w\s.<>,?\[\]]*>\s*\(")
_LISTING = re.compile(r"(?:Arrays\s*\.\s*asList|List\s*\.\s*of)\s*\(")
_JAVA_MAP = re.compile(r"new\s+HashMap\s*<[\w\s.<>,?\[\]]*>\s*\(\s*\)")
_STATEMENT = re.compile(r"(add|put)\s*\(")
_ARRAY_CLASS = re.compile(r"new\s+Array\s*\(")
_KEY = re.compile(r"\s*([A-Za-z_$][\w$]*|\d{1,15})\s*:")


@dataclass(frozen=True)
class Number:
    """A numeric literal.

    Attributes:
        value: an integer, or a float where the text has a point or an exponent.
        suffix: the letter after it, in lower case: `l`, `f`, `d` of Java and `n` of JavaScript.
    """

    value: int | float
    suffix: str


@dataclass(frozen=True)
class Code:
    """An expression that is no literal: a variable, a call."""

    text: str


def literal(text: str, language: Language) -> Any:
    """The value of an expression: a bool, None, str, `Number`, list, dict, or `Code` for all else.

    Args:
        text: with brackets no deeper than `check_size` allows.
        language: `java` or `javascript`.
    """
    text = text.strip()
    try:
        return _read(text, language)
    except ValueError:
        return Code(compact(text))


def quoted(text: str) -> str | None:
    """The content of a text that is one string literal; None for any other."""
    if len(text) < 2 or text[0] not in "\"'`":
        return None
    try:
        first = next(tokens(text))[1]
    except ValueError:
        return None
    return _ESCAPE.sub(_unescaped, text[1:-1]) if first == text else None


def compact(text: str) -> str:
    """An expression without the spaces that mean nothing: those outside strings and not between two words."""
    pieces: list[str] = []
    try:
        gap = False
        for _, token in tokens(text.strip()):
            if token.isspace():
                gap = True
                continue
            if gap and pieces and _is_word(pieces[-1][-1]) and _is_word(token[0]):
                pieces.append(" ")
            gap = False
            pieces.append(token)
    except ValueError:
        return text.strip()
    return "".join(pieces)


def _is_word(character: str) -> bool:
    return character.isalnum() or character in "_$"


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else _ESCAPED.get(match[2], match[2])


def _read(text: str, language: Language) -> Any:
    string = quoted(text)
    if string is not None:
        return string
    if number := _NUMBER.fullmatch(text):
        whole = number[1].lstrip("+-").isdigit()
        return Number(int(number[1]) if whole else float(number[1]), number[2].lower())
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    return _java(text) if language == "java" else _javascript(text)


def _values(text: str, language: Language) -> list[Any]:
    return [_read(part, language) for part in split_list(text)]


def _enclosed(text: str, start: int, closing: str) -> str:
    if not text.endswith(closing):
        raise ValueError("a bracket never closes")
    return text[start:-1]


def _java(text: str) -> Any:
    if array := _JAVA_ARRAY.match(text):
        return _values(_enclosed(text, array.end() + 1, "}"), "java")
    if text.startswith("{"):
        return _values(_enclosed(text, 1, "}"), "java")
    if listing := _LISTING.match(text):
        return _values(_enclosed(text, listing.end(), ")"), "java")
    if created := _JAVA_LIST.match(text):
        if text.endswith("}}") or text.endswith("} }"):
            parts = re.split(r"\)\s*(?=\{)", text[created.end() :], maxsplit=1)
            if len(parts) != 2 or parts[0].strip():
                raise ValueError("a list is created from something unknown")
            return [_read(only, "java") for name, (only,) in _statements(parts[1]) if name == "add"]
        source = _enclosed(text, created.end(), ")").strip()
        if not source:
            return []
        values = _java(source)
        if isinstance(values, list):
            return values
    if created := _JAVA_MAP.match(text):
        body = text[created.end() :].strip()
        return {} if not body else _entries(_statements(body))
    return Code(compact(text))


def _statements(text: str) -> list[tuple[str, list[str]]]:
    """Names and arguments of the `add(..);` and `put(.., ..);` of the body `{{ .. }}` of an anonymous class."""
    body = text.strip()
    for _ in range(2):
        body = _enclosed(body, 1, "}").strip() if body.startswith("{") else ""
    statements, start, depth = [], 0, 0
    for place, token in tokens(body):
        depth += (token in "([{") - (token in ")]}") if len(token) == 1 else 0
        if token == ";" and depth == 0:
            statements.append(body[start:place].strip())
            start = place + 1
    if body[start:].strip():
        raise ValueError("a statement has no end")
    result = []
    for statement in statements:
        called = _STATEMENT.match(statement)
        if called is None:
            raise ValueError("a statement neither adds nor puts")
        arguments = split_list(_enclosed(statement, called.end(), ")"))
        if len(arguments) != {"add": 1, "put": 2}[called[1]]:
            raise ValueError("a statement has a wrong number of arguments")
        result.append((called[1], arguments))
    return result


def _entries(statements: list[tuple[str, list[str]]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, arguments in statements:
        key = quoted(arguments[0])
        if name != "put" or key is None:
            raise ValueError("a key of a map is no string")
        result[key] = _read(arguments[1], "java")
    return result


def _javascript(text: str) -> Any:
    if text.startswith("["):
        return _values(_trailing_comma(_enclosed(text, 1, "]")), "javascript")
    if created := _ARRAY_CLASS.match(text):
        return _values(_enclosed(text, created.end(), ")"), "javascript")
    if text.startswith("{"):
        result: dict[str, Any] = {}
        for part in split_list(_trailing_comma(_enclosed(text, 1, "}"))):
            key, value = _entry(part)
            result[key] = _read(value, "javascript")
        return result
    return Code(compact(text))


def _entry(text: str) -> tuple[str, str]:
    """Key and value of one entry of an object; an entry that is a name alone is a variable under its own name."""
    if text[0] in "\"'":
        string = next(tokens(text))[1]
        rest = text[len(string) :].lstrip()
        key = quoted(string)
        if not rest.startswith(":") or key is None:
            raise ValueError("a key has no value")
        return key, rest[1:].strip()
    if named := _KEY.match(text):
        return named[1], text[named.end() :].strip()
    if re.fullmatch(r"[A-Za-z_$][\w$]*", text):
        return text, text
    raise ValueError("an entry of an object has no key")


def _trailing_comma(text: str) -> str:
    stripped = text.strip()
    return stripped.removesuffix(",") if stripped != "," else stripped
