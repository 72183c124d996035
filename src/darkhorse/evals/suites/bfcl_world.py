"""The stateful tools of BFCL's multi-turn tasks, from the package `bfcl-eval`, run where they can be killed.

A worker process is asked with everything done so far and starts afresh each time, so that nothing is shared between
episodes. Names of tools and arguments come from parsed calls: nothing the model wrote is ever evaluated.
"""

from __future__ import annotations

import ast
import copy
import importlib
import json
from typing import Any

from darkhorse.verify.state_match import Turn, public_state, state_match

_MODULE = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"
CLASS_MODULES = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
}
"""Tool classes of the multi-turn tasks, and the modules and files of documentation that hold each."""
_STATELESS = ("MathAPI",)
_SHOWN = 20_000  # characters of a result

Call = dict[str, Any]
"""`{"name", "arguments", "positional"}`"""


def work(request: dict[str, Any]) -> dict[str, Any]:
    """What `WorkerPool` calls.

    Args:
        request: `classes`, `config`, `long_context`; `turns`, the calls of each turn so far; and for a verdict
            `wanted`, the true calls as source text.

    Returns:
        `{"results": [...]}` of the last turn's calls, or `{"score", "reason"}`.
    """
    try:
        found = _play(request, request["turns"])
    except ImportError as error:
        return {"missing": str(error)}
    if "wanted" not in request:
        return {"results": list(found[-1].results) if found else []}
    wanted = _play(request, [[true_call(text) for text in turn] for turn in request["wanted"]])
    verdict = state_match(found, wanted, typed=False)
    return {"score": verdict.score, "reason": verdict.reason}


def _play(request: dict[str, Any], turns: list[list[Call]]) -> list[Turn]:
    tools = {name: _tool(name, request) for name in request["classes"]}
    played = []
    for turn in turns:
        results = [_result(tools, call) for call in turn]
        state = {name: tool for name, tool in tools.items() if name not in _STATELESS}
        played.append(Turn(copy.deepcopy(public_state(state)), results))
    return played


def _tool(name: str, request: dict[str, Any]) -> Any:
    tool = getattr(importlib.import_module(f"{_MODULE}.{CLASS_MODULES[name]}"), name)()
    if name not in _STATELESS:
        config = copy.deepcopy(request["config"].get(name, {}))
        tool._load_scenario(config, long_context=bool(request.get("long_context")))
    return tool


def _result(tools: dict[str, Any], call: Call) -> str:
    """What a call returns, as the leaderboard shows it: JSON for objects, else text; errors begin with "Error"."""
    name = str(call["name"])
    owner = next((tool for tool in tools.values() if not name.startswith("_") and hasattr(type(tool), name)), None)
    if owner is None:
        return f"Error during execution: name '{name[:60]}' is not defined"
    try:
        value = getattr(owner, name)(*call.get("positional", ()), **call["arguments"])
    except Exception as error:  # the tools raise what they like for bad arguments
        return f"Error during execution: {error}"
    if isinstance(value, dict):
        try:
            return json.dumps(value)[:_SHOWN]
        except (TypeError, ValueError):
            return str(value)[:_SHOWN]
    return str(value)[:_SHOWN]


def true_call(text: str) -> Call:
    """A call of the benchmark's answers, `mv(source='a', destination='b')`: literals only.

    Raises:
        ValueError: if it is anything else.
    """
    node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError(f"not a call: {text[:80]}")
    return {
        "name": node.func.id,
        "positional": [ast.literal_eval(argument) for argument in node.args],
        "arguments": {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords},
    }
