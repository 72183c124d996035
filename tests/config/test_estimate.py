"""The cost estimate against counts made by hand and against published model sizes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from darkhorse.config.estimate import PROMPT_TOKENS, estimate
from darkhorse.config.evals import EvaluationConfig
from darkhorse.config.recipe import Recipe
from darkhorse.config.rollout import SamplingConfig
from darkhorse.config.shapes import SHAPES, shape_of
from darkhorse.config.stages import LoraConfig, RewardModelStage, RLStage, SFTStage
from darkhorse.config.tasks import SyntheticSource
from darkhorse.errors import UserError


# Totals of the published checkpoints' safetensors files.
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("smollm2-135m", 134_515_008),
        ("qwen2.5-0.5b", 494_032_768),
        ("qwen2.5-1.5b", 1_543_714_304),
        ("qwen3-0.6b", 596_049_920),
        ("qwen2.5-32b", 32_763_876_352),
    ],
)
def test_shapes_count_the_parameters_of_the_published_models(name: str, parameters: int) -> None:
    assert SHAPES[name].parameters == parameters


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B-Instruct", "qwen2.5-0.5b"])
def test_a_hub_id_finds_its_shape(name: str) -> None:
    assert shape_of(name) == SHAPES["qwen2.5-0.5b"]


def recipe() -> Recipe:
    sampling = SamplingConfig(max_completion_length=100)
    return Recipe(
        stage={
            "cold": SFTStage(steps=10, batch_size=4),
            "preference": RewardModelStage(steps=5, batch_size=2, micro_batch_tokens=64),
            "reason": RLStage(steps=3, prompts_per_step=2, num_generations=8, sampling=sampling),
        },
        evaluation=EvaluationConfig(
            tasks=[SyntheticSource(suite="tools")], samples_per_suite=7, greedy=["reason"], sampling=sampling
        ),
    )


def test_tokens_are_counted_per_stage() -> None:
    rows = {row.name: (row.tokens_sampled, row.tokens_trained) for row in estimate(recipe()).stages}
    completions = 3 * 2 * 8
    assert rows == {
        "cold": (0, 10 * 4 * (100 + PROMPT_TOKENS)),
        "preference": (0, 5 * 2 * 2 * 64),
        "reason": (completions * 100, completions * 100 + 3 * 2 * PROMPT_TOKENS),
        "evaluation": (4 * 7 * 100, 0),  # base, cold and reason once, reason greedily
    }


def test_fewer_prompts_may_be_decoded_greedily() -> None:
    plan = recipe()
    plan.evaluation.greedy_samples_per_suite = 2
    row = next(row for row in estimate(plan).stages if row.name == "evaluation")
    assert row.tokens_sampled == (3 * 7 + 2) * 100


def test_completions_left_out_of_the_update_are_sampled_all_the_same() -> None:
    plan = recipe()
    reason = plan.stage["reason"]
    assert isinstance(reason, RLStage)
    reason.num_updated = 3
    row = next(row for row in estimate(plan).stages if row.name == "reason")
    assert (row.tokens_sampled, row.tokens_trained) == (3 * 2 * 8 * 100, 3 * 2 * 3 * 100 + 3 * 2 * PROMPT_TOKENS)


def test_operations_and_time_follow_from_tokens_and_devices() -> None:
    plan = recipe()
    plan.cluster.tflops = 2.0
    plan.cluster.accelerators = 4
    row = next(row for row in estimate(plan).stages if row.name == "reason")
    flops = 134_515_008 * (2 * row.tokens_sampled + 6 * row.tokens_trained)
    assert row.flops == flops
    assert row.seconds == pytest.approx(flops / 8e12)


def test_model_state_takes_sixteen_bytes_per_parameter_and_the_cache_its_share() -> None:
    plan = recipe()
    memory = estimate(plan).memory
    assert memory is not None
    assert memory.weights + memory.gradients + memory.master_weights + memory.moments == 16 * 134_515_008
    assert memory.kv_cache == plan.engine.max_sequences * (128 + PROMPT_TOKENS - 28) * 2 * 2 * 30 * 3 * 64
    assert memory.total > memory.activations > 0
    plan.engine.cache_gib = 0.25
    limited = estimate(plan).memory
    assert limited is not None
    assert limited.kv_cache == 2**28 < memory.kv_cache


def test_recomputing_layers_costs_a_third_more_and_keeps_a_fraction() -> None:
    plan = recipe()
    kept = estimate(plan)
    for stage in plan.stage.values():
        stage.gradient_checkpointing = True
    recomputed = estimate(plan)
    assert kept.memory is not None and recomputed.memory is not None
    row = next(row for row in recomputed.stages if row.name == "reason")
    assert row.flops == 134_515_008 * (2 * row.tokens_sampled + 8 * row.tokens_trained)
    micro_batch = max(stage.micro_batch_tokens for stage in plan.stage.values())
    assert kept.memory.activations == 30 * 34 * micro_batch * 576
    assert recomputed.memory.activations == (34 + 30 * 2) * micro_batch * 576


def test_adapters_need_little_memory_and_no_gradients_of_weights() -> None:
    plan = recipe()
    del plan.stage["preference"]
    for stage in plan.stage.values():
        assert not isinstance(stage, RewardModelStage)
        stage.lora = LoraConfig(rank=8)
    cost = estimate(plan)
    adapters = 8 * 30 * ((576 + 576) * 2 + (576 + 192) * 2 + (576 + 1536) * 3)
    assert cost.memory is not None
    assert cost.memory.gradients + cost.memory.master_weights + cost.memory.moments == 14 * adapters
    row = next(row for row in cost.stages if row.name == "reason")
    assert row.flops == 134_515_008 * (2 * row.tokens_sampled + 4 * row.tokens_trained)


def test_an_unknown_model_still_has_its_tokens_counted() -> None:
    plan = recipe()
    plan.model.name = "someone/unheard-of"
    cost = estimate(plan)
    assert cost.parameters is None
    assert cost.memory is None
    assert [row.flops for row in cost.stages] == [None] * 4
    assert cost.stages[0].tokens_trained > 0


def test_a_local_folder_is_read(tmp_path: Path) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 576,
        "num_hidden_layers": 30,
        "intermediate_size": 1536,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "vocab_size": 49152,
        "tie_word_embeddings": True,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert shape_of(str(tmp_path)) == SHAPES["smollm2-135m"]


@pytest.mark.parametrize("text", ["{", "[]", '{"num_attention_heads": "many"}', "{}"])
def test_a_folder_that_is_no_decoder_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json does not describe a decoder"):
        shape_of(str(tmp_path))


def test_moments_in_bfloat16_take_half() -> None:
    plan = recipe()
    first, *others = plan.stage.values()
    for stage in others:
        stage.moments_dtype = "bfloat16"
    some = estimate(plan).memory
    first.moments_dtype = "bfloat16"
    every = estimate(plan).memory
    assert some is not None and every is not None
    assert some.moments == 8 * 134_515_008 == 2 * every.moments, "the largest stage counts"
