"""Reading `[f(a=1), g(b=[2, 3])]`, calls in Python's syntax, without running any of it."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

from darkhorse.verify.bfcl.calls import MAX_CALLS, Call, Name, check_size

_BAD_ESCAPE = re.compile(r"\\([^\n\\'\"abfnrtvoxuUN0-7])|\\.", re.DOTALL)
_RAW = re.compile(r"\b(?:[rR][bBfF]?|[bBfF][rR])[\"']")
_CHAIN = re.compile(r"(?:[-+~]\s*){9}|(?:\bnot\s+){9}|(?:\blambda\b.{0,80}?:\s*){9}", re.DOTALL)
_MAX_NUMBER = 10**60
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def python_calls(text: str) -> list[Call]:
    """The calls of an answer, which may stand in brackets and in a code fence; every value is a literal or a bare name.

    Raises:
        ValueError: if it is anything else, if an argument has no name, or if a name is given twice.
    """
    calls = []
    for node in _call_nodes(_parsed(_in_brackets(_unfenced(text)))):
        if node.args:
            raise ValueError("an argument is given without its name")
        arguments: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise ValueError("arguments are unpacked from a dictionary")
            if keyword.arg in arguments:
                raise ValueError(f"the argument '{keyword.arg[:60]}' is given twice")
            arguments[keyword.arg] = _literal(keyword.value)
        name = _dotted(node.func)
        if not name:
            raise ValueError("what is called is no function's name")
        calls.append(Call(name, arguments))
    return calls


def published_python_calls(text: str) -> list[Call]:
    """The calls as the leaderboard reads them: arguments without a name are dropped, the last of two with one name
    counts, a bare name is a string, and every sign is a minus.

    Sums and other arithmetic of numbers are computed, within bounds; the leaderboard evaluates any expression there.

    Raises:
        ValueError: if the leaderboard would not read the text either, or if that would take evaluating code.
    """
    bare = text.strip("`\n ")
    bare = bare if bare.startswith("[") else "[" + bare
    bare = bare if bare.endswith("]") else bare + "]"
    try:
        return [_published_call(node) for node in _call_nodes(_parsed(bare.strip().strip("'")))]
    except (TypeError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(str(error)) from error


def _unfenced(text: str) -> str:
    lines = text.strip().splitlines()
    if len(lines) >= 2 and lines[0].startswith("```") and lines[-1].strip() == "```":
        return "\n".join(lines[1:-1]).strip()
    return text.strip().strip("`").strip()


def _in_brackets(text: str) -> str:
    return text if text.startswith("[") else f"[{text}]"


def _parsed(text: str) -> ast.expr:
    check_size(text)
    if _CHAIN.search(text):
        raise ValueError("too many operators stand in a row")
    if not _RAW.search(text):  # Python warns of unknown escapes, and keeps their backslash
        text = _BAD_ESCAPE.sub(lambda match: f"\\\\{match[1]}" if match[1] is not None else match[0], text)
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"not the syntax of a call: {error}"[:120]) from error


def _call_nodes(body: ast.expr) -> list[ast.Call]:
    if isinstance(body, ast.Call):
        return [body]
    if not isinstance(body, ast.List | ast.Tuple | ast.Set):
        raise ValueError("the answer is no list of calls")
    calls = [element for element in body.elts if isinstance(element, ast.Call)]
    if len(calls) != len(body.elts):
        raise ValueError("the list holds something other than calls")
    if len(calls) > MAX_CALLS:
        raise ValueError(f"the answer makes more than {MAX_CALLS} calls")
    return calls


def _dotted(function: ast.expr) -> str:
    parts = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name):
        return ""
    return ".".join(reversed([*parts, function.id]))


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        if node.value is not None and not isinstance(node.value, bool | int | float | str):
            raise ValueError(f"a {type(node.value).__name__} is no JSON value")
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        number = node.operand.value if isinstance(node.operand, ast.Constant) else None
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError("a sign stands before something other than a number")
        return -number if isinstance(node.op, ast.USub) else number
    if isinstance(node, ast.List):
        return [_literal(element) for element in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(element) for element in node.elts)
    if isinstance(node, ast.Dict):
        return _dictionary(node)
    if isinstance(node, ast.Name):
        return Name(node.id)
    raise ValueError("an argument is neither a literal nor a name")


def _dictionary(node: ast.Dict) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        key = None if key_node is None else _literal(key_node)
        if not isinstance(key, str) or isinstance(key, Name):
            raise ValueError("a key of a dictionary is no string")
        if key in result:
            raise ValueError(f"the key '{key[:60]}' is given twice")
        result[key] = _literal(value_node)
    return result


def _published_call(node: ast.Call) -> Call:
    name = _published_name(node.func)
    # A dictionary that is unpacked has no name: no schema has such a parameter.
    return Call(name, {keyword.arg or "**": _published(keyword.value) for keyword in node.keywords})


def _published_name(function: ast.expr) -> str:
    """Dotted; what is no name at the root is left out."""
    parts = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    return ".".join(reversed(parts))


def _published(node: ast.expr | None) -> Any:
    if isinstance(node, ast.Constant):
        return "..." if node.value is Ellipsis else node.value
    if isinstance(node, ast.UnaryOp):
        if not isinstance(node.operand, ast.Constant):
            raise ValueError("a sign stands before something other than a constant")
        return -node.operand.value  # type: ignore[operator]  # a TypeError is a refusal
    if isinstance(node, ast.List):
        return [_published(element) for element in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_published(element) for element in node.elts)
    if isinstance(node, ast.Dict):
        return {_published(key): _published(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.BinOp):
        return _computed(node)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        if not node.keywords:
            return ast.unparse(node)
        call = _published_call(node)
        return {call.name: call.arguments}
    if isinstance(node, ast.Subscript):
        return f"{ast.unparse(node.value)}[{ast.unparse(node.slice)}]"
    raise ValueError(f"an argument is {type(node).__name__}")


def _computed(node: ast.expr) -> Any:
    """A sum, difference, product, quotient or power of numbers, or a sum of strings or lists, within bounds."""
    if isinstance(node, ast.Constant | ast.List | ast.Tuple):
        return _published(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _computed(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _computed(node.left), _computed(node.right)
        numbers = all(isinstance(side, int | float) and abs(side) < _MAX_NUMBER for side in (left, right))
        if not numbers and not (type(left) is type(right) and isinstance(node.op, ast.Add)):
            raise ValueError("arithmetic of something other than numbers")
        if isinstance(node.op, ast.Pow) and abs(right) > 64:
            raise ValueError("an exponent is too large")
        return _ARITHMETIC[type(node.op)](left, right)
    raise ValueError("arithmetic of something other than numbers")
