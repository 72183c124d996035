"""Answers to the leaderboard's tasks: right ones made of the possible answers, and changed ones."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

Calls = list[tuple[str, dict[str, Any]]]


def first_answer(entry: dict[str, Any], pick: int = 0) -> Calls:
    """Calls made of one accepted value of each parameter; what may only be left out is left out."""
    calls = []
    for answer in entry["ground_truth"]:
        ((name, accepted),) = answer.items()
        arguments = {}
        for parameter, options in accepted.items():
            values = [one for one in options if one != ""]
            if values:
                arguments[parameter] = _plain(values[min(pick, len(values) - 1)])
        calls.append((name, arguments))
    return calls


def _plain(value: Any) -> Any:
    """An accepted dictionary with one value a key."""
    if isinstance(value, dict):
        plain = {}
        for key, options in value.items():
            kept = [one for one in options if one != ""] if isinstance(options, list) else [options]
            if kept:
                plain[key] = kept[0]
        return plain
    return [_plain(item) if isinstance(item, dict) else item for item in value] if isinstance(value, list) else value


def required_only(entry: dict[str, Any]) -> Calls:
    """The first answer without what may be left out."""
    calls = first_answer(entry)
    return [
        (name, {key: value for key, value in arguments.items() if "" not in answer[name][key]})
        for (name, arguments), answer in zip(calls, entry["ground_truth"], strict=True)
    ]


def changed_values(value: Any) -> Iterator[tuple[str, Any]]:
    """Named changes of one value."""
    yield "none", None
    yield "in a list", [value]
    yield "as text", str(value)
    yield "empty text", ""
    if isinstance(value, bool):
        yield "other boolean", not value
        yield "boolean as number", int(value)
        yield "boolean as text", str(value).lower()
    elif isinstance(value, int | float):
        yield "next number", value + 1
        yield "negative", -value
        yield "as float", float(value)
        yield "a little off", value + 0.5
        if value in (0, 1):
            yield "number as boolean", bool(value)
        if float(value).is_integer():
            yield "as integer", int(value)
    elif isinstance(value, str):
        for name, text in (
            ("upper case", value.upper()),
            ("title case", value.title()),
            ("no spaces", value.replace(" ", "")),
            ("underscores", value.replace(" ", "_")),
            ("no punctuation", "".join(c for c in value if c.isalnum() or c == " ")),
            ("final stop", value + "."),
            ("minus before", "-" + value),
            ("comma inside", value.replace(" ", ", ")),
            ("slash", value.replace("-", "/")),
            ("quotes", f'"{value}"'),
            ("apostrophe", value.replace('"', "'") + "'s"),
            ("letter more", value + "x"),
            ("letter less", value[:-1]),
            ("spaces around", f"  {value} "),
            ("list of letters", list(value)),
        ):
            yield name, text
    elif isinstance(value, list):
        yield "reversed", value[::-1]
        yield "item less", value[:-1]
        yield "item twice", [*value, *value[-1:]]
        yield "empty list", []
        yield "tuple", tuple(value)
        yield "dictionary of places", {str(place): item for place, item in enumerate(value)}
        for place, item in enumerate(value[:2]):
            for name, changed in changed_values(item):
                yield f"item {name}", [*value[:place], changed, *value[place + 1 :]]
    elif isinstance(value, dict):
        yield "empty dictionary", {}
        yield "key more", {**value, "extra": 1}
        for key in list(value)[:3]:
            yield "key less", {other: item for other, item in value.items() if other != key}
            yield "key renamed", {(f"{other}_" if other == key else other): item for other, item in value.items()}
            for name, changed in changed_values(value[key]):
                yield f"entry {name}", {**value, key: changed}


def mutations(entry: dict[str, Any], rng: random.Random) -> Iterator[tuple[str, Calls]]:
    """Named answers, right and wrong, of a task with possible answers."""
    right = first_answer(entry)
    yield "first allowed", right
    yield "last allowed", first_answer(entry, 10**6)
    yield "second allowed", first_answer(entry, 1)
    yield "optional omitted", required_only(entry)
    yield "no call", []
    yield "call doubled", [*right, right[-1]]
    if len(right) > 1:
        yield "calls reversed", right[::-1]
        yield "call dropped", right[:-1]
        yield "call repeated", [right[0], right[0], *right[2:]]
        yield "calls shuffled", rng.sample(right, len(right))
    singles: list[tuple[str, Calls]] = []
    for place, (name, arguments) in enumerate(right):

        def put(call: tuple[str, dict[str, Any]], place: int = place) -> Calls:
            return [*right[:place], call, *right[place + 1 :]]

        singles.append(("wrong name", put((name + "x", arguments))))
        singles.append(("name in capitals", put((name.upper(), arguments))))
        singles.append(("name with underscores", put((name.replace(".", "_"), arguments))))
        singles.append(("extra parameter", put((name, {**arguments, "extra": 1}))))
        accepted = entry["ground_truth"][place][name]
        for parameter in accepted:
            if parameter not in arguments:
                singles.append(("empty optional", put((name, {**arguments, parameter: ""}))))
        for parameter, value in arguments.items():
            rest = {key: item for key, item in arguments.items() if key != parameter}
            singles.append(("parameter dropped", put((name, rest))))
            singles.append(("parameter renamed", put((name, {**rest, parameter + "_": value}))))
            for change, changed in changed_values(value):
                singles.append((f"value {change}", put((name, {**arguments, parameter: changed}))))
            for option in accepted[parameter][1:]:
                singles.append(("other allowed", put((name, {**arguments, parameter: _plain(option)}))))
    yield from singles
    for _ in range(6):  # two changes at once
        (one, left), (other, second) = rng.choice(singles), rng.choice(singles)
        both = copy.deepcopy(left)
        place = rng.randrange(len(both))
        if len(second) == len(both):
            both[place] = second[place]
            yield f"{one} and {other}", both


def as_tags(calls: Calls) -> str | None:
    """`<tool_call>` blocks; None if a value is no JSON."""
    try:
        blocks = [json.dumps({"name": name, "arguments": arguments}) for name, arguments in calls]
    except (TypeError, ValueError):
        return None
    return "\n".join(f"<tool_call>\n{block}\n</tool_call>" for block in blocks)


def as_python(calls: Calls) -> str:
    """Calls in Python's syntax."""
    return "[" + ", ".join(f"{n}({', '.join(f'{k}={v!r}' for k, v in a.items())})" for n, a in calls) + "]"


def python_variants(calls: Calls) -> Iterator[tuple[str, str]]:
    """Python source that says the same, nearly the same, or something else by syntax alone."""
    text = as_python(calls)
    yield "without brackets", text[1:-1]
    yield "in a fence", f"```\n{text}\n```"
    yield "in a named fence", f"```python\n{text}\n```"
    yield "after prose", f"Here you are: {text}"
    yield "cut off", text[:-2]
    yield "quoted", f"'{text}'"
    if not calls:
        return
    name, arguments = calls[0]
    rest = calls[1:]

    def call(*pieces: str) -> str:
        tail = as_python(rest)[1:-1]
        return f"[{name}({', '.join(pieces)}){', ' + tail if tail else ''}]"

    named = [f"{key}={value!r}" for key, value in arguments.items()]
    yield "positional more", call("5", *named)
    yield "unpacked list", call("*[1, 2]", *named)
    yield "unpacked dictionary", call(*named, "**{'a': 1}")
    yield "all positional", call(*(repr(value) for value in arguments.values()))
    for place, (key, value) in enumerate(arguments.items()):

        def swapped(source: str, place: int = place, key: str = key) -> str:
            return call(*named[:place], f"{key}={source}", *named[place + 1 :])

        yield "given twice, right last", call(f"{key}='other'", *named)
        yield "given twice, wrong last", call(*named, f"{key}='other'")
        yield "a name", swapped("value")
        yield "a call", swapped("g(x=1)")
        yield "a plain call", swapped("g(1)")
        yield "an item", swapped("values[0]")
        yield "an attribute", swapped("a.b")
        yield "a set", swapped("{1, 2}")
        yield "a comparison", swapped("1 < 2")
        yield "dots", swapped("...")
        yield "a lambda", swapped("lambda x: x")
        if isinstance(value, str) and value.isidentifier():
            yield "text as a name", swapped(value)
            yield "text in two parts", swapped(f"{value[:1]!r} + {value[1:]!r}")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield "plus", swapped(f"+{abs(value)}")
            yield "twice minus", swapped(f"--{abs(value)}")
            yield "tilde", swapped(f"~{abs(int(value))}")
            yield "sum", swapped(f"{value} - 1 + 1")
            yield "product", swapped(f"{value} * 2 / 2")
        elif isinstance(value, bool):
            yield "not", swapped(f"not {not value}")
            yield "lower case", swapped(str(value).lower())


JAVA_SUFFIX = {"long": "L", "float": "f"}


def as_source(value: Any, schema: dict[str, Any], language: str, style: int = 0) -> str:
    """Source text of a value in Java or JavaScript, by its type in the schema."""
    kind = schema.get("type", "any")
    items = schema.get("items") or {}
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        if language == "java":
            return f"{value}{JAVA_SUFFIX.get(kind, '')}"
        return f"{value}n" if kind == "Bigint" else str(value)
    if isinstance(value, str):
        plain = kind not in ("String", "char") and style == 0
        return value if plain and value else json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        parts = [
            as_source(item, {"type": "String", **items} if isinstance(item, str) else items, language) for item in value
        ]
        if language == "javascript":
            return f"[{', '.join(parts)}]" if style < 2 else f"new Array({', '.join(parts)})"
        inner = {"integer": "Integer", "String": "String", "long": "Long"}.get(items.get("type", ""), "Object")
        if kind == "Array":
            return f"new {inner}[]{{{', '.join(parts)}}}"
        if style == 1:
            return f"new ArrayList<{inner}>() {{{{ {' '.join(f'add({part});' for part in parts)} }}}}"
        return f"new ArrayList<{inner}>(Arrays.asList({', '.join(parts)}))"
    entries = {
        key: as_source(item, {"type": "String"} if isinstance(item, str) else {}, language)
        for key, item in value.items()
    }
    if language == "javascript":
        quote = "" if style == 0 else '"'
        return "{" + ", ".join(f"{quote}{key}{quote}: {item}" for key, item in entries.items()) + "}"
    puts = " ".join(f'put("{key}", {item});' for key, item in entries.items())
    return f"new HashMap<String, Object>() {{{{ {puts} }}}}"


def source_texts(calls: Calls, entry: dict[str, Any], style: int) -> dict[str, str | None]:
    """Answers in Java's or JavaScript's syntax, and in blocks whose arguments hold such source."""
    schemas = {function["name"]: function["parameters"]["properties"] for function in entry["functions"]}
    language = entry["language"]
    written = []
    for name, arguments in calls:
        properties = schemas.get(name, next(iter(schemas.values())))
        written.append(
            (
                name,
                {key: as_source(value, properties.get(key, {}), language, style) for key, value in arguments.items()},
            )
        )
    source = ", ".join(f"{n}({', '.join(f'{k}={v}' for k, v in a.items())})" for n, a in written)
    blocks: Calls = []
    for (name, arguments), (_, sources) in zip(calls, written, strict=True):
        blocks.append((name, {k: v if isinstance(v, str) else sources[k] for k, v in arguments.items()}))
    return {"source": f"[{source}]", "blocks": as_tags(blocks), "values": as_tags(calls)}


def source_variants(calls: Calls, entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Source that differs by syntax alone."""
    text = source_texts(calls, entry, 0)["source"]
    assert text is not None
    yield "without brackets", text[1:-1]
    yield "with a semicolon", text[:-1] + ";]"
    yield "in a fence", f"```\n{text}\n```"
    yield "after prose", f"Sure: {text}"
    yield "cut off", text[:-2]
    yield "twice", f"{text[:-1]}, {text[1:]}"
    yield "positional more", text.replace("(", "(other, ", 1)
    yield "positional number", text.replace("(", "(5, ", 1)
    yield "all quoted", text.replace("=", '="', 1).replace(",", '",', 1)
    yield "spaces", text.replace("=", " = ").replace("(", "( ", 1)
