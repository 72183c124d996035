"""Which Python values cross the sandbox's border, and how: strict JSON of exact types, bounded in every direction.

Standard library only: the fork server and the programs it forks load this module too.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import json
import math
from collections.abc import Callable, Iterable
from typing import Any

MAX_DEPTH = 100
MAX_INT_BITS = 14_000  # below CPython's limit of 4,300 digits for text conversion
MAX_NODES = 100_000
TAG = "$"
"""Key that marks an object of JSON as a Python value JSON has no type for: `{"$": "set", "v": [1, 2]}`."""

_DICTS = (collections.Counter, collections.OrderedDict, collections.defaultdict)
_TYPES = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, type(None))
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Unserialisable(ValueError):
    """A value with no exact form on the other side."""


def plain(value: Any, depth: int = 0) -> Any:
    """A copy of `value` built of exact `None`, bool, int, float, str, list and dict objects.

    Tuples become lists, dicts of `collections` plain ones, and keys that are numbers, bools or None strings, as in
    `json.dumps`; numbers and arrays of NumPy what they hold. Other subclasses are refused: one with its own `__eq__`
    could equal anything.

    Raises:
        Unserialisable: for any other type, NaN and infinities, oversized integers, lone surrogates, too deep nesting.
    """
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return _integer(value)
    if kind is float:
        if not math.isfinite(value):
            raise Unserialisable(f"{value} is not a JSON number")
        return value
    if kind is str:
        return _text(value)
    _check_depth(depth)
    if kind is list or kind is tuple:
        return [plain(item, depth + 1) for item in value]
    if kind is dict or kind in _DICTS:
        copy = {_key(key): plain(item, depth + 1) for key, item in value.items()}
        if len(copy) != len(value):
            raise Unserialisable("two keys of the dict are equal as text")
        return copy
    if getattr(kind, "__module__", None) == "numpy":
        return plain(value.tolist(), depth + 1)
    raise Unserialisable(f"a value of type {kind.__name__} is not JSON")


class Codec:
    """Carries Python values between two processes as JSON, types kept: a tuple arrives as a tuple, a set as a set.

    Beyond JSON's own types it knows tuples, sets, byte strings, complex numbers, NaN and infinities, decimals,
    fractions, dates, the built-in types themselves, the containers of `collections`, and nodes of linked lists and
    binary trees (`val` and `next`, or `val`, `left` and `right`), which arrive as objects of the other side's own
    `ListNode` and `TreeNode`.

    Args:
        keep: called with a value of any other type; returns the JSON that stands for it or raises `Unserialisable`.
        find: called with the argument of a `"ref"` tag; returns the value it stands for.
        classes: the namespace that `ListNode` and `TreeNode` are looked up in.
    """

    def __init__(
        self,
        keep: Callable[[Any], Any] | None = None,
        find: Callable[[Any], Any] | None = None,
        classes: dict[str, Any] | None = None,
    ) -> None:
        self._keep, self._find, self._classes = keep, find, {} if classes is None else classes

    def _class(self, name: str) -> Any:
        found = self._classes.get(name)
        return found if isinstance(found, type) else None

    def encode(self, value: Any, depth: int = 0) -> Any:
        """The JSON value that stands for `value`.

        Raises:
            Unserialisable: if none does.
        """
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return _integer(value)
        if kind is float:
            return value if math.isfinite(value) else _tagged("float", repr(value))
        if kind is str:
            return _text(value)
        _check_depth(depth)
        if kind is list:
            return self._encode_all(value, depth)
        if kind is dict:
            if all(type(key) is str for key in value) and TAG not in value:
                return {_text(key): self.encode(item, depth + 1) for key, item in value.items()}
            return _tagged("dict", self._pairs(value, depth))
        for name, (exact, take_apart, _) in _KINDS.items():
            if kind is exact:
                return _tagged(name, self._encode_all(take_apart(value), depth))
        if kind in _DICTS:
            return _tagged(kind.__name__, self._pairs(value, depth))
        if kind is type and value in _TYPES:
            return _tagged("type", value.__name__)
        if kind.__name__ == "ListNode" and hasattr(value, "next"):
            return _tagged("ListNode", self._encode_all(linked_values(value), depth))
        if kind.__name__ == "TreeNode" and hasattr(value, "left"):
            return _tagged("TreeNode", self._encode_all(level_order(value), depth))
        if getattr(kind, "__module__", None) == "numpy":
            return self.encode(value.tolist(), depth + 1)
        if self._keep is None:
            raise Unserialisable(f"a value of type {kind.__name__} cannot be passed on")
        return self._keep(value)

    def decode(self, value: Any) -> Any:
        """The Python value that `value`, which `encode` made or someone hostile forged, stands for.

        Raises:
            Unserialisable: if it stands for none.
        """
        if isinstance(value, list):
            return [self.decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        if TAG not in value:
            return {key: self.decode(item) for key, item in value.items()}
        name, content = value[TAG], value.get("v")
        try:
            return self._decode_tagged(name, content)
        except (TypeError, ValueError, ArithmeticError, LookupError, StopIteration) as error:
            raise Unserialisable(f"no {name} can be made of {str(content)[:80]}") from error

    def _decode_tagged(self, name: Any, content: Any) -> Any:
        if name == "ref" and self._find is not None:
            return self._find(content)
        if name == "float":
            return _FLOATS[content]
        if name == "type":
            return next(kind for kind in _TYPES if kind.__name__ == content)
        if name in _KINDS:
            return _KINDS[name][2](self.decode(content))
        if name in ("dict", "Counter", "OrderedDict", "defaultdict"):
            pairs = [(self.decode(key), self.decode(item)) for key, item in content]
            if name == "defaultdict":
                return collections.defaultdict(None, pairs)
            if name == "OrderedDict":
                return collections.OrderedDict(pairs)
            return collections.Counter(dict(pairs)) if name == "Counter" else dict(pairs)
        if name == "ListNode":
            return linked_list(self.decode(content), self._class("ListNode"))
        if name == "TreeNode":
            return tree(self.decode(content), self._class("TreeNode"))
        raise Unserialisable(f"there is no kind of value named {name!r}")

    def _encode_all(self, values: Iterable[Any], depth: int) -> list[Any]:
        return [self.encode(item, depth + 1) for item in values]

    def _pairs(self, value: dict[Any, Any], depth: int) -> list[list[Any]]:
        return [[self.encode(key, depth + 1), self.encode(item, depth + 1)] for key, item in value.items()]


def loads(text: bytes) -> Any:
    """Parse JSON from a hostile process: no NaN or infinities, no integer of quadratic cost, no depth that overflows.

    Raises:
        ValueError: if it is not such JSON.
    """
    try:
        return _DECODER.decode(text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


class ListNode:
    """Node of a singly linked list, as LeetCode gives it to programs."""

    def __init__(self, val: Any = 0, next: ListNode | None = None) -> None:
        self.val = val
        self.next = next


class TreeNode:
    """Node of a binary tree, as LeetCode gives it to programs."""

    def __init__(self, val: Any = 0, left: TreeNode | None = None, right: TreeNode | None = None) -> None:
        self.val = val
        self.left = left
        self.right = right


def linked_list(values: list[Any], kind: Any = None) -> Any:
    """The first node of a linked list of `values`; None for none."""
    head = None
    for value in reversed(values):
        node = (kind or ListNode)(value)
        node.next = head
        head = node
    return head


def tree(values: list[Any], kind: Any = None) -> Any:
    """The root of the binary tree whose nodes are `values` level by level; None where there is no node."""
    if not values or values[0] is None:
        return None
    kind = kind or TreeNode
    root = kind(values[0])
    waiting = collections.deque([root])
    rest = iter(values[1:])
    while waiting:
        node = waiting.popleft()
        for side in ("left", "right"):
            value = next(rest, None)
            if value is not None:
                child = kind(value)
                setattr(node, side, child)
                waiting.append(child)
    return root


def linked_values(node: Any) -> list[Any]:
    """The values of a linked list.

    Raises:
        Unserialisable: if it does not end.
    """
    values = []
    while node is not None:
        values.append(node.val)
        node = node.next
        if len(values) > MAX_NODES:
            raise Unserialisable(f"the linked list has more than {MAX_NODES} nodes or a cycle")
    return values


def level_order(root: Any) -> list[Any]:
    """The values of a binary tree level by level, None where a child is missing, without trailing Nones.

    Raises:
        Unserialisable: if it does not end.
    """
    values: list[Any] = []
    waiting = collections.deque([root])
    while waiting:
        node = waiting.popleft()
        values.append(None if node is None else node.val)
        if node is not None:
            waiting.extend((node.left, node.right))
        if len(values) > MAX_NODES:
            raise Unserialisable(f"the tree has more than {MAX_NODES} nodes or a cycle")
    while values and values[-1] is None:
        values.pop()
    return values


def _complex(parts: list[Any]) -> complex:
    return complex(*parts)


def _unordered(value: Iterable[Any]) -> list[Any]:
    return list(value)


_KINDS: dict[str, tuple[type, Callable[[Any], Iterable[Any]], Callable[[list[Any]], Any]]] = {
    "tuple": (tuple, list, tuple),
    "set": (set, _unordered, set),
    "frozenset": (frozenset, _unordered, frozenset),
    "deque": (collections.deque, list, collections.deque),
    "complex": (complex, lambda value: (value.real, value.imag), _complex),
    "bytes": (bytes, lambda value: (value.hex(),), lambda parts: bytes.fromhex(parts[0])),
    "range": (range, lambda value: (value.start, value.stop, value.step), lambda parts: range(*parts)),
    "Decimal": (decimal.Decimal, lambda value: (str(value),), lambda parts: decimal.Decimal(parts[0])),
    "Fraction": (
        fractions.Fraction,
        lambda value: (value.numerator, value.denominator),
        lambda parts: fractions.Fraction(*parts),
    ),
    "datetime": (
        datetime.datetime,
        lambda value: (value.isoformat(), value.fold),
        lambda parts: datetime.datetime.fromisoformat(parts[0]).replace(fold=parts[1]),
    ),
    "date": (datetime.date, lambda value: (value.isoformat(),), lambda parts: datetime.date.fromisoformat(parts[0])),
    "timedelta": (
        datetime.timedelta,
        lambda value: (value.days, value.seconds, value.microseconds),
        lambda parts: datetime.timedelta(*parts),
    ),
}


def _tagged(name: str, content: Any) -> dict[str, Any]:
    return {TAG: name, "v": content}


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise Unserialisable(f"the value is nested deeper than {MAX_DEPTH} levels")


def _integer(value: int) -> int:
    if value.bit_length() > MAX_INT_BITS:
        raise Unserialisable("the integer is too large")
    return value


def _key(key: Any) -> str:
    if type(key) is str:
        return _text(key)
    if key is None or type(key) in (bool, int, float):
        return json.dumps(plain(key))
    raise Unserialisable(f"a dict key of type {type(key).__name__} is not JSON")


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unserialisable("the text holds a lone surrogate") from None
    return text


def _no_constants(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constants)  # one, since each is a cycle that only the collector frees
