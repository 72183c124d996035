"""The general suites: demonstrations pass their own verifiers, are reproducible, various and short."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter

import pytest

from darkhorse.chat.reasoning import split_reasoning
from darkhorse.chat.tool_calls import ToolCall, parse_tool_calls
from darkhorse.tasks.constraints import constraint
from darkhorse.tasks.synthetic import function_calls, instructions, preference, replies, tools
from darkhorse.tasks.synthetic.base import Generator, draw
from darkhorse.tasks.synthetic.function_pool import FUNCTIONS
from darkhorse.tasks.synthetic.instruction_rules import CLASHES, MAKERS
from darkhorse.tasks.synthetic.prose import choose_topic
from darkhorse.tasks.synthetic.traces import MAX_THINKING_CHARACTERS, STYLES, rough_tokens
from darkhorse.tasks.task import Demonstration, is_held_out
from darkhorse.verify import functions as _functions  # noqa: F401 (registers)
from darkhorse.verify import instructions as _instructions  # noqa: F401
from darkhorse.verify import open_ended as _open_ended  # noqa: F401
from darkhorse.verify import preference as _preference  # noqa: F401
from darkhorse.verify.registry import Context, judge
from darkhorse.verify.verdict import Scored

SUITES: dict[str, tuple[Generator, ...]] = {
    "instructions": instructions.GENERATORS,
    "function_calls": function_calls.GENERATORS,
    "tools": tools.GENERATORS,
    "preference": preference.GENERATORS,
    "replies": replies.GENERATORS,
}
KINDS = [generator for suite in SUITES.values() for generator in suite]


def demonstrations(generator: Generator, count: int = 60) -> list[Demonstration]:
    return [draw((generator,), 3, "train", index) for index in range(count)]


def score(demonstration: Demonstration, answer: str | None = None) -> float:
    last = demonstration.completion[-1]["content"]
    response = split_reasoning(last if answer is None else f"x</think>{answer}", demonstration.completion)
    verdict = asyncio.run(judge(demonstration.task, response, Context()))
    assert isinstance(verdict, Scored), verdict
    return verdict.score


@pytest.mark.parametrize("generator", KINDS, ids=lambda one: f"{one.suite}/{one.name}")
def test_demonstrations_pass_their_own_verifier_unless_marked(generator: Generator) -> None:
    for demonstration in demonstrations(generator):
        meets = demonstration.task.metadata.get("meets_rubric", True)
        assert score(demonstration) == (1.0 if meets else 0.0), demonstration


@pytest.mark.parametrize("generator", KINDS, ids=lambda one: f"{one.suite}/{one.name}")
def test_draws_are_reproducible_serialisable_and_various(generator: Generator) -> None:
    first, again = demonstrations(generator, 40), demonstrations(generator, 40)
    assert first == again
    json.dumps([(one.task.truth, one.task.tools, one.task.metadata) for one in first])
    assert len({one.task.prompt[0]["content"] for one in first}) >= 34
    assert {one.task.metadata["style"] for one in first} == set(STYLES)
    assert {one.task.metadata["level"] for one in first} == set(range(1, generator.levels + 1))
    held_out = draw((generator,), 3, "held_out", 0)
    assert is_held_out(held_out.task.prompt)
    assert not any(is_held_out(one.task.prompt) for one in first)


@pytest.mark.parametrize("suite", SUITES)
def test_prompts_and_traces_are_short(suite: str) -> None:
    drawn = [draw(SUITES[suite], 5, "train", index) for index in range(150)]
    prompts = [rough_tokens(one.task.prompt[0]["content"]) for one in drawn]
    turns = [rough_tokens(turn["content"]) for one in drawn for turn in one.completion if turn["role"] == "assistant"]
    thinking = [
        turn["content"].split("\n</think>")[0]
        for one in drawn
        for turn in one.completion
        if turn["role"] == "assistant"
    ]
    assert max(prompts) <= 70
    assert max(turns) <= 130
    assert sum(turns) / len(turns) <= 90
    assert all(0 < len(text) <= MAX_THINKING_CHARACTERS for text in thinking)


def test_every_instruction_kind_is_drawn_and_combined_without_clashes() -> None:
    drawn = [draw((instructions.GENERATORS[0],), 1, "train", index, (3, 3)) for index in range(250)]
    kinds = Counter(kind for one in drawn for kind in one.task.metadata["kinds"])
    assert set(kinds) == set(MAKERS)
    assert len(MAKERS) >= 16
    for one in drawn:
        chosen = one.task.metadata["kinds"]
        assert len(set(chosen)) == 3
        assert not any(frozenset((a, b)) in CLASHES for a in chosen for b in chosen if a != b)


def test_clashes_name_known_kinds_and_rules_survive_json() -> None:
    assert {kind for pair in CLASHES for kind in pair} <= set(MAKERS)
    topic = choose_topic(random.Random(0))
    for kind, maker in MAKERS.items():
        rule = maker(random.Random(1), topic).rule
        assert rule.model_dump()["kind"] == kind
        assert constraint(json.loads(json.dumps(rule.model_dump()))) == rule


def test_a_copied_prompt_or_a_bare_topic_earns_nothing() -> None:
    write = instructions.GENERATORS[0]
    copied = [score(one, one.task.prompt[0]["content"]) for one in demonstrations(write)]
    bare = [score(one, one.task.truth["constraints"][0]["word"]) for one in demonstrations(write)]
    assert sum(bare) == 0
    assert sum(copied) / len(copied) < 0.2


def test_function_pool_is_wide_and_templates_name_what_they_require() -> None:
    assert len(FUNCTIONS) >= 20
    assert len({one.family for one in FUNCTIONS}) >= 10
    for function in FUNCTIONS:
        for place, parameter in enumerate(function.parameters):
            named = [f"{{{place}}}" in request for request in function.requests]
            assert all(named) or parameter.default is not None, (function.names[0], parameter.names[0])


def test_names_of_different_functions_never_collide() -> None:
    counted = Counter(name for function in FUNCTIONS for name in function.names)
    assert max(counted.values()) == 1


def test_calls_use_only_offered_tools_and_declared_arguments() -> None:
    without = 0
    for index in range(300):
        one = draw(function_calls.GENERATORS, 2, "train", index)
        schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in one.task.tools}
        assert len(schemas) == len(one.task.tools)
        assert 2 <= len(schemas) <= 4
        calls = parse_tool_calls(split_reasoning(one.completion[0]["content"]).answer)
        without += not calls
        for call in calls:
            assert isinstance(call, ToolCall)
            assert set(schemas[call.name]["required"]) <= set(call.arguments) <= set(schemas[call.name]["properties"])
    assert 2 <= without <= 30


def test_tool_results_are_exact_and_the_last_is_boxed() -> None:
    for index in range(200):
        one = draw(tools.GENERATORS, 4, "train", index)
        for call_turn, result in zip(one.completion[:-1:2], one.completion[1::2], strict=True):
            (call,) = parse_tool_calls(split_reasoning(call_turn["content"]).answer)
            assert isinstance(call, ToolCall)
            source = call.arguments.get("expression") or call.arguments["code"].removeprefix("print(").removesuffix(")")
            assert result == {"role": "tool", "content": str(eval(source))}  # our own expression, not a model's
        assert one.completion[-1]["content"].endswith(f"\\boxed{{{one.task.truth['answer']}}}")
        assert one.completion[-2]["content"] == one.task.truth["answer"]


def test_half_of_the_preference_demonstrations_meet_the_rubric() -> None:
    drawn = [draw(preference.GENERATORS, 6, "train", index) for index in range(300)]
    assert 0.4 < sum(one.task.metadata["meets_rubric"] for one in drawn) / len(drawn) < 0.6
