"""What happens inside a confined child: load the program, make the call, write down what it returned.

The program shares this process and can forge every record written here. That gains it nothing: expected values are
never sent here, so a record is only a claim that someone else compares.

Standard library only: the fork server knows no installed packages.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import collections
import contextlib
import inspect
import io
import json
import sys
import traceback
import types
import typing
from collections.abc import Callable
from typing import Any

from darkhorse.sandbox import channel, served, tester
from darkhorse.sandbox.syscalls import write_all
from darkhorse.sandbox.values import (
    ListNode,
    TreeNode,
    Unserialisable,
    level_order,
    linked_list,
    linked_values,
    plain,
    tree,
)

RESULT_FD = 3
FILENAME = "<program>"
_ERROR_CHARACTERS = 500
_TYPING = {name: getattr(typing, name) for name in typing.__all__}
_PRELUDE = {**_TYPING, "collections": collections, "ListNode": ListNode, "TreeNode": TreeNode}
"""Names that LeetCode gives to every program."""


class NotCompiled(Exception):
    """The program is not valid Python; the cause says why."""


def run(request: dict[str, Any]) -> int:
    """Do what the request says; records go to `RESULT_FD`, one JSON line each.

    Args:
        request: `mode` (`script`, `call`, `serve` the program to a test, or `test` it), `code` (text, or what
            `compiled` made of it), `nonce`; for a script `interactive` (print the last expression's value), for a call
            `function`, `args` and `kwargs`, for a test `names`.

    Returns:
        The exit status the process should have.
    """
    return _MODES[request["mode"]](request)


def open_streams() -> None:
    """Set up what programs find in `sys` and the builtins; once for all of them, before anything is forked."""
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), "utf-8", "replace")
    sys.stdout, sys.stderr = _writer(1), _writer(2)
    for stream in ("stdin", "stdout", "stderr"):
        setattr(sys, f"__{stream}__", getattr(sys, stream))
    sys.argv = [FILENAME]
    builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment]  # normally put there by `site`


def _writer(fd: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(fd, "w", closefd=False)), "utf-8", "backslashreplace")


def _script(request: dict[str, Any]) -> int:
    status = 0
    try:
        _execute(request["code"], types.ModuleType("__main__"), request["interactive"])
    except SystemExit as error:
        status = _exit_status(error)
    except BaseException as error:
        status = 1
        _print_error(error)
        _record(request, status=_failure(error), error=_describe(error))
    try:
        if "threading" in sys.modules:
            import threading

            threading._shutdown()  # type: ignore[attr-defined]  # lets the workers of pools end, and waits for threads
        atexit._run_exitfuncs()
    except BaseException as error:
        status = status or 1
        _print_error(error)
    _flush()
    return status


def _called(request: dict[str, Any]) -> int:
    try:
        value = plain(_call(_load(request["code"]), request))
    except Unserialisable as error:
        _flush()
        _record(request, status="unserialisable", error=str(error))
    except BaseException as error:
        _print_error(error)
        _flush()
        _record(request, status=_failure(error), error=_describe(error))
    else:
        _flush()
        _record(request, status="ok", value=value)
    return 0


def _served(request: dict[str, Any]) -> int:
    with contextlib.suppress(channel.ChannelClosed):
        try:
            module = _load(request["code"])
        except BaseException as error:
            _print_error(error)
            _flush()
            channel.send({"failed": _failure(error), "error": _describe(error)})
            return 1
        channel.send({"loaded": True})
        served.ProgramServer(module).serve()
    _flush()
    return 0


def _tested(request: dict[str, Any]) -> int:
    _record(request, **tester.run(request["code"], request["names"]))
    return 0


def _load(code: str | types.CodeType) -> types.ModuleType:
    """The program as a module, which a trailing `exit()` does not spoil: what stands before it has been defined."""
    module = types.ModuleType("program")
    module.__dict__.update(_PRELUDE)
    try:
        return _execute(code, module, False)
    except SystemExit as error:
        if error.code in (None, 0):
            return module
        raise


def _call(module: types.ModuleType, request: dict[str, Any]) -> Any:
    function = _find(module, request["function"])
    args, kwargs = _nodes_of(function, module, request["args"], request["kwargs"])
    value = function(*args, **kwargs)
    if type(value).__name__ == "ListNode" and hasattr(value, "next"):
        return linked_values(value)
    if type(value).__name__ == "TreeNode" and hasattr(value, "left"):
        return level_order(value)
    return value


def _find(module: types.ModuleType, name: str) -> Callable[..., Any]:
    """The function of that name; for `Class.method` that of a new object."""
    owner, _, method = name.rpartition(".")
    missing = NameError(f"name '{name}' is not defined")
    found = getattr(module, owner or method, None)
    if found is None or (not owner and method in _PRELUDE and found is _PRELUDE[method]):
        raise missing
    if owner:
        found = getattr(found() if isinstance(found, type) else found, method, None)
        if found is None:
            raise missing
    return typing.cast(Callable[..., Any], found)


def _nodes_of(
    function: Callable[..., Any], module: types.ModuleType, args: list[Any], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments, lists made into linked lists and trees where the parameters' annotations ask for those."""
    try:
        kinds = {name: str(item.annotation) for name, item in inspect.signature(function).parameters.items()}
    except (TypeError, ValueError):
        return args, kwargs
    made = [_node(value, kind, module) for value, kind in zip(args, kinds.values(), strict=False)]
    made += args[len(made) :]
    return made, {name: _node(value, kinds.get(name, ""), module) for name, value in kwargs.items()}


def _node(value: Any, annotation: str, module: types.ModuleType) -> Any:
    for name, build in (("ListNode", linked_list), ("TreeNode", tree)):
        if name in annotation and isinstance(value, list):
            kind = module.__dict__.get(name)
            if "List[" in annotation.replace("ListNode", ""):
                return [build(item, kind) if isinstance(item, list) else item for item in value]
            return build(value, kind)
    return value


def compiled(program: str | ast.Module) -> types.CodeType:
    """The byte code of a program.

    Raises:
        NotCompiled: if it is not valid Python.
    """
    try:
        return compile(program, FILENAME, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError) as error:
        raise NotCompiled from error


def _execute(code: str | types.CodeType, module: types.ModuleType, interactive: bool) -> types.ModuleType:
    sys.modules[module.__name__] = module  # dataclasses and pickle look it up
    module.__file__ = FILENAME  # in the folder the program runs in
    last = None
    if isinstance(code, str):
        program, last = _parted(code) if interactive else (code, None)
        code = compiled(program)
    exec(code, module.__dict__)
    if last is not None:
        value = eval(compile(last, FILENAME, "eval", dont_inherit=True), module.__dict__)
        if value is not None:
            print(repr(value))
    return module


def _parted(code: str) -> tuple[ast.Module, ast.Expression | None]:
    """A program without its last statement, and that as an expression, if it is one."""
    try:
        program = ast.parse(code, FILENAME)
    except (SyntaxError, ValueError, OverflowError, RecursionError) as error:
        raise NotCompiled from error
    last = program.body[-1] if program.body else None
    if not isinstance(last, ast.Expr):
        return program, None
    program.body.pop()
    return program, ast.Expression(last.value)


def _record(request: dict[str, Any], **fields: Any) -> None:
    # on a line of its own, whatever the program wrote to the descriptor before
    write_all(RESULT_FD, b"\n" + json.dumps(fields | {"nonce": request["nonce"]}).encode() + b"\n")


def _exit_status(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _failure(error: BaseException) -> str:
    if isinstance(error, NotCompiled):
        return "compile"
    return "memory" if isinstance(error, MemoryError) else "error"


def _describe(error: BaseException) -> str:
    error = error.__cause__ if isinstance(error, NotCompiled) and error.__cause__ else error
    try:
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        return text.encode(errors="backslashreplace").decode()[:_ERROR_CHARACTERS]
    except BaseException:
        return "an exception that cannot be printed"


def _print_error(error: BaseException) -> None:
    """Print the traceback without the frames of this file."""
    error = error.__cause__ if isinstance(error, NotCompiled) and error.__cause__ else error
    try:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
    except BaseException:
        pass


def _flush() -> None:
    for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
        with contextlib.suppress(BaseException):  # the program may have closed or replaced it, or filled the file
            getattr(sys, name).flush()


_MODES: dict[str, Callable[[dict[str, Any]], int]] = {
    "script": _script,
    "call": _called,
    "serve": _served,
    "test": _tested,
}
