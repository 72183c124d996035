"""Which Python values cross the sandbox's border: exactly the JSON types, nothing that only pretends to be one."""

from __future__ import annotations

import math
from typing import Any

MAX_DEPTH = 100
MAX_INT_BITS = 14_000  # below CPython's limit of 4,300 digits for text conversion


class Unserialisable(ValueError):
    """A value with no exact JSON form."""


def plain(value: Any, depth: int = 0) -> Any:
    """A copy of `value` built of exact `None`, bool, int, float, str, list and dict objects.

    Tuples become lists and integer keys become strings, as in `json.dumps`. Subclasses are refused: one with its own
    `__eq__` could equal anything.

    Raises:
        Unserialisable: for any other type, NaN and infinities, oversized integers, lone surrogates, too deep nesting.
    """
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        if value.bit_length() > MAX_INT_BITS:
            raise Unserialisable("the integer is too large")
        return value
    if kind is float:
        if not math.isfinite(value):
            raise Unserialisable(f"{value} is not a JSON number")
        return value
    if kind is str:
        return _text(value)
    if depth >= MAX_DEPTH:
        raise Unserialisable(f"the value is nested deeper than {MAX_DEPTH} levels")
    if kind is list or kind is tuple:
        return [plain(item, depth + 1) for item in value]
    if kind is dict:
        copy = {_key(key): plain(item, depth + 1) for key, item in value.items()}
        if len(copy) != len(value):
            raise Unserialisable("two keys of the dict are equal as text")
        return copy
    raise Unserialisable(f"a value of type {kind.__name__} is not JSON")


def _key(key: Any) -> str:
    if type(key) is str:
        return _text(key)
    if type(key) is int:
        return str(plain(key))
    raise Unserialisable(f"a dict key of type {type(key).__name__} is not JSON")


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unserialisable("the text holds a lone surrogate") from None
    return text
