"""What a recipe costs, before anything runs: tokens, operations, time and memory.

The figures are bounds, not predictions. Every completion is taken to run to its limit in a single turn and refilled
groups are not counted. Operations count matrix products with the weights only (Kaplan et al. 2020, "Scaling Laws for
Neural Language Models", section 2.1: 2N for a forward pass, 4N more for the backward pass; 2N once more where layers
are recomputed, 2N less where only adapters are trained), which leaves out attention over long contexts. Time divides
them by the sustained rate the recipe states, so it knows nothing of memory bandwidth, verifiers or start-up.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkhorse.config.evals import BenchmarkConfig, EvaluationConfig
from darkhorse.config.recipe import Recipe
from darkhorse.config.shapes import ModelShape, shape_of
from darkhorse.config.stages import RewardModelStage, RLStage, SFTStage, StageConfig

PROMPT_TOKENS = 128
"""Allowance for the prompt of one sequence."""

BENCHMARK_PROBLEMS = {
    "aime24": 30, "aime25": 30, "livecodebench": 279, "ifeval": 541, "livebench": 1000, "bfcl": 4400, "gsm8k": 1319,
    "math500": 500, "humaneval": 164, "humaneval_plus": 164, "mbpp": 500, "mbpp_plus": 378, "ifbench": 300,
    "bbh": 6511, "zebralogic": 1000,
}  # fmt: skip
"""Problems per published benchmark; those of LiveBench and BFCL differ between releases and are rounded."""
_USUAL_PROBLEMS = 1000


@dataclass(frozen=True)
class StageEstimate:
    """What one stage costs at most.

    Attributes:
        name: of the stage, or `evaluation`.
        type: of the stage.
        tokens_sampled: tokens the policy samples.
        tokens_trained: tokens in forward and backward passes, prompts included.
        flops: floating-point operations; None when the model's shape is not known.
        seconds: at the rate of `[cluster]`; None when the model's shape is not known.
    """

    name: str
    type: str
    tokens_sampled: int
    tokens_trained: int
    flops: float | None
    seconds: float | None


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of the whole run, over all devices together.

    Weights and gradients are bfloat16, master weights and the two Adam moments float32: 16 bytes per parameter
    (Rajbhandari et al. 2020, "ZeRO", section 3.1), or 12 where every stage keeps its moments in bfloat16; all but the
    weights count trained parameters only. Activations follow Korthikanti et al. 2022, "Reducing Activation
    Recomputation in Large Transformer Models", section 4.1: 34 bytes per token, layer and hidden unit, without the
    attention matrix, which memory-efficient attention never stores.

    Attributes:
        weights: the model, bfloat16.
        gradients: bfloat16.
        master_weights: float32.
        moments: both Adam moments.
        kv_cache: keys and values of every sequence decoded at once, at full length, bfloat16; or what the recipe allows
            for them.
        activations: of one micro-batch, kept for its backward pass.
    """

    weights: int
    gradients: int
    master_weights: int
    moments: int
    kv_cache: int
    activations: int

    @property
    def total(self) -> int:
        """Sum of all parts."""
        return self.weights + self.gradients + self.master_weights + self.moments + self.kv_cache + self.activations


@dataclass(frozen=True)
class Estimate:
    """What a recipe costs.

    Attributes:
        parameters: of the model; None when its shape is not known.
        stages: one entry a stage, and the evaluations.
        memory: None when the model's shape is not known.
    """

    parameters: int | None
    stages: tuple[StageEstimate, ...]
    memory: MemoryEstimate | None


def estimate(recipe: Recipe) -> Estimate:
    """What a recipe costs at most; see the module's docstring for what is counted.

    Raises:
        UserError: if the model is a local folder whose config.json cannot be understood.
    """
    shape = shape_of(recipe.model.name)
    longest = _longest_completion(recipe)
    rows = [
        _stage_row(name, stage.type, *_stage_tokens(stage, longest), shape, recipe, _trained_cost(stage))
        for name, stage in recipe.stage.items()
    ]
    rows.append(_stage_row("evaluation", "", _evaluation_tokens(recipe), 0, shape, recipe))
    memory = _memory(recipe, shape, longest) if shape else None
    return Estimate(shape.parameters if shape else None, tuple(rows), memory)


def _longest_completion(recipe: Recipe) -> int:
    """Most tokens any stage or evaluation may sample for one completion."""
    samplings = [recipe.evaluation.sampling, *(suite.sampling for suite in recipe.evaluation.benchmarks)]
    samplings += [stage.sampling for stage in recipe.stage.values() if isinstance(stage, RLStage)]
    return max(sampling.max_completion_length for sampling in samplings)


def _stage_tokens(stage: StageConfig, longest: int) -> tuple[int, int]:
    """Tokens sampled and trained. Demonstrations and answers are taken to be as long as the longest completion."""
    if isinstance(stage, RLStage):
        groups = stage.steps * stage.prompts_per_step
        sampled = groups * stage.num_generations * stage.sampling.max_completion_length
        updated = groups * (stage.num_updated or stage.num_generations) * stage.sampling.max_completion_length
        # A group's prompt is computed once and shared by its completions.
        return sampled, updated + groups * PROMPT_TOKENS
    sequence = min(longest + PROMPT_TOKENS, stage.micro_batch_tokens)
    sequences = stage.steps * stage.batch_size * (2 if isinstance(stage, RewardModelStage) else 1)
    return 0, sequences * sequence


def _evaluation_tokens(recipe: Recipe) -> int:
    """Tokens sampled by all evaluations: every suite after every measured stage; benchmarks once, at the end."""
    evaluation: EvaluationConfig = recipe.evaluation
    policies = ["base", *(name for name, stage in recipe.stage.items() if isinstance(stage, (SFTStage, RLStage)))]
    measured = policies if evaluation.stages is None else evaluation.stages
    prompts = len(measured) * evaluation.samples_per_suite
    prompts += len(evaluation.greedy) * (evaluation.greedy_samples_per_suite or evaluation.samples_per_suite)
    suites = prompts * len(evaluation.tasks) * evaluation.sampling.max_completion_length
    benchmarks = sum(
        _problems(suite) * suite.samples * suite.sampling.max_completion_length for suite in evaluation.benchmarks
    )
    return suites + benchmarks


def _problems(suite: BenchmarkConfig) -> int:
    """Problems of a benchmark, as far as they are known, or the recipe's limit."""
    known = BENCHMARK_PROBLEMS.get(suite.benchmark, _USUAL_PROBLEMS)
    return known if suite.limit is None else min(known, suite.limit)


def _stage_row(
    name: str,
    kind: str,
    sampled: int,
    trained: int,
    shape: ModelShape | None,
    recipe: Recipe,
    trained_cost: int = 6,
) -> StageEstimate:
    if shape is None:
        return StageEstimate(name, kind, sampled, trained, None, None)
    flops = float(shape.parameters) * (2 * sampled + trained_cost * trained)
    rate = recipe.cluster.tflops * 1e12 * max(1, recipe.cluster.accelerators)
    return StageEstimate(name, kind, sampled, trained, flops, flops / rate)


def _trained_cost(stage: StageConfig) -> int:
    """Operations for a weight and a trained token: 2 forward, 2 for the gradient of what went in, 2 for the weight's
    own unless only adapters are trained, and forward once more where layers are recomputed.
    """
    weights = 0 if _adapter_rank(stage) else 2
    return 4 + weights + (2 if stage.gradient_checkpointing else 0)


def _adapter_rank(stage: StageConfig) -> int:
    """Rank of the adapters a stage trains; 0 when it trains all weights."""
    return 0 if isinstance(stage, RewardModelStage) or stage.lora is None else stage.lora.rank


def _memory(recipe: Recipe, shape: ModelShape, longest: int) -> MemoryEstimate:
    cache = 2 * recipe.engine.max_sequences * (longest + PROMPT_TOKENS) * shape.cache_values_per_token
    if recipe.engine.cache_gib is not None:
        cache = min(cache, int(recipe.engine.cache_gib * 2**30))
    activations = max((_activations(stage, shape) for stage in recipe.stage.values()), default=0)
    ranks = [_adapter_rank(stage) for stage in recipe.stage.values()]
    trained = max((shape.adapter_parameters(rank) if rank else shape.parameters for rank in ranks), default=0)
    return MemoryEstimate(
        weights=2 * shape.parameters,
        gradients=2 * trained,
        master_weights=4 * trained,
        moments=(8 if any(s.moments_dtype == "float32" for s in recipe.stage.values()) else 4) * trained,
        kv_cache=cache,
        activations=activations,
    )


def _activations(stage: StageConfig, shape: ModelShape) -> int:
    """Bytes kept for the backward pass of a micro-batch: of every layer, or of one and every layer's input."""
    layer = 34 * stage.micro_batch_tokens * shape.hidden
    layer_input = 2 * stage.micro_batch_tokens * shape.hidden
    return layer + shape.layers * layer_input if stage.gradient_checkpointing else shape.layers * layer
