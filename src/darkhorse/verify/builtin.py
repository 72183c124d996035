"""Importing this module registers every verifier Darkhorse brings."""

from darkhorse.verify import (
    answers,
    bfcl,
    code,
    countdown,
    functions,
    instructions,
    json_schema,
    knights_knaves,
    listing,
    livebench,
    math,
    preference,
    reasoning_gym,
    table,
    worlds,
    zebra,
)

__all__ = [
    "answers",
    "bfcl",
    "code",
    "countdown",
    "functions",
    "instructions",
    "json_schema",
    "knights_knaves",
    "listing",
    "livebench",
    "math",
    "preference",
    "reasoning_gym",
    "table",
    "worlds",
    "zebra",
]
