"""BFCL's function schemas in OpenAI's shape, as its own handlers for function-calling models convert them."""

from __future__ import annotations

import copy
from typing import Any

from darkhorse.types import ToolSchema

_JSON_TYPES = {
    "dict": "object", "object": "object", "hashmap": "object", "float": "number", "double": "number",
    "number": "number", "integer": "integer", "int": "integer", "string": "string", "str": "string",
    "boolean": "boolean", "bool": "boolean", "array": "array", "list": "array", "tuple": "array", "any": "string",
}  # fmt: skip
_HINTS = {
    "python": "",
    "java": " Note that the provided function is in Java 8 SDK syntax.",
    "javascript": " Note that the provided function is in JavaScript syntax.",
}


def tool_schema(function: dict[str, Any], language: str = "python") -> ToolSchema:
    """A function as models are shown it: `_` for `.` in its name, JSON's names of types.

    Parameters of Java and JavaScript functions are strings that hold source text.
    """
    shown = copy.deepcopy(function)
    parameters = shown.get("parameters", {"type": "dict", "properties": {}})
    if language != "python":
        for details in parameters["properties"].values():
            _as_source(details, language)
    parameters = _converted(parameters)
    return {
        "type": "function",
        "function": {
            "name": shown["name"].replace(".", "_"),
            "description": shown.get("description", "") + _HINTS[language],
            "parameters": {**parameters, "type": "object"},
        },
    }


def _as_source(details: dict[str, Any], language: str) -> None:
    kind = details.get("type", "any")
    name = {"java": "Java", "javascript": "JavaScript"}[language]
    note = f" This is {name} {kind} type parameter in string representation."
    if "items" in details:
        note += f" The list elements are of type {details.pop('items').get('type', 'any')}."
    details.pop("properties", None)
    details["type"] = "string"
    details["description"] = f"{details.get('description', '')}{note}"


def _converted(schema: dict[str, Any]) -> dict[str, Any]:
    converted = dict(schema)
    kind = schema.get("type")
    if isinstance(kind, str):
        converted["type"] = _JSON_TYPES.get(kind.lower(), "string")
    if isinstance(schema.get("properties"), dict):
        converted["properties"] = {name: _converted(details) for name, details in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        converted["items"] = _converted(schema["items"])
    return converted
