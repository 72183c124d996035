"""The side of an assertion test that holds the test: the program's names stand for what lives in another process.

Only values built of exact types come back. An object of a class of the program's own stays there and is represented by
a `Remote`, which compares by identity: an `__eq__` that always agrees is never asked.

Standard library only: this runs in a confined child of the fork server.
"""

from __future__ import annotations

import ast
import builtins
import collections
import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

from darkhorse.sandbox import channel
from darkhorse.sandbox.values import Codec, Unserialisable

FILENAME = "<test>"
_MESSAGE_CHARACTERS = 500
_STOPS = (StopIteration, StopAsyncIteration)
_TOLD = ("__name__", "__qualname__", "__annotations__")
"""Special attributes of the program's objects. With others it could direct what libraries do in the test's process."""
_FAILURES = {"memory": "memory_limit", "compile": "compile_error"}


class ProgramEnded(BaseException):
    """The program's process is gone. Not an `Exception`: tests that expect some must not take this for one."""


def run(code: str, names: list[str]) -> dict[str, str]:
    """Carry out a test against the program at the other end of the channel, whose `names` hide built-in ones.

    Returns:
        `status` (`accepted`, `wrong_answer`, `runtime_error`, `memory_limit`, `compile_error`, `ended` when the
        program's process is gone, or `bad_test` for a test that is itself at fault) and `message`.
    """
    try:
        tree = ast.parse(code, FILENAME)
    except (SyntaxError, ValueError, RecursionError) as error:
        return {"status": "bad_test", "message": f"the test is not valid Python: {error}"}
    try:
        loaded = channel.receive()
        if "failed" in loaded:
            return {
                "status": _FAILURES.get(str(loaded["failed"]), "runtime_error"),
                "message": _short(loaded.get("error")),
            }
        module = types.ModuleType("test")
        sys.modules["test"] = module
        bridge = _Bridge(module.__dict__)
        module.__dict__.update(_modules(tree, names))
        foreign = [name for name in _foreign_names(tree, names) if name not in module.__dict__]
        module.__dict__.update(bridge.names(foreign))
        exec(compile(tree, FILENAME, "exec", dont_inherit=True), module.__dict__)
    except (ProgramEnded, channel.ChannelClosed) as error:
        return {"status": "ended", "message": str(error)}
    except MemoryError:
        return {"status": "memory_limit", "message": "MemoryError"}
    except BaseException as error:
        return _judged(error)
    return {"status": "accepted", "message": ""}


def _judged(error: BaseException) -> dict[str, str]:
    """What an exception that ended the test says about the program."""
    text = _short(f"{type(error).__name__}: {error}".rstrip(": "))
    if getattr(error, "remote", False):
        return {"status": "memory_limit" if isinstance(error, MemoryError) else "runtime_error", "message": text}
    line = _line(error)
    if isinstance(error, AssertionError):
        return {"status": "wrong_answer", "message": f"line {line} of the test: {text}"}
    if isinstance(error, ImportError):
        return {"status": "bad_test", "message": text}
    return {"status": "runtime_error", "message": f"line {line} of the test: {text}"}


def _short(text: Any) -> str:
    return str(text).encode(errors="replace").decode()[:_MESSAGE_CHARACTERS]


def _line(error: BaseException) -> int:
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _foreign_names(tree: ast.AST, wanted: list[str]) -> list[str]:
    """The names a test uses but neither defines nor finds among the built-in ones, and those it wants anyhow."""
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return sorted(name for name in used - bound if name in wanted or not hasattr(builtins, name))


def _modules(tree: ast.AST, wanted: list[str]) -> dict[str, types.ModuleType]:
    """The modules of the standard library that a test uses without importing them: it only takes what they have. They
    are not for the program to define, except the `wanted` ones.
    """
    taken: dict[str, set[str]] = {}
    owners = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            taken.setdefault(node.value.id, set()).add(node.attr)
            owners.add(node.value)
    alone = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in owners}
    found = {name: _imported(name) for name in _foreign_names(tree, []) if name in taken.keys() - alone - set(wanted)}
    return {
        name: module
        for name, module in found.items()
        if module is not None and all(hasattr(module, attribute) for attribute in taken[name])
    }


def _imported(name: Any) -> types.ModuleType | None:
    """A module of the standard library; None if this is not the name of one, or it does not work here."""
    if not isinstance(name, str) or name.partition(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        return importlib.import_module(name)
    except Exception:
        return None


class _Bridge:
    """Asks the program's process, and turns what comes back into values."""

    def __init__(self, classes: dict[str, Any]) -> None:
        self._remotes: dict[int, Remote] = {}
        self._codec = Codec(self._keep, self._find, classes)

    def names(self, names: list[str]) -> dict[str, Any]:
        """The program's globals of these names; modules of the standard library are imported here instead."""
        known = self.ask({"op": "names", "names": names}).get("ok")
        found: dict[str, Any] = {}
        for name in names:
            entry = known.get(name) if isinstance(known, dict) else None
            if isinstance(entry, dict) and "value" in entry:
                found[name] = self._decode(entry["value"])
            else:
                module = _imported(entry.get("module") if isinstance(entry, dict) else name)
                if module is not None:
                    found[name] = module
        return found

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request, as it came.

        Raises:
            ProgramEnded: if the program's process is gone.
            Exception: what the program raised, as the nearest built-in class, marked `remote`.
        """
        try:
            channel.send(request)
            answer = channel.receive()
        except channel.ChannelClosed as error:
            raise ProgramEnded(str(error)) from error
        if "raised" in answer:
            raise _exception(answer["raised"])
        return answer

    def operate(self, operation: str, remote: Remote, *args: Any) -> Any:
        """The value of an operation on an object of the program's."""
        number = object.__getattribute__(remote, "_number")
        answer = self.ask({"op": operation, "ref": number, "args": [*map(self._encode, args)]})
        if operation == "next" and answer.get("stop") is True:
            raise StopIteration
        return self._decode(answer.get("ok"))

    def call(self, remote: Remote, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function or class of the program's; what it does to lists, dicts and sets is done to ours."""
        request = {
            "op": "call",
            "ref": object.__getattribute__(remote, "_number"),
            "args": [self._encode(value) for value in args],
            "kwargs": {name: self._encode(value) for name, value in kwargs.items()},
        }
        answer = self.ask(request)
        value = self._decode(answer.get("ok"))
        ours = [*args, *kwargs.values()]
        for index, content in (answer.get("changed") or {}).items():
            _overwrite(ours[int(index)], self._decode(content))
        return value

    def _encode(self, value: Any) -> Any:
        return self._codec.encode(value)

    def _decode(self, value: Any) -> Any:
        try:
            return self._codec.decode(value)
        except (Unserialisable, RecursionError) as error:
            raise ProgramEnded(f"the program sent a malformed value: {error}") from error

    def _keep(self, value: Any) -> dict[str, Any]:
        if type(value) is Remote:
            return {"$": "ref", "v": object.__getattribute__(value, "_number")}
        raise Unserialisable(f"a value of type {type(value).__name__} cannot be passed to the program")

    def _find(self, number: Any) -> Remote:
        if type(number) is not int:
            raise Unserialisable("a reference is a number")
        return self._remotes.setdefault(number, Remote(self, number))


class Remote:
    """An object that stays in the program's process. Operations go there, but comparison is by identity, and what it
    holds is found out by going through it."""

    def __init__(self, bridge: _Bridge, number: int) -> None:
        object.__setattr__(self, "_bridge", bridge)
        object.__setattr__(self, "_number", number)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it there."""
        return _bridge(self).call(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _TOLD:
            raise AttributeError(name)
        return _bridge(self).operate("attribute", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _bridge(self).operate("set", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        return _bridge(self).operate("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _bridge(self).operate("set_item", self, key, value)

    def __bool__(self) -> bool:
        return _bridge(self).operate("truth", self) is True

    def __len__(self) -> int:
        return int(_bridge(self).operate("length", self))

    def __iter__(self) -> Iterator[Any]:
        iterator = _bridge(self).operate("iterate", self)
        return iter(iterator) if not isinstance(iterator, Remote) else _Iterator(iterator)

    def __next__(self) -> Any:
        return _bridge(self).operate("next", self)

    def __str__(self) -> str:
        return str(_bridge(self).operate("str", self))

    def __repr__(self) -> str:
        return str(_bridge(self).operate("repr", self))

    def __instancecheck__(self, value: Any) -> bool:
        return type(value) is Remote and _bridge(self).operate("isinstance", self, value) is True


class _Iterator:
    """Draws from an iterator of the program's, one element at a time."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def __iter__(self) -> _Iterator:
        return self

    def __next__(self) -> Any:
        return next(self._remote)


def _bridge(remote: Remote) -> _Bridge:
    bridge: _Bridge = object.__getattribute__(remote, "_bridge")
    return bridge


def _exception(raised: Any) -> BaseException:
    """What the program raised, so that a test which expects that exception can catch it."""
    name, base, message = (str(raised.get(key, "")) for key in ("type", "builtin", "message"))
    kind = getattr(builtins, base, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)) or issubclass(kind, _STOPS):
        kind = RuntimeError  # a program's SystemExit must not end the test, nor its StopIteration a `map` within
    try:
        error: BaseException = type(name, (kind,), {"remote": True})(message)
    except Exception:
        error = type(name or "Error", (RuntimeError,), {"remote": True})(message)
    return error


def _overwrite(ours: Any, theirs: Any) -> None:
    """Make a mutable argument what the program has made of its copy."""
    if isinstance(ours, list) and isinstance(theirs, list):
        ours[:] = theirs
    elif isinstance(ours, collections.deque) and isinstance(theirs, collections.deque):
        ours.clear()
        ours.extend(theirs)
    elif isinstance(ours, set | dict) and isinstance(theirs, set | dict):
        ours.clear()
        ours.update(theirs)
    elif hasattr(ours, "__dict__") and hasattr(theirs, "__dict__"):
        ours.__dict__.update(theirs.__dict__)
