"""The side of an assertion test that holds the program: it answers calls and knows no test.

Standard library only: this runs in a confined child of the fork server.
"""

from __future__ import annotations

import builtins
import collections
import json
import types
from collections.abc import Callable
from typing import Any

from darkhorse.sandbox import channel
from darkhorse.sandbox.values import Codec, Unserialisable

_MUTABLE = (list, dict, set, collections.deque, collections.Counter, collections.OrderedDict, collections.defaultdict)
_NODES = ("ListNode", "TreeNode")
_MESSAGE_CHARACTERS = 500


class ProgramServer:
    """Answers what the test's side asks of the program until it hangs up.

    Args:
        module: the loaded program.
    """

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module
        self._kept: dict[int, Any] = {}  # objects that only stay here, by the number the other side knows them by
        self._numbers: dict[int, int] = {}
        self._codec = Codec(self._keep, self._find, module.__dict__)

    def serve(self) -> None:
        """Answer until the channel closes."""
        while True:
            request = channel.receive()
            try:
                answer = self._answer(request)
            except channel.ChannelClosed:
                raise
            except BaseException as error:
                answer = {"raised": describe(error)}
            channel.send(answer)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = request["op"]
        if operation == "names":
            return {"ok": {name: self._global(name) for name in request["names"] if hasattr(self._module, name)}}
        target = self._find(request["ref"])
        if operation == "call":
            return self._call(target, request)
        if operation == "next":
            try:
                return {"ok": self._codec.encode(next(target))}
            except StopIteration:
                return {"stop": True}
        return {"ok": self._codec.encode(_OPERATIONS[operation](target, *map(self._codec.decode, request["args"])))}

    def _global(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        return {"value": self._codec.encode(value)}

    def _call(self, function: Any, request: dict[str, Any]) -> dict[str, Any]:
        args = [self._codec.decode(value) for value in request["args"]]
        kwargs = {name: self._codec.decode(value) for name, value in request["kwargs"].items()}
        answer: dict[str, Any] = {"ok": self._codec.encode(function(*args, **kwargs)), "changed": {}}
        for index, value in enumerate([*args, *kwargs.values()]):
            if isinstance(value, _MUTABLE) or type(value).__name__ in _NODES:
                before = [*request["args"], *request["kwargs"].values()][index]
                try:
                    after = self._codec.encode(value)
                except Unserialisable:
                    continue  # what the program did to its argument cannot be shown
                if json.dumps(after) != json.dumps(before):
                    answer["changed"][str(index)] = after
        return answer

    def _keep(self, value: Any) -> dict[str, Any]:
        number = self._numbers.setdefault(id(value), len(self._kept))
        self._kept[number] = value
        return {"$": "ref", "v": number}

    def _find(self, number: Any) -> Any:
        return self._kept[number]


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "attribute": getattr,
    "set": setattr,
    "item": lambda value, key: value[key],
    "set_item": lambda value, key, item: value.__setitem__(key, item),
    "truth": bool,
    "length": len,
    "iterate": iter,
    "str": str,
    "repr": repr,
    "isinstance": lambda kind, value: isinstance(value, kind),
}


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as its class's name, the nearest built-in class it derives from, and its text."""
    nearest = next(
        (kind.__name__ for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind), "Exception"
    )
    try:
        text = str(error).encode(errors="backslashreplace").decode()[:_MESSAGE_CHARACTERS]
    except BaseException:
        text = ""
    return {"type": type(error).__name__[:100], "builtin": nearest, "message": text}
