"""The check of calls for rewards: the published rules without the faults a policy would learn to use.

What differs from the published check, and why, stands in `docs/verifiers-calls.md`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from darkhorse.verify.bfcl.calls import Call, Language, Name
from darkhorse.verify.bfcl.literals import Code, Number, compact, literal, quoted
from darkhorse.verify.matching import perfect_matching

_INTEGERS = frozenset(("integer", "byte", "short", "long", "Bigint"))
_FLOATS = frozenset(("float", "double", "number"))
_TEXTS = frozenset(("string", "String", "any", "char"))
_SUFFIX = {"long": "l", "float": "f", "Bigint": "n"}  # what a literal of a type must end in; the others bear none
_COMMA = re.compile(r"(?<!\d),|,(?!\d)")
_JOINER = re.compile(r"(?<=[^\W\d])[-_](?=[^\W\d])")
_STOP = re.compile(r"(?<=[^\W\d_])\.(?=\s|\Z)")
_PUNCTUATION = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "`": "'"})


def strict_problem(
    functions: list[dict[str, Any]],
    calls: list[Call],
    answers: list[dict[str, Any]],
    language: Language,
    underscores: bool = False,
) -> str | None:
    """Why the calls are not the expected ones, each made once and in any order; None if they are.

    Args:
        functions: the schemas that were offered.
        calls: what the model called.
        answers: one a call: `{name: {parameter: [accepted values]}}`; `""` among them means that it may be left out.
        language: of the calls.
        underscores: whether the model was shown `_` for each `.` in a function's name.
    """
    if len(calls) != len(answers):
        return f"expected {len(answers)} call(s), found {len(calls)}"
    schemas = {function["name"]: function for function in functions}
    problems = [
        [_call_problem(schemas[next(iter(answer))], call, answer, language, underscores) for call in calls]
        for answer in answers
    ]
    if perfect_matching([[problem is None for problem in row] for row in problems]) is not None:
        return None
    for answer, row in zip(answers, problems, strict=True):
        if None not in row:
            expected = next(iter(answer))
            named = [problem for problem, call in zip(row, calls, strict=True) if call.name == expected]
            return (named or row)[0]
    return "one call stands in for two expected ones"


def offered_problem(functions: list[dict[str, Any]], calls: list[Call], underscores: bool = False) -> str | None:
    """Why the calls are no calls of the functions offered, with all they require and values of the types they name."""
    if not calls:
        return "no function was called"
    schemas = {_shown_name(function["name"], underscores): function for function in functions}
    for call in calls:
        if call.name not in schemas:
            return f"'{call.name[:60]}' is not among the functions"
        properties = schemas[call.name]["parameters"]["properties"]
        for parameter in schemas[call.name]["parameters"].get("required", []):
            if parameter not in call.arguments:
                return f"'{call.name}' lacks the argument '{parameter}'"
        for parameter, value in call.arguments.items():
            if parameter not in properties:
                return f"'{call.name}' has the unexpected argument '{parameter[:60]}'"
            if not _conforms(value, properties[parameter]):
                return f"argument '{parameter}' of '{call.name}' is not of type {properties[parameter].get('type')}"
    return None


def same_text(found: str, wanted: str) -> bool:
    """Whether two strings differ in nothing but case, spaces, quotes and the punctuation of words.

    Commas count between digits only, hyphens and underscores do not between letters, and a full stop does not after a
    word. Everything else does: signs, points and slashes of numbers, paths and dates.
    """
    return found == wanted or _normal(found) == _normal(wanted)


def _normal(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.translate(_PUNCTUATION)).casefold()
    text = _STOP.sub("", _JOINER.sub(" ", _COMMA.sub(" ", text)))
    return " ".join(text.replace("'", '"').split())


def _shown_name(name: str, underscores: bool) -> str:
    return name.replace(".", "_") if underscores else name


def _call_problem(
    schema: dict[str, Any], call: Call, answer: dict[str, Any], language: Language, underscores: bool
) -> str | None:
    ((name, accepted),) = answer.items()
    if call.name != _shown_name(name, underscores):
        return f"'{name}' was not called"
    properties, required = schema["parameters"]["properties"], schema["parameters"].get("required", [])
    for parameter in [*required, *(other for other, options in accepted.items() if "" not in options)]:
        if parameter not in call.arguments:
            return f"'{name}' lacks the argument '{parameter}'"
    for parameter, value in call.arguments.items():
        if parameter not in properties or parameter not in accepted:
            return f"'{name}' has the unexpected argument '{parameter[:60]}'"
        details = properties[parameter]
        options = [
            one for one in accepted[parameter] if one != "" or _empty_allowed(details, parameter, accepted, required)
        ]
        if language != "python":
            right = any(_source_equal(value, one, details, language) for one in options)
        else:
            right = any(_equal(value, one, details) for one in options)
        if not right:
            return f"argument '{parameter}' of '{name}' has a wrong value or type"
    return None


def _empty_allowed(
    details: dict[str, Any], parameter: str, accepted: dict[str, list[Any]], required: list[str]
) -> bool:
    """`""` marks what may be left out. As a value it counts only as the schema's default, or where nothing else can."""
    return details.get("default") == "" or (parameter in required and accepted[parameter] == [""])


def _equal(value: Any, wanted: Any, schema: dict[str, Any]) -> bool:
    """Typed equality: 1 is not true, 5.0 is no integer, a list is no tuple; an integer is a float."""
    kind = schema.get("type")
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, int | float):
        if not isinstance(value, int | float) or value != wanted:
            return False
        as_float = isinstance(wanted, float) or kind in _FLOATS
        return isinstance(value, int) or (as_float and kind not in _INTEGERS)
    if isinstance(wanted, str):
        return _equal_text(value, wanted, schema)
    if isinstance(wanted, list | tuple):
        if not isinstance(value, list) and not (isinstance(value, tuple) and kind == "tuple"):
            return False
        items = schema.get("items") or {}
        return len(value) == len(wanted) and all(_equal(*pair, items) for pair in zip(value, wanted, strict=True))
    if isinstance(wanted, dict):
        return isinstance(value, dict) and _equal_dict(value, wanted, schema)
    return value is None and wanted is None


def _equal_text(value: Any, wanted: str, schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if not isinstance(value, str):
        return False
    if kind is not None and kind not in _TEXTS:  # a variable stands for the value
        return str(value) == wanted
    if isinstance(value, Name):
        return False
    if wanted in schema.get("enum", ()):
        return value == wanted
    return same_text(value, wanted)


def _equal_dict(value: dict[str, Any], wanted: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Whether each key is known and has one of its accepted values, and no key is missing but those that may be."""
    properties = schema.get("properties") or {}
    for key, options in wanted.items():
        accepted = options if isinstance(options, list) else [options]
        if key not in value:
            if "" not in accepted:
                return False
            continue
        inner = properties.get(key) or {}
        if not any(_equal(value[key], one, inner) for one in accepted if one != "" or inner.get("default") == ""):
            return False
    return value.keys() <= wanted.keys()


def _source_equal(text: Any, wanted: Any, schema: dict[str, Any], language: Language) -> bool:
    """Whether Java or JavaScript source text is the wanted value, by the type in the schema."""
    if not isinstance(text, str):
        return False
    kind = schema.get("type")
    if isinstance(wanted, str):
        return _same_source(text, wanted, str(kind))
    value = literal(text, language)
    if isinstance(value, Code):
        return False
    return _equal(_plain(value, schema, language), wanted, schema)


def _same_source(text: str, wanted: str, kind: str) -> bool:
    """Strings as strings, however quoted; other expressions as code, where case counts and most spaces do not."""
    content = quoted(text.strip())
    if kind == "String":
        return same_text(text if content is None else content, wanted)
    if kind in _TEXTS:
        return wanted in (content, text) or compact(text) == compact(wanted)
    return content is None and compact(text) == compact(wanted)


def _plain(value: Any, schema: dict[str, Any], language: Language) -> Any:
    """A value of source text as JSON would have it. A number whose suffix is not that of its type becomes `Code`."""
    if isinstance(value, Number):
        kind = schema.get("type")
        if kind is not None and value.suffix != _suffix(str(kind), language):
            return Code(f"{value.value}{value.suffix}")
        return value.value
    if isinstance(value, list):
        items = schema.get("items") or {}
        return [_plain(item, items, language) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, {}, language) for key, item in value.items()}
    return value.text if isinstance(value, Code) else value


def _suffix(kind: str, language: Language) -> str:
    return _SUFFIX.get(kind, "") if language == "java" or kind == "Bigint" else ""


def _conforms(value: Any, schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if kind in _INTEGERS:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in _FLOATS:
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and math.isfinite(value)
        )
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("array", "tuple"):
        items = schema.get("items") or {}
        right = isinstance(value, list) or (isinstance(value, tuple) and kind == "tuple")
        return right and all(_conforms(item, items) for item in value)
    if kind == "dict":
        return isinstance(value, dict)
    if kind == "string":
        return isinstance(value, str) and not isinstance(value, Name)
    return not isinstance(value, Name)
