"""Long hostile answers cost little time, whichever verifier reads them, and are scored."""

from __future__ import annotations

import time
from typing import Any

import pytest

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.verify import registry
from judging import score

GEO = {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}}
TRUTHS: dict[str, Any] = {
    "exact": "x",
    "choice": "A",
    "set": ["a", "b"],
    "list": ["a", "b"],
    "json": {"answer": {"a": [1]}},
    "json_schema": {
        "schema": {"type": "object", "properties": {"a": {"type": "string", "pattern": "^a+$"}}, "required": ["a"]}
    },
    "table": {"header": ["a", "b"], "rows": [["1", "2"]]},
    "countdown": {"nums": [1, 2], "target": 3},
    "knights_knaves": {"solution": {"Zoey": True}},
    "zebra": {"header": ["House", "Name"], "rows": [["1", "Bob"]]},
    "bfcl": {"functions": [GEO], "ground_truth": [{"f": {"a": [1]}}]},
}
FORMS = ("boxed", "tag", "bold", "json", "last_line")
PIECES = (
    *(
        " ",
        "answer ",
        "answer: ",
        '"answer": ',
        "<answer>",
        "</answer><answer>",
        "**",
        "| ",
        "|-",
        "|  -  ",
        "- ",
        "```\n",
    ),
    *("[", "{", '{"a":', '{"answer":[', "Zoey is ", "not ", "\\boxed{", "1+", "(", "1,", '"', "\\", "\n", "\t"),
    *("<tool_call>", "f(a=", "-", "９"),
)


@pytest.mark.parametrize("name", TRUTHS)
def test_repetition(name: str) -> None:
    verifier = registry.get(name)
    for piece in PIECES:
        started = time.perf_counter()
        text = piece * (120_000 // len(piece))
        assert score(verifier, TRUTHS[name], text) == 0, piece
        assert score(verifier, TRUTHS[name], f"| a | b |\n{text}x") == 0, piece
        assert time.perf_counter() - started < 2, piece


@pytest.mark.parametrize("name", ["exact", "choice", "set", "list", "table", "countdown"])
def test_repetition_in_every_form(name: str) -> None:
    truth = TRUTHS[name] if isinstance(TRUTHS[name], dict) else {"answer": TRUTHS[name]}
    for form in FORMS:
        for piece in PIECES:
            started = time.perf_counter()
            assert score(registry.get(name), {**truth, "form": form}, piece * (60_000 // len(piece))) == 0, (
                form,
                piece,
            )
            assert time.perf_counter() - started < 2, (form, piece)


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("depth", [100, 900, 5_000])
def test_nesting(name: str, depth: int) -> None:
    lists, objects = "[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth
    for inner in (lists, objects):
        for text in (
            inner,
            f'{{"answer": {inner}}}',
            f"[[{inner}]]",
            f'{{"House 1": {{"Name": {inner}}}}}',
            f'[{{"a": {inner}, "b": 1}}]',
        ):
            assert score(registry.get(name), TRUTHS[name], text) == 0
