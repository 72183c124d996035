"""Cutting Java and JavaScript source text at its strings, brackets and commas."""

from __future__ import annotations

import re
from collections.abc import Iterator

CLOSING = {"(": ")", "[": "]", "{": "}"}
_QUOTES = "\"'`"
_GENERIC = re.compile(r"(?<=\w)<[\w\s.,?<>\[\]]{0,200}>(?=\s*\()")  # `<String, Object>` of a constructor


def split_list(text: str) -> list[str]:
    """The parts of a text between commas that stand in no string and no bracket; none for an empty text.

    Raises:
        ValueError: if a string or a bracket does not end, or a part is empty.
    """
    parts, start = [], 0
    stack: list[str] = []
    for place, token in tokens(text):
        if token in CLOSING:
            stack.append(CLOSING[token])
        elif token in (")", "]", "}"):
            if not stack or stack.pop() != token:
                raise ValueError("the brackets do not match")
        elif token == "," and not stack:
            parts.append(text[start:place].strip())
            start = place + 1
    if stack:
        raise ValueError("a bracket never closes")
    last = text[start:].strip()
    if not parts and not last:
        return []
    parts.append(last)
    if not all(parts):
        raise ValueError("nothing stands between two commas")
    return parts


def tokens(text: str) -> Iterator[tuple[int, str]]:
    """Places and texts of the strings, quotes included, of type parameters, and of the other characters.

    Raises:
        ValueError: if a string does not end.
    """
    place = 0
    while place < len(text):
        if text[place] in _QUOTES:
            end = string_end(text, place)
            yield place, text[place:end]
            place = end
        elif text[place] == "<" and (generic := _GENERIC.match(text, place)):
            yield place, generic[0]
            place = generic.end()
        else:
            yield place, text[place]
            place += 1


def string_end(text: str, start: int) -> int:
    """The place after the string that begins at a place.

    Raises:
        ValueError: if it does not end.
    """
    place = start + 1
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == text[start]:
            return place + 1
        place += 1
    raise ValueError("a string never ends")
