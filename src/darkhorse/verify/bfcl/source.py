"""Reading one call in Java's or JavaScript's syntax, `f(a=1, b="x")`: its name, and each argument's source text."""

from __future__ import annotations

import re
from collections.abc import Callable

from darkhorse.verify.bfcl.calls import Call, check_size
from darkhorse.verify.bfcl.expression import check_expression
from darkhorse.verify.bfcl.tokens import CLOSING, split_list, string_end, tokens

_FUNCTION = re.compile(r"\s*(?:await\s+)?([A-Za-z_$][\w$]*(?:\s*\.\s*[A-Za-z_$][\w$]*)*)\s*\(")
_NAMED = re.compile(r"\s*([A-Za-z_$][\w$]*)\s*=(?![=>])\s*")
_SPACES = re.compile(r"\s+")


def source_call(text: str) -> Call:
    """The one call of an answer, which may stand in brackets and in a code fence.

    Raises:
        ValueError: if it is anything else, if an argument has no name or is no expression, or if a name is given twice.
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
        check_expression(named[key[1]])
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


def _published_arguments(arguments: list[str], value: Callable[[str], str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for argument in arguments:
        key = _NAMED.match(argument)
        check_expression(argument[key.end() :] if key else argument)
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


_MAX_VALUE = 4_000  # the patterns below are quadratic in spaces
_ARRAY = re.compile(r"new\s+([\w.<>, ]+?)\s*\[\s*\]\s*(\{.*\})", re.DOTALL)
_OBJECT = re.compile(r"new\s+([\w.]+(?:\s*<[^()]*>)?)\s*\(", re.DOTALL)
_INVOCATION = re.compile(r"[A-Za-z_$][\w$.\s]*\(")


def _java_value(text: str, nested: bool = False) -> str:
    if text[0] in "\"'" and string_end(text, 0) == len(text):
        return text if nested else text[1:-1]
    if len(text) > _MAX_VALUE:
        return _compact(text)
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
        depth += (token in CLOSING) - (token in (")", "]", "}"))
        if depth == 0:
            return start + place + 1
    raise ValueError("a bracket never closes")


def _compact(text: str) -> str:
    return "".join(token for _, token in tokens(text) if not token.isspace())
