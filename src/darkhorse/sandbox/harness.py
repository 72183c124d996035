"""What happens inside a confined child: load the program, make the calls, write down what they returned.

The program shares this process and can forge every record written here. That gains it nothing: expected values are
never sent here, so a record is only a claim that someone else compares.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import contextlib
import io
import json
import os
import sys
import threading
import traceback
import types
from typing import Any

from darkhorse.sandbox.values import Unserialisable, plain

RESULT_FD = 3
FILENAME = "<program>"
_ERROR_CHARACTERS = 500


def run(request: dict[str, Any]) -> int:
    """Run a program as the request says; records go to `RESULT_FD`, one JSON line each.

    Args:
        request: `code`, `calls` (null for a script), `interactive` (print the last expression's value), `nonce`.

    Returns:
        The exit status the process should have.
    """
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), "utf-8", "replace")
    sys.stdout, sys.stderr = _writer(1), _writer(2)
    sys.argv = [FILENAME]
    builtins.exit = builtins.quit = sys.exit  # type: ignore[assignment]  # normally put there by `site`
    if request["calls"] is None:
        return _script(request)
    return _functions(request)


def _writer(fd: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(fd, "w", closefd=False)), "utf-8", "backslashreplace")


def _script(request: dict[str, Any]) -> int:
    status = 0
    try:
        _execute(request["code"], "__main__", request["interactive"])
    except SystemExit as error:
        status = _exit_status(error)
    except BaseException as error:
        status = 1
        _print_error(error)
        _record(request, status=_failure(error), error=_describe(error))
    try:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()
    except BaseException as error:
        status = status or 1
        _print_error(error)
    _flush()
    return status


def _functions(request: dict[str, Any]) -> int:
    try:
        module = _execute(request["code"], "program", False)
    except BaseException as error:
        _print_error(error)
        _flush()
        for index in range(len(request["calls"])):
            _record(request, index=index, status=_failure(error), error=_describe(error))
        return 1
    for index, call in enumerate(request["calls"]):
        _record(request, index=index, **_call(module, call["function"], call["args"]))
    return 0


def _call(module: types.ModuleType, name: str, args: list[Any]) -> dict[str, Any]:
    try:
        function = getattr(module, name, None)
        if function is None:
            return {"status": "error", "error": f"NameError: name '{name}' is not defined"}
        return {"status": "ok", "value": plain(function(*args))}
    except Unserialisable as error:
        return {"status": "unserialisable", "error": str(error)}
    except BaseException as error:
        _print_error(error)
        return {"status": _failure(error), "error": _describe(error)}
    finally:
        _flush()


def _execute(code: str, name: str, interactive: bool) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses and pickle look it up
    tree = ast.parse(code, FILENAME)
    last = tree.body.pop() if interactive and tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, FILENAME, "exec", dont_inherit=True), module.__dict__)
    if isinstance(last, ast.Expr):
        expression = compile(ast.Expression(last.value), FILENAME, "eval", dont_inherit=True)
        value = eval(expression, module.__dict__)
        if value is not None:
            print(repr(value))
    return module


def _record(request: dict[str, Any], **fields: Any) -> None:
    fields["nonce"] = request["nonce"]
    fields["stdout_end"], fields["stderr_end"] = os.fstat(1).st_size, os.fstat(2).st_size
    line = memoryview(json.dumps(fields).encode() + b"\n")
    while line:
        line = line[os.write(RESULT_FD, line) :]


def _exit_status(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _failure(error: BaseException) -> str:
    return "memory" if isinstance(error, MemoryError) else "error"


def _describe(error: BaseException) -> str:
    try:
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        return text.encode(errors="backslashreplace").decode()[:_ERROR_CHARACTERS]
    except BaseException:
        return "an exception that cannot be printed"


def _print_error(error: BaseException) -> None:
    """Print the traceback without the frames of this file."""
    try:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
    except BaseException:
        pass


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the program may have closed or replaced it, or filled the file
            stream.flush()
