"""Reading one call in Java's or JavaScript's syntax, `f(a=1, b="x")`: its name, and each argument's source text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from darkhorse.verify.bfcl.calls import Call, check_size

_QUOTES = "\"'`"
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_FUNCTION = re.compile(r"\s*(?:await\s+)?([A-Za-z_$][\w$]*(?:\s*\.\s*[A-Za-z_$][\w$]*)*)\s*\(")
_NAMED = re.compile(r"\s*([A-Za-z_$][\w$]*)\s*=(?![=>])\s*")
_SPACES = re.compile(r"\s+")


def source_call(text: str) -> Call:
    """The one call of an answer, which may stand in brackets and in a code fence.

    Raises:
        ValueError: if it is anything else, if an argument has no name, or if a name is given twice.
    """
    lines = text.strip().splitlines()
    if len(lines) >= 2 and lines[0].startswith("```") and lines[-1].strip() == "```":
        text = "\n".join(lines[1:-1])
    bare = text.strip().strip("`").strip()
    bare = bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare
    name, arguments = _split_call(bare)
    named: dict[str, str] = {}
    for argument in arguments:
        key = _NAMED.match(argument)
        if key is None:
            raise ValueError("an argument is given without its name")
        if key[1] in named:
            raise ValueError(f"the argument '{key[1][:60]}' is given twice")
        named[key[1]] = argument[key.end() :].strip()
    return Call(name, named)


def published_java_call(text: str) -> Call:
    """The call as the leaderboard reads it: quotes around a whole argument fall away, spaces inside most expressions
    too, and so does the body of an anonymous class, such as the entries of a map.

    Raises:
        ValueError: if the text is no call, or gives a name twice.
    """
    name, arguments = _split_call(_published_bare(text))
    return Call(name, _published_arguments(arguments, _java_value))


def published_javascript_call(text: str) -> Call:
    """The call as the leaderboard reads it: quotes around a whole argument fall away.

    Raises:
        ValueError: if the text is no call, or gives a name twice.
    """
    name, arguments = _split_call(_published_bare(text))
    return Call(name, _published_arguments(arguments, _javascript_value))


def split_list(text: str) -> list[str]:
    """The parts of a text between commas that stand in no string and no bracket; none for an empty text.

    Raises:
        ValueError: if a string or a bracket does not end, or a part is empty.
    """
    parts, start = [], 0
    stack: list[str] = []
    for place, token in tokens(text):
        if token in _CLOSING:
            stack.append(_CLOSING[token])
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
    """Places and texts of the strings, quotes included, and of the other characters.

    Raises:
        ValueError: if a string does not end.
    """
    place = 0
    while place < len(text):
        if text[place] in _QUOTES:
            end = _string_end(text, place)
            yield place, text[place:end]
            place = end
        else:
            yield place, text[place]
            place += 1


def _string_end(text: str, start: int) -> int:
    place = start + 1
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == text[start]:
            return place + 1
        place += 1
    raise ValueError("a string never ends")


def _split_call(text: str) -> tuple[str, list[str]]:
    check_size(text)
    text = text.strip().removesuffix(";").rstrip()
    function = _FUNCTION.match(text)
    if function is None or not text.endswith(")"):
        raise ValueError("not the syntax of a call")
    return _SPACES.sub("", function[1]), split_list(text[function.end() : -1])


def _published_bare(text: str) -> str:
    bare = text.strip("`\n ")
    bare = bare if bare.startswith("[") else "[" + bare
    bare = bare if bare.endswith("]") else bare + "]"
    return bare[1:-1]


def _published_arguments(arguments: list[str], value: object) -> dict[str, str]:
    assert callable(value)
    named: dict[str, str] = {}
    for argument in arguments:
        key = _NAMED.match(argument)
        if key is not None:
            if key[1] in named:
                raise ValueError(f"the argument '{key[1][:60]}' is given twice")
            named[key[1]] = value(argument[key.end() :].strip())
        elif re.fullmatch(r"[A-Za-z_$][\w$]*", argument):
            named[""] = argument  # a bare name has no parameter; other values without a name are dropped
    return named


def _javascript_value(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


_ARRAY = re.compile(r"new\s+([\w.<>, ]+?)\s*\[\s*\]\s*(\{.*\})", re.DOTALL)
_OBJECT = re.compile(r"new\s+([\w.]+(?:\s*<[^()]*>)?)\s*\(", re.DOTALL)
_INVOCATION = re.compile(r"[A-Za-z_$][\w$.\s]*\(")


def _java_value(text: str, nested: bool = False) -> str:
    if text[0] in "\"'" and _string_end(text, 0) == len(text):
        return text if nested else text[1:-1]
    if array := _ARRAY.fullmatch(text):
        items = ",".join(_java_value(item, True) for item in split_list(array[2][1:-1]))
        return f"new {_compact(array[1])}[]{{{items}}}"
    if created := _OBJECT.match(text):
        end = _bracket_end(text, created.end() - 1)
        arguments = ", ".join(_java_value(item, True) for item in split_list(text[created.end() : end - 1]))
        return f"new {_compact(created[1])}({arguments})"
    if _INVOCATION.match(text) and text.endswith(")"):
        return text
    return _compact(text)


def _bracket_end(text: str, start: int) -> int:
    depth = 0
    for place, token in tokens(text[start:]):
        depth += (token in _CLOSING) - (token in (")", "]", "}"))
        if depth == 0:
            return start + place + 1
    raise ValueError("a bracket never closes")


def _compact(text: str) -> str:
    return "".join(token for _, token in tokens(text) if not token.isspace())
