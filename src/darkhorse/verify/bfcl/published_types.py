"""How the leaderboard turns Java and JavaScript source text into values, its faults included.

Behaviour of `java_type_converter` and `js_type_converter` in `bfcl-eval` 2026.3; written anew. Text that is no value of
the type stays text. Collections are split at every comma, also inside strings.
"""

from __future__ import annotations

import re
from typing import Any

from darkhorse.verify.bfcl.calls import Language

_MAX_TEXT = 4_000  # the published patterns are quadratic
_INTEGER = re.compile(r"-?\d+$")
_LONG = re.compile(r"(-?\d+)[lL]$")
_BIGINT = re.compile(r"(-?\d+)n$")
_DECIMAL = re.compile(r"-?\d+(?:\.\d+)?$")
_DOUBLE = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$")
_FLOAT = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)[fF]$")

_AS_LIST = re.compile(r"new\s+ArrayList<\w*>\(Arrays\.asList\((.+?)\)\)")
_ADDING = re.compile(r"new\s+ArrayList<\w*>\(\)\s*\{\{\s*(.+?)\s*\}\}", re.DOTALL)
_ADD = re.compile(r"add\((.+?)\)")
_NEW_LIST = re.compile(r"new\s+ArrayList<\w*>\(\)")
_NEW_ARRAY = re.compile(r"new\s+\w+\[\]\s*\{(.*?)\}")
_NEW_MAP = re.compile(r"new\s+HashMap<.*?>\s*\(\)")
_MAP_BODY = re.compile(r"\s*\{\s*\{?\s*(.*?)\s*\}?\s*\}", re.DOTALL)
_PUT = re.compile(r"put\(\"(.*?)\",\s*(.*?)\)")
_BRACKETS = re.compile(r"\[(.*?)\]|\bnew\s+Array\((.*?)\)")
_INNER = re.compile(r"\[(.*?)\]")
_BRACES = re.compile(r"\{(.*?)\}")
_PAIR = re.compile(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|$)")


def convert(text: str, kind: str, inner: str | None, language: Language) -> Any:
    """The value of a source text by its schema's type.

    Args:
        text: the argument as read from the call.
        kind: the type in the schema.
        inner: the type of an array's items.
        language: `java` or `javascript`.

    Raises:
        ValueError, NotImplementedError: where the leaderboard fails.
    """
    if len(text) > _MAX_TEXT:
        return text
    return _java(text, kind, inner) if language == "java" else _javascript(text, kind, inner)


def _java(text: str, kind: str, inner: str | None = None) -> Any:
    if kind in ("byte", "short", "integer"):
        return int(text) if _INTEGER.match(text) else text
    if kind == "float":
        return float(number[1]) if (number := _FLOAT.match(text)) else text
    if kind == "double":
        return float(text) if _DOUBLE.match(text) else text
    if kind == "long":
        return int(number[1]) if (number := _LONG.match(text)) else text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind in ("char", "String", "any"):
        return text
    if kind == "ArrayList":
        return _array_list(text, inner)
    if kind == "Array":
        array = _NEW_ARRAY.search(text)
        return text if array is None else [_item(part, inner) for part in _parts(array[1]) if part]
    if kind == "HashMap":
        return _map(text)
    raise NotImplementedError(kind)


def _array_list(text: str, inner: str | None) -> Any:
    if listed := _AS_LIST.search(text):
        return [_unquoted_item(part, inner) for part in _parts(listed[1])]
    if adding := _ADDING.search(text):
        return [_unquoted_item(part.strip(), inner) for part in _ADD.findall(adding[1])]
    return [] if _NEW_LIST.search(text) else text


def _map(text: str) -> Any:
    # The type's `<.*?>` may reach as far as it must for the braces to follow.
    for start in _NEW_MAP.finditer(text):
        if body := _MAP_BODY.match(text, start.end()):
            return {key: _any_java(value.strip()) for key, value in _PUT.findall(body[1])}
    return {} if _NEW_MAP.search(text) else text


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _item(text: str, inner: str | None) -> Any:
    return _java(text, inner) if inner else _any_java(text)


def _unquoted_item(text: str, inner: str | None) -> Any:
    return text[1:-1] if inner in ("char", "String") else _item(text, inner)


def _any_java(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    if number := _LONG.match(text):
        return int(number[1])
    if number := _FLOAT.match(text):
        return float(number[1])
    return _number(text)


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _quoted(text: str) -> bool:
    return any(text.startswith(quote) and text.endswith(quote) for quote in "\"'")


def _javascript(text: str, kind: str, inner: str | None = None) -> Any:
    if kind == "String":
        return text[1:-1] if _quoted(text) else text
    if kind == "integer":
        return int(text) if _INTEGER.match(text) else text
    if kind == "float":
        return float(text) if _DECIMAL.match(text) else text
    if kind == "Bigint":
        return int(number[1]) if (number := _BIGINT.match(text)) else text
    if kind == "Boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "array":
        return _javascript_array(text.strip(), inner)
    if kind == "dict":
        return _javascript_object(text.strip())
    if kind == "any":
        return text
    raise ValueError(f"unsupported type: {kind}")


def _javascript_array(text: str, inner: str | None) -> Any:
    if (nested := _nested_arrays(text)) is not None:
        return [[_any_javascript(part) for part in array.split(",")] for array in nested]
    array = _BRACKETS.match(text)
    if array is None:
        return text
    content = (array[1] if array[1] is not None else array[2]).strip()
    parts = [part.strip() for part in content.split(",")] if content else []
    try:
        if not inner:
            return [_any_javascript(part) for part in parts]
        return [_javascript(part, inner, "String" if part.startswith(("'", '"')) else None) for part in parts]
    except ValueError:
        return text


def _nested_arrays(text: str) -> list[str] | None:
    """Contents of the inner arrays of `[[1], [2]]` or of `new Array([1], [2])`, None for any other text."""
    if opening := re.match(r"\[\s*(?=\[)|new\s+Array\(\s*(?=\[)", text):
        end = _end_of_arrays(text, opening.end(), "]" if text[0] == "[" else ")")
        if end is not None:
            inner = [array.strip() for array in _INNER.findall(text[:end])]
            return [inner[0].removeprefix("["), *inner[1:]]
    return None


def _end_of_arrays(text: str, start: int, closing: str) -> int | None:
    """Where `[..], [..], [..]` and the bracket after it end, each inner array as short as can be."""
    place = start
    while (array := _INNER.match(text, place)) is not None:
        place = array.end() + len(text[array.end() :]) - len(text[array.end() :].lstrip())
        if text.startswith(closing, place):
            return place + 1
        following = re.compile(r",\s*").match(text, place)
        if following is None:
            return None
        place = following.end()
    return None


def _javascript_object(text: str) -> Any:
    if text == "{}":
        return {}
    content = _BRACES.match(text)
    if content is None:
        return text
    result: dict[str, Any] = {}
    for key, value in _PAIR.findall(content[1]):
        stripped = value.strip()
        name = key.strip().strip("'\"")
        if stripped.startswith("[") and stripped.endswith("]"):
            result[name] = _javascript_array(stripped, None)
        elif stripped.startswith("{") and stripped.endswith("}"):
            result[name] = _javascript_object(stripped)
        else:
            result[name] = _any_javascript(stripped.strip("'\""))
    return result


def _any_javascript(text: str) -> Any:
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    return text[1:-1] if _quoted(text) else _number(text)
