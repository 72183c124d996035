"""JSON Schema, draft 2020-12: the validation vocabulary and the applicators, with bounds on time and depth.

Of a schema that is used, every keyword is known. Source of the rules: https://json-schema.org/draft/2020-12.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

MAX_STEPS = 50_000  # subschemas tried on one answer
MAX_DEPTH = 60  # of a schema
MAX_VALUE_DEPTH = 150  # of subschemas in one another, references followed
MAX_PATTERN_TEXT = 2_000  # characters of a string a pattern is tried on: the pattern is ours, its cost need not be
_MAX_UNIQUE = 2_000
_LITERAL = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)  # escapes and classes of a pattern
_REPETITION = re.compile(r"[*+]|\{\d*,\d*\}")

_ANNOTATIONS = frozenset(
    ("$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "deprecated",
     "readOnly", "writeOnly", "format", "contentEncoding", "contentMediaType", "$anchor")
)  # fmt: skip
_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "number": lambda value: _is_number(value),
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
}


class SchemaError(ValueError):
    """A schema that cannot be used: malformed, or with a keyword that is not known."""


def check_schema(schema: Any) -> None:
    """Refuse a schema that cannot be used.

    Raises:
        SchemaError: if a keyword is unknown or has a value it cannot have, a pattern is none, or a reference leads
            nowhere.
    """
    pending, seen = [(schema, 0)], 0
    while pending:
        current, depth = pending.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > 10_000:
            raise SchemaError("it is too large")
        if isinstance(current, bool):
            continue
        if not isinstance(current, dict):
            raise SchemaError("a subschema is neither an object nor a boolean")
        for keyword, value in current.items():
            if keyword in ("$defs", "definitions"):
                if not isinstance(value, dict):
                    raise SchemaError(f"'{keyword}' is no object")
                pending += [(one, depth + 1) for one in value.values()]
            elif keyword == "$ref":
                _resolve(schema, value)
            elif keyword not in _ANNOTATIONS:
                if keyword not in _KEYWORDS:
                    raise SchemaError(f"the keyword '{keyword}' is not supported")
                if not _SHAPES[keyword](value):
                    raise SchemaError(f"'{keyword}' has a value it cannot have")
                pending += [(one, depth + 1) for one in _subschemas(keyword, value)]


def schema_problem(value: Any, schema: Any) -> str | None:
    """Why a value does not satisfy a schema that `check_schema` accepts, None if it does.

    Raises:
        SchemaError: if a reference goes round in circles.
    """
    try:
        return _Validation(schema).problem(value, schema, "the value", 0)
    except (_TooMuch, RecursionError):
        return "it takes too long to check"


def schema_problem_of(pair: list[Any]) -> str | None:
    """`schema_problem` of a value and a schema, for a process that may be killed."""
    return schema_problem(*pair)


def within_depth(value: Any, limit: int = MAX_VALUE_DEPTH) -> bool:
    """Whether a JSON value nests no deeper than a limit."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        ]
        if not level:
            return True
    return False


def has_costly_patterns(schema: Any) -> bool:
    """Whether a pattern repeats more than one thing, so that the text decides how long it takes."""
    pending = [schema]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            patterns = list(current.get("patternProperties") or ()) if "patternProperties" in current else []
            patterns += [current["pattern"]] if isinstance(current.get("pattern"), str) else []
            if any(len(_REPETITION.findall(_LITERAL.sub("", pattern))) > 1 for pattern in patterns):
                return True
        pending += current.values() if isinstance(current, dict) else current if isinstance(current, list) else ()
    return False


class _TooMuch(Exception):
    """The value is larger than what is checked."""


class _Validation:
    """One value against one root schema, with a budget."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.steps = 0
        self.path: set[tuple[int, int]] = set()

    def problem(self, value: Any, schema: Any, where: str, depth: int) -> str | None:
        self.steps += 1
        if self.steps > MAX_STEPS or depth > MAX_VALUE_DEPTH:
            raise _TooMuch
        if isinstance(schema, bool):
            return None if schema else f"{where} is not allowed"
        pair = (id(value), id(schema))
        if pair in self.path:  # only a reference leads back to the same schema for the same value
            raise SchemaError("a reference goes round in circles")
        self.path.add(pair)
        try:
            return self._rules(value, schema, where, depth)
        finally:
            self.path.discard(pair)

    def _rules(self, value: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
        for keyword, rule in schema.items():
            check = _KEYWORDS.get(keyword)
            found = None if check is None else check(self, value, rule, schema, where, depth)
            if found is not None:
                return found
        return None

    def fits(self, value: Any, schema: Any, where: str, depth: int) -> bool:
        return self.problem(value, schema, where, depth + 1) is None


def _resolve(root: Any, reference: Any) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise SchemaError(f"the reference {reference!r:.60} leads outside")
    target = root
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(target, dict) and key in target:
            target = target[key]
        elif isinstance(target, list) and key.isdecimal() and int(key) < len(target):
            target = target[int(key)]
        else:
            raise SchemaError(f"the reference {reference!r:.60} leads nowhere")
    return target


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def json_equal(one: Any, other: Any) -> bool:
    """Equality of JSON values: 1 is 1.0 and not true, objects ignore order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(json_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(json_equal(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other if not (_is_number(one) and _is_number(other)) else one == other


def _reference(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    return run.problem(value, _resolve(run.root, rule), where, depth + 1)


Check = Callable[[_Validation, Any, Any, dict[str, Any], str, int], str | None]


def _type(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    kinds = [rule] if isinstance(rule, str) else rule
    return None if any(_TYPES[kind](value) for kind in kinds) else f"{where} is not of type {' or '.join(kinds)}"


def _enum(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    return None if any(json_equal(value, one) for one in rule) else f"{where} is none of the allowed values"


def _const(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    return None if json_equal(value, rule) else f"{where} is not the required value"


def _limit(applies: Callable[[Any], bool], broken: Callable[[Any, Any], bool], words: str) -> Check:
    def check(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
        return f"{where} {words} {rule}" if applies(value) and broken(value, rule) else None

    return check


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _array(value: Any) -> bool:
    return isinstance(value, list)


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _no_multiple(value: int | float, rule: int | float) -> bool:
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return True
    if isinstance(value, int) and abs(value) > 10**400:
        return True
    return Fraction(str(value)) % Fraction(str(rule)) != 0


def _pattern(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    if not isinstance(value, str):
        return None
    return None if _matches(rule, value) else f"{where} does not match the pattern"


def _matches(pattern: str, text: str) -> bool:
    return len(text) <= MAX_PATTERN_TEXT and re.search(pattern, text) is not None


def _unique(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    if not rule or not isinstance(value, list):
        return None
    if len(value) > _MAX_UNIQUE:
        raise _TooMuch
    simple = {(type(one).__name__, one) if isinstance(one, bool | str) else one for one in value if _hashable(one)}
    complex_ones = [one for one in value if not _hashable(one)]
    run.steps += len(complex_ones) ** 2 // 2
    if run.steps > MAX_STEPS:
        raise _TooMuch
    twice = any(json_equal(one, other) for place, one in enumerate(complex_ones) for other in complex_ones[:place])
    return f"{where} holds an item twice" if twice or len(simple) + len(complex_ones) < len(value) else None


def _hashable(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _items(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    if not isinstance(value, list):
        return None
    start = len(schema.get("prefixItems", []))
    return _each(run, ((item, rule, f"item {place}") for place, item in enumerate(value[start:], start)), where, depth)


def _prefix_items(
    run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int
) -> str | None:
    if not isinstance(value, list):
        return None
    pairs = zip(value, rule, strict=False)
    return _each(run, ((item, one, f"item {place}") for place, (item, one) in enumerate(pairs)), where, depth)


def _each(run: _Validation, parts: Any, where: str, depth: int) -> str | None:
    for item, schema, name in parts:
        found = run.problem(item, schema, f"{name} of {where}" if len(where) < 120 else name, depth + 1)
        if found is not None:
            return found
    return None


def _contains(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    if not isinstance(value, list):
        return None
    count = sum(run.fits(item, rule, where, depth) for item in value)
    least, most = schema.get("minContains", 1), schema.get("maxContains", len(value))
    return None if least <= count <= most else f"{where} holds {count} items of the kind it should contain"


def _properties(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    if not isinstance(value, dict):
        return None
    return _each(run, ((value[key], one, f"'{key}'") for key, one in rule.items() if key in value), where, depth)


def _pattern_properties(
    run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int
) -> str | None:
    if not isinstance(value, dict):
        return None
    parts = (
        (item, one, f"'{key[:60]}'")
        for pattern, one in rule.items()
        for key, item in value.items()
        if _matches(pattern, key)
    )
    return _each(run, parts, where, depth)


def _additional(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    if not isinstance(value, dict):
        return None
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    others = (key for key in value if key not in known and not any(_matches(one, key) for one in patterns))
    return _each(run, ((value[key], rule, f"'{key[:60]}'") for key in others), where, depth)


def _property_names(
    run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int
) -> str | None:
    if not isinstance(value, dict):
        return None
    return _each(run, ((key, rule, f"the name '{key[:60]}'") for key in value), where, depth)


def _required(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    missing = [key for key in rule if key not in value] if isinstance(value, dict) else []
    return f"{where} lacks '{missing[0]}'" if missing else None


def _dependent_required(
    run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int
) -> str | None:
    if not isinstance(value, dict):
        return None
    missing = [name for key, names in rule.items() if key in value for name in names if name not in value]
    return f"{where} lacks '{missing[0]}'" if missing else None


def _all_of(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    return next((found for one in rule if (found := run.problem(value, one, where, depth + 1)) is not None), None)


def _any_of(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    return None if any(run.fits(value, one, where, depth) for one in rule) else f"{where} fits none of the alternatives"


def _one_of(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    count = sum(run.fits(value, one, where, depth) for one in rule)
    return None if count == 1 else f"{where} fits {count} alternatives, not one"


def _not(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    return f"{where} is what it must not be" if run.fits(value, rule, where, depth) else None


def _if(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    branch = schema.get("then" if run.fits(value, rule, where, depth) else "else", True)
    return run.problem(value, branch, where, depth + 1)


def _elsewhere(run: _Validation, value: Any, rule: Any, schema: dict[str, Any], where: str, depth: int) -> str | None:
    """Checked by the keyword it belongs to."""
    return None


_KEYWORDS: dict[str, Check] = {
    "$ref": _reference,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _limit(_is_number, lambda value, rule: value < rule, "is less than"),
    "maximum": _limit(_is_number, lambda value, rule: value > rule, "is more than"),
    "exclusiveMinimum": _limit(_is_number, lambda value, rule: value <= rule, "is not more than"),
    "exclusiveMaximum": _limit(_is_number, lambda value, rule: value >= rule, "is not less than"),
    "multipleOf": _limit(_is_number, _no_multiple, "is no multiple of"),
    "minLength": _limit(_text, lambda value, rule: len(value) < rule, "is shorter than"),
    "maxLength": _limit(_text, lambda value, rule: len(value) > rule, "is longer than"),
    "pattern": _pattern,
    "minItems": _limit(_array, lambda value, rule: len(value) < rule, "has fewer items than"),
    "maxItems": _limit(_array, lambda value, rule: len(value) > rule, "has more items than"),
    "uniqueItems": _unique,
    "items": _items,
    "prefixItems": _prefix_items,
    "contains": _contains,
    "minContains": _elsewhere,
    "maxContains": _elsewhere,
    "minProperties": _limit(_object, lambda value, rule: len(value) < rule, "has fewer properties than"),
    "maxProperties": _limit(_object, lambda value, rule: len(value) > rule, "has more properties than"),
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": _property_names,
    "required": _required,
    "dependentRequired": _dependent_required,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "then": _elsewhere,
    "else": _elsewhere,
}


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_pattern(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except re.error:
        return False


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _schemas(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_schema, value))


def _schema_map(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_schema, value.values()))


_SHAPES: dict[str, Callable[[Any], bool]] = {
    "type": lambda value: (
        value in _TYPES if isinstance(value, str) else _names(value) and all(one in _TYPES for one in value)
    ),
    "enum": lambda value: isinstance(value, list),
    "const": lambda value: True,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    "multipleOf": lambda value: _is_number(value) and value > 0,
    **dict.fromkeys(
        (
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minContains",
            "maxContains",
            "minProperties",
            "maxProperties",
        ),
        _count,
    ),
    "pattern": _is_pattern,
    "uniqueItems": lambda value: isinstance(value, bool),
    **dict.fromkeys(
        ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"), _is_schema
    ),
    **dict.fromkeys(("prefixItems", "allOf", "anyOf", "oneOf"), _schemas),
    "properties": _schema_map,
    "patternProperties": lambda value: _schema_map(value) and all(map(_is_pattern, value)),
    "required": _names,
    "dependentRequired": lambda value: isinstance(value, dict) and all(map(_names, value.values())),
}


def _subschemas(keyword: str, value: Any) -> list[Any]:
    shape = _SHAPES[keyword]
    if shape is _is_schema:
        return [value]
    if shape is _schemas:
        return list(value)
    return list(value.values()) if keyword in ("properties", "patternProperties") else []
