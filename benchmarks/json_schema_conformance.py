"""Agreement of the verifier `json_schema` with the library `jsonschema`, on generated schemas and values.

Run: python benchmarks/json_schema_conformance.py --json benchmarks/results/json_schema_conformance.json
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from _peers import HERE, Peer, environment
from _writing import write_json
from darkhorse.verify.schema_rules import check_schema, schema_problem

PACKAGE = "jsonschema==4.25.1"
TYPES = ("null", "boolean", "string", "array", "object", "number", "integer")
NAMES = ("a", "b", "xa")


def value(rng: random.Random, depth: int = 0) -> Any:
    """A small JSON value."""
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 6:
        return rng.choice([None, True, False, 0, 1, 2, -1, 1.0, 1.5, 0.3, "", "a", "ab", "xa", "aaa", "ä"])
    if kind == 6:
        return {name: value(rng, depth + 1) for name in NAMES if rng.random() < 0.5}
    return [value(rng, depth + 1) for _ in range(rng.randrange(4))]


def schema(rng: random.Random, depth: int = 0) -> Any:
    """A small schema with a few keywords of every kind."""
    if depth > 3 or rng.random() < 0.05:
        return rng.random() < 0.7

    def inner() -> Any:
        return schema(rng, depth + 1)

    makers: dict[str, Any] = {
        "type": lambda: rng.choice([*TYPES, ["integer", "object"]]),
        "enum": lambda: [value(rng) for _ in range(3)],
        "const": lambda: value(rng),
        "minimum": lambda: rng.choice([0, 1, 0.5]),
        "maximum": lambda: rng.choice([1, 2, 1.5]),
        "exclusiveMinimum": lambda: rng.choice([0, 1]),
        "exclusiveMaximum": lambda: rng.choice([1, 2]),
        "multipleOf": lambda: rng.choice([1, 2, 0.5]),
        "minLength": lambda: rng.randrange(3),
        "maxLength": lambda: rng.randrange(3),
        "pattern": lambda: rng.choice(["^a", "a$", "x", "^a+$"]),
        "minItems": lambda: rng.randrange(3),
        "maxItems": lambda: rng.randrange(3),
        "uniqueItems": lambda: rng.random() < 0.8,
        "items": inner,
        "prefixItems": lambda: [inner() for _ in range(2)],
        "contains": inner,
        "minContains": lambda: rng.randrange(3),
        "maxContains": lambda: rng.randrange(3),
        "minProperties": lambda: rng.randrange(3),
        "maxProperties": lambda: rng.randrange(3),
        "properties": lambda: {name: inner() for name in NAMES if rng.random() < 0.6},
        "patternProperties": lambda: {"^x": inner()},
        "additionalProperties": inner,
        "propertyNames": inner,
        "required": lambda: rng.sample(NAMES, rng.randrange(3)),
        "dependentRequired": lambda: {"a": ["b"]},
        "allOf": lambda: [inner(), inner()],
        "anyOf": lambda: [inner(), inner()],
        "oneOf": lambda: [inner(), inner()],
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "$ref": lambda: "#/$defs/one",
    }
    chosen = rng.sample(list(makers), rng.randrange(1, 5))
    made = {keyword: makers[keyword]() for keyword in chosen}
    if depth == 0:
        made["$defs"] = {"one": {"type": rng.choice(["integer", "string", "array"])}}
    return made


def main() -> int:
    """Command line; the exit status says whether the two agree everywhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--schemas", type=int, default=4000)
    parser.add_argument("--values", type=int, default=20, help="values for each schema")
    options = parser.parse_args()
    python = environment("jsonschema", [PACKAGE])
    peer = Peer("jsonschema", [python, str(HERE / "_json_schema_peer.py")])
    rng = random.Random(0)
    counts = {"schemas": 0, "verdicts": 0, "valid": 0, "agree": 0}
    seconds = {"jsonschema": 0.0, "darkhorse": 0.0}
    disagreements = []
    while counts["schemas"] < options.schemas:
        made = schema(rng)
        if not isinstance(made, dict):
            continue
        values = [value(rng) for _ in range(options.values)]
        begun = time.perf_counter()
        theirs = peer.ask({"schema": made, "values": values})["valid"]
        seconds["jsonschema"] += time.perf_counter() - begun
        begun = time.perf_counter()
        check_schema(made)
        ours = [schema_problem(one, made) is None for one in values]
        seconds["darkhorse"] += time.perf_counter() - begun
        counts["schemas"] += 1
        counts["verdicts"] += len(values)
        counts["valid"] += sum(theirs)
        counts["agree"] += sum(one == other for one, other in zip(ours, theirs, strict=True))
        for one, our, their in zip(values, ours, theirs, strict=True):
            if our != their:
                disagreements.append({"schema": made, "value": one, "ours": our, "jsonschema": their})
    peer.stop()
    print("| schemas | verdicts | valid | agree |")
    print("|---|---|---|---|")
    print(f"| {counts['schemas']} | {counts['verdicts']} | {counts['valid']} | {counts['agree']} |")
    for one in disagreements[:10]:
        print(json.dumps(one), file=sys.stderr)
    rounded = {name: round(spent, 2) for name, spent in seconds.items()}
    write_json(options.json, {"peer": PACKAGE, **counts, "seconds": rounded, "disagreements": disagreements[:20]})
    return 0 if not disagreements else 1


if __name__ == "__main__":
    raise SystemExit(main())
