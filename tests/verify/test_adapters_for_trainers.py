"""Reward functions for TRL and verl: what they are given, what they give, and from where they may be called."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from typing import Any

import numpy as np
import pytest

from darkhorse.errors import UserError
from darkhorse.verify import registry
from darkhorse.verify.adapters import AbstainedError, compute_score, plain, run, trl_reward
from darkhorse.verify.registry import register

PROMPT = [{"role": "user", "content": "2 + 2?"}]


def test_trl_calls_it_with_columns() -> None:
    """As TRL's GRPOTrainer does: `reward_func(prompts=, completions=, completion_ids=, **columns)`."""
    reward = trl_reward("exact")
    assert reward.__name__ == "exact"
    completions = [[{"role": "assistant", "content": f"thinking</think>{answer}"}] for answer in ("4", "5", "")]
    columns: dict[str, Any] = {"truth": ["4", "4", "4"], "difficulty": [1, 1, 1], "trainer_state": None}
    scores = reward(prompts=[PROMPT] * 3, completions=completions, completion_ids=[[1], [2], [3]], **columns)
    assert scores == [1.0, 0.0, 0.0]


def test_plain_texts_with_and_without_thinking() -> None:
    assert trl_reward("exact")(["q"], ["so</think>4"], truth=["4"]) == [1.0]
    assert trl_reward("exact")(["q"], ["4"], truth=["4"]) == [0.0]
    assert trl_reward("exact", reasoning=False)(["q"], ["4"], truth=["4"]) == [1.0]


def test_an_abstention_is_none() -> None:
    assert trl_reward("exact", reasoning=False)(["q", "q"], ["4", "4"], truth=[None, "4"]) == [None, 1.0]


def test_columns_by_name_and_as_json() -> None:
    reward = trl_reward("set", truth="gold", reasoning=False, json_truth=True)
    assert reward(["q"], ["b, a"], gold=['["a", "b"]']) == [1.0]
    with pytest.raises(UserError, match="no column 'gold' in the data; there are: truth"):
        reward(["q"], ["a"], truth=["a"])
    with pytest.raises(UserError, match="no verifier named 'exacto'"):
        trl_reward("exacto")


def test_tool_calls_of_messages_are_judged() -> None:
    truth = {"calls": [{"name": "book", "arguments": {"nights": 3}}]}
    message = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "I should book.",
        "tool_calls": [{"type": "function", "function": {"name": "book", "arguments": '{"nights": 3}'}}],
    }
    reward = trl_reward("function_call")
    assert reward([PROMPT], [[message]], truth=[truth]) == [1.0]
    message["tool_calls"] = [{"function": {"name": "book", "arguments": {"nights": 4}}}]
    assert reward([PROMPT], [[message]], truth=[truth]) == [0.0]
    message["tool_calls"] = [{"function": {"name": "book", "arguments": "no JSON"}}]
    assert reward([PROMPT], [[message]], truth=[truth]) == [0.0]


def test_verl_gets_a_score_and_numbers_to_log() -> None:
    """As verl's reward managers do: four keywords, of which the last may be None, and any `reward_kwargs`."""
    parameters = list(inspect.signature(compute_score).parameters)
    assert parameters[:4] == ["data_source", "solution_str", "ground_truth", "extra_info"]
    right = compute_score(
        data_source="countdown",
        solution_str="try</think><answer>44 + 19 + 35</answer>",
        ground_truth={"numbers": np.array([44, 19, 35]), "target": np.int64(98)},
        extra_info={"index": 0},
    )
    assert right == {"score": 1.0, "acc": 1.0, "abstained": 0.0, "kind": "correct"}
    wrong = compute_score("x", "5", "4", {"verifier": "exact"}, reasoning=False, other_argument=1)
    assert wrong.keys() == right.keys() and wrong["score"] == 0.0
    assert compute_score("x", "4", "4", None, verifier="exact", reasoning=False)["score"] == 1.0
    assert compute_score("x", "4<|im_end|>\n", "4", None, verifier="exact", reasoning=False)["score"] == 1.0
    with pytest.raises(UserError, match="no verifier named 'unknown/data'"):
        compute_score("unknown/data", "4", "4")


def test_verl_has_no_place_for_an_abstention() -> None:
    with pytest.raises(AbstainedError, match="unparseable_gold"):
        compute_score("x", "4", None, verifier="exact", reasoning=False)
    verdict = compute_score("x", "4", None, verifier="exact", reasoning=False, abstained_score=0.0)
    assert verdict == {"score": 0.0, "acc": 0.0, "abstained": 1.0, "kind": "unparseable_gold"}


def test_it_may_be_called_from_a_running_loop_and_from_threads() -> None:
    reward = trl_reward("math")

    def call() -> list[float | None]:
        return reward(["q"] * 4, ["so</think>\\boxed{\\frac{2}{4}}"] * 4, truth=["1/2"] * 4)

    async def inside() -> list[float | None]:
        return call()

    assert asyncio.run(inside()) == [1.0] * 4
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda _: call(), range(8))) == [[1.0] * 4] * 8


def test_a_verifier_cannot_wait_for_another_and_abstains() -> None:
    @register("nested_for_a_test")
    async def nested(task, response, context):
        return run(asyncio.sleep(0))

    try:
        assert trl_reward("nested_for_a_test", reasoning=False)(["q"], ["a"], truth=["a"]) == [None]
    finally:
        registry._VERIFIERS.pop("nested_for_a_test")


def test_plain_values() -> None:
    assert plain({"a": np.array([1, 2]), "b": (np.float64(1.5), "x")}) == {"a": [1, 2], "b": [1.5, "x"]}
