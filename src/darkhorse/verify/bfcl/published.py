"""The leaderboard's check of calls against possible answers, as published, its faults included.

Behaviour of `ast_checker` in `bfcl-eval` 2026.3; written anew. What the leaderboard crashes on is no valid answer here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from darkhorse.verify.bfcl.calls import Call, Language
from darkhorse.verify.bfcl.published_types import convert

PYTHON_TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
JAVA_TYPES: dict[str, type] = {
    **dict.fromkeys(("byte", "short", "integer", "long"), int),
    **dict.fromkeys(("float", "double"), float),
    **dict.fromkeys(("char", "String", "any"), str),
    **dict.fromkeys(("Array", "ArrayList", "Queue", "Stack"), list),
    **dict.fromkeys(("HashMap", "Hashtable"), dict),
    "boolean": bool,
    "Set": set,
}
JAVASCRIPT_TYPES: dict[str, type] = {
    "String": str,
    "integer": int,
    "float": float,
    "Bigint": int,
    "Boolean": bool,
    "dict": dict,
    "array": list,
    "any": str,
}
_TYPES: dict[Language, dict[str, type]] = {"python": PYTHON_TYPES, "java": JAVA_TYPES, "javascript": JAVASCRIPT_TYPES}
_ITEMISED: dict[Language, tuple[str, ...]] = {
    "python": ("array", "tuple"),
    "java": ("Array", "ArrayList"),
    "javascript": ("array",),
}
_IGNORED = re.compile(r"[ ,./\-_*^]")


def published_problem(
    functions: list[dict[str, Any]],
    calls: list[Call],
    answers: list[dict[str, Any]],
    language: Language,
    category: str,
    underscores: bool = False,
) -> str | None:
    """Why the leaderboard calls the calls wrong, None if it calls them right.

    Args:
        functions: the schemas that were offered.
        calls: what the model called, as the leaderboard reads it.
        answers: one a call: `{name: {parameter: [accepted values]}}`; `""` among them means that it may be left out.
        language: of the calls.
        category: `simple`, `multiple`, `parallel` or `parallel_multiple`.
        underscores: whether the model was shown `_` for each `.` in a function's name.
    """

    def problem(schema: dict[str, Any], call: Call, answer: dict[str, Any]) -> str | None:
        return _call_problem(schema, call, answer, language, underscores)

    try:
        if category == "simple":
            if len(calls) != 1:
                return f"{len(calls)} calls were made, not 1"
            return problem(functions[0], calls[0], answers[0])
        if len(calls) != len(answers):
            return f"{len(calls)} calls were made, not {len(answers)}"
        if category == "multiple":
            return problem(_schema(functions, answers[0]), calls[0], answers[0])
        return _greedily(functions, calls, answers, problem)
    except (
        ArithmeticError,
        AttributeError,
        IndexError,
        KeyError,
        NotImplementedError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        return f"the published check fails with {type(error).__name__}"


def standardised(text: str) -> str:
    """The form in which the leaderboard compares strings: `-5` becomes `5`."""
    return _IGNORED.sub("", text).lower().replace("'", '"')


def _greedily(
    functions: list[dict[str, Any]],
    calls: list[Call],
    answers: list[dict[str, Any]],
    problem: Callable[[dict[str, Any], Call, dict[str, Any]], str | None],
) -> str | None:
    """Each answer takes the first call left that fits, even if another answer needs it."""
    left = list(calls)
    for answer in answers:
        schema = _schema(functions, answer)
        problems = []
        for place, call in enumerate(left):
            found = problem(schema, call, answer)
            if found is None:
                del left[place]
                break
            problems.append(found)
        else:
            return f"no call fits '{next(iter(answer))}': {'; '.join(problems)[:200]}"
    return None


def _schema(functions: list[dict[str, Any]], answer: dict[str, Any]) -> dict[str, Any]:
    """The schema of the answer's function; where there is none, one that the check fails on."""
    name = next(iter(answer))
    return next((function for function in functions if function["name"] == name), {})


def _call_problem(
    schema: dict[str, Any], call: Call, answer: dict[str, Any], language: Language, underscores: bool
) -> str | None:
    accepted = next(iter(answer.values()))
    properties, required = schema["parameters"]["properties"], schema["parameters"]["required"]
    name = schema["name"].replace(".", "_") if underscores else schema["name"]
    if call.name != name:
        return f"'{name}' was not called"
    for parameter in required:
        if parameter not in call.arguments:
            return f"the required '{parameter}' is missing"
    for parameter, value in call.arguments.items():
        if parameter not in properties or parameter not in accepted:
            return f"'{parameter}' is unexpected"
        problem = _value_problem(value, accepted[parameter], properties[parameter], language)
        if problem is not None:
            return f"'{parameter}' {problem}"
    for parameter, values in accepted.items():
        if parameter not in call.arguments and "" not in values:
            return f"'{parameter}' is missing and not optional"
    return None


def _value_problem(value: Any, accepted: list[Any], schema: dict[str, Any], language: Language) -> str | None:
    kind = schema["type"]
    expected = _TYPES[language][kind]
    inner = _TYPES[language][schema["items"]["type"]] if kind in _ITEMISED[language] else None
    if language != "python":
        if type(value) is not str:
            return "is no source text"
        value = convert(value, kind, schema["items"]["type"] if inner is not None else None, language)
    elif kind == "tuple" and type(value) is tuple:
        value = list(value)
    elif kind == "float" and type(value) is int:
        value = float(value)
    right_type, variable = _type_check(value, accepted, expected, inner)
    if not right_type:
        return f"is of type {type(value).__name__}"
    if variable:
        right = value in accepted
    elif expected is dict:
        right = _is_dict(value, accepted)
    elif expected is list and inner is dict:
        right = _is_list_of_dicts(value, accepted)
    elif expected is str:
        right = standardised(value) in [standardised(one) for one in accepted if type(one) is str]
    elif expected is list:
        right = [_standard(item) for item in value] in [[_standard(item) for item in one] for one in accepted]
    else:
        right = value in accepted
    return None if right else "has a wrong value"


def _type_check(value: Any, accepted: list[Any], expected: type, inner: type | None) -> tuple[bool, bool]:
    """Whether the type is right, and whether the value is compared as a variable's name.

    An accepted value of another type than the schema's stands for a variable.
    """
    first = next((type(one) for one in accepted if one != ""), None)
    variable = first is not None and first is not expected
    kind = type(value)
    if kind is expected:
        if inner is None:
            return True, variable
        for one in accepted:
            if type(one) is not list or all(_type_check(item, one, inner, None)[0] for item in value):
                return True, variable
        return False, False
    return first is not None and kind is first, True


def _standard(value: Any) -> Any:
    return standardised(value) if type(value) is str else value


def _is_dict(value: dict[Any, Any], accepted: list[Any]) -> bool:
    """Whether every key is known and its value among the accepted ones. Values are not looked into."""
    for one in accepted:
        if one == "":
            continue
        known = all(
            key in one and _standard(item) in [_standard(option) for option in one[key]] for key, item in value.items()
        )
        if known and all(key in value or "" in options for key, options in one.items()):
            return True
    return False


def _is_list_of_dicts(value: list[Any], accepted: list[Any]) -> bool:
    for one in accepted:
        if len(value) == len(one) and all(_is_dict(item, [part]) for item, part in zip(value, one, strict=True)):
            return True
    return False
