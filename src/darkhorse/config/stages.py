"""The stages a recipe is made of."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from darkhorse.config.base import Settings
from darkhorse.config.rewards import JudgeConfig, LearnedRewardConfig
from darkhorse.config.rollout import SamplingConfig
from darkhorse.config.tasks import SourceConfig, SyntheticSource

LossType = Literal["grpo", "dr_grpo", "dapo", "gspo", "cispo"]
AdvantageType = Literal["group", "rloo", "reinforce_plus_plus"]


class _Training(Settings):
    steps: int = Field(default=50, ge=1)
    """Optimizer steps."""
    learning_rate: float = Field(default=1e-5, gt=0)
    """Peak learning rate of AdamW."""
    warmup_steps: int = Field(default=5, ge=0)
    """Steps over which the learning rate rises linearly from 0."""
    decay: Literal["constant", "linear"] = "constant"
    """What the learning rate does after the warm-up; `linear` falls to a tenth."""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's decoupled weight decay."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's moment decay rates."""
    moments_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type AdamW's two moments are kept in. `bfloat16` saves 4 bytes a weight; it rounds away changes of less than a
    256th, so that the second rate must be 0.99 at most."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are clipped to this norm."""
    freeze_embeddings: bool = False
    """Leave the token embeddings and the head as they are: they are shared by all tokens, and few examples a step
    move them in ways that have little to do with what is learned."""
    micro_batch_tokens: int = Field(default=2048, ge=1)
    """Most tokens in one forward and backward pass; gradients accumulate over the passes of a step."""
    lanes: int = Field(default=1, ge=1)
    """Passes beside each other, each on its part of the processor's threads (at most one for each thread); 2 saves a
    small model on a CPU the time that a single pass leaves idle, and needs memory for the activations twice."""
    gradient_checkpointing: bool = False
    """Compute each layer anew in the backward pass instead of keeping what it computed: far less memory for a third
    more work."""
    checkpoint_every: int = Field(default=20, ge=1)
    """Steps between checkpoints; the last step is always kept."""
    init_from: str | None = None
    """Stage whose result this stage starts from; the previous policy stage when unset."""

    @model_validator(mode="after")
    def _moments_move(self) -> Self:
        if self.moments_dtype == "bfloat16" and self.betas[1] > 0.99:
            raise ValueError(
                f"betas is [{self.betas[0]:g}, {self.betas[1]:g}], but moments_dtype 'bfloat16' would round away what "
                "a step adds: set the second rate to 0.99 at most, or moments_dtype to 'float32'"
            )
        return self


class LoraConfig(Settings):
    """Low-rank adapters (extra `lora`): only they are trained, and added to the weights of every checkpoint."""

    rank: int = Field(default=32, ge=1)
    """Rows of the smaller factor; more can hold more."""
    alpha: int = Field(default=64, ge=1)
    """Adapters are scaled by `alpha / rank`."""
    target_modules: list[str] | None = None
    """Names of the linear layers that get one; all but the head when unset."""


class _PolicyTraining(_Training):
    lora: LoraConfig | None = None
    """Train adapters instead of the weights; all weights when unset."""


class SFTStage(_PolicyTraining):
    """Supervised fine-tuning on reasoned answers; the loss covers the answers only."""

    type: Literal["sft"] = "sft"
    batch_size: int = Field(default=16, ge=1)
    """Demonstrations in one optimizer step."""
    tasks: list[SourceConfig] = Field(default_factory=list)
    """Sources of demonstrations."""


class RewardModelStage(_Training):
    """A Bradley-Terry reward model on preference pairs."""

    type: Literal["reward_model"] = "reward_model"
    batch_size: int = Field(default=16, ge=1)
    """Preference pairs in one optimizer step."""
    pairs: Literal["synthetic"] | str = "synthetic"
    """`synthetic`, or the path of a file whose rows hold `prompt`, `chosen` and `rejected`, and optionally `margin`."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest prompt with one of its answers; pairs with a longer one are left out and counted. Unset, none is."""
    held_out_pairs: int = Field(default=200, ge=1)
    """Pairs kept for measuring accuracy."""
    centering: float = Field(default=0.01, ge=0)
    """Weight of the squared sum of both rewards, which keeps them centred at zero."""
    margin: float = Field(default=0.0, ge=0)
    """By how much the chosen answer's reward should lead, where a pair states no margin of its own."""
    float32_head: bool = True
    """Keep the head in float32: a bf16 reward has 8 bits, too few to tell close answers apart."""
    trainable_layers: int | None = Field(default=None, ge=1)
    """Train only the last so many layers (and the head); all when unset."""


class WatchConfig(Settings):
    """Suites of an earlier stage that must not fall: they are measured before the first step and at every checkpoint,
    on held-out prompts of their own."""

    tasks: list[SyntheticSource]
    """The suites. The stage ends when one falls below the 95 % interval it had at the start, and goes back to its best
    checkpoint."""
    improves: list[SyntheticSource] = Field(default_factory=list)
    """Suites the stage is to improve: the best checkpoint is that with their highest mean; the latest when empty."""
    samples_per_suite: int = Field(default=100, ge=2)
    """Prompts per suite."""


class RLStage(_PolicyTraining):
    """Reinforcement learning with verified outcomes."""

    type: Literal["rl"] = "rl"
    tasks: list[SourceConfig] = Field(default_factory=list)
    """Sources of prompts."""
    replay_from: str | None = None
    """An earlier RL stage whose sources are mixed in, so that what it taught is not lost; they are sampled at that
    stage's temperature."""
    replay_share: float = Field(default=0.25, ge=0, lt=1)
    """Share of prompts drawn from the replayed stage."""
    replay_beta: float | None = Field(default=None, ge=0)
    """Weight of the KL term on replayed prompts; `beta` when unset. Above 0, replayed groups are learned from even if
    all their scores are equal: what holds them near the policy the stage started from needs no reward."""
    prompts_per_step: int = Field(default=12, ge=1)
    """Groups that make one optimizer step."""
    num_generations: int = Field(default=8, ge=2)
    """Completions sampled for each prompt."""
    num_updated: int | None = Field(default=None, ge=2)
    """Completions of a group to learn from: those whose rewards vary most (PODS); all when unset."""
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    """Sampling of rollouts."""
    loss_type: LossType = "dapo"
    """Objective: how token losses are clipped and normalised."""
    advantage: AdvantageType = "group"
    """How rewards become advantages."""
    scale_rewards: Literal["none", "group", "batch", "source"] = "none"
    """Divide advantages by the standard deviation of the group, of the batch, or of the batch's share of each source,
    so that sources whose rewards spread little weigh as much as others."""
    turn_advantage: Literal["none", "anchor", "reward"] = "none"
    """What a turn of an episode gets on top of the episode's advantage: nothing, its return against that of turns from
    the same state (GiGPO), or the share of its tool calls that succeeded against that of others' turns (MT-GRPO)."""
    turn_weight: float = Field(default=1.0, ge=0)
    """Weight of the turn's own advantage."""
    turn_discount: float = Field(default=0.95, gt=0, le=1)
    """Discount a turn of the return that `anchor` compares."""
    epsilon_low: float = Field(default=0.2, ge=0)
    """Lower clip of the probability ratio."""
    epsilon_high: float = Field(default=0.28, ge=0)
    """Upper clip of the probability ratio (clip-higher)."""
    beta: float = Field(default=0.0, ge=0)
    """Weight of the KL term to the policy the stage started from."""
    interpolation: float = Field(default=1.0, gt=0, le=1)
    """Share of the way from the policy the stage started from that remains at its end: below 1, the weights move back
    by the rest (WARP's interpolation towards initialization), which keeps more of what was learned before."""
    importance_sampling_cap: float = Field(default=2.0, gt=0)
    """Truncation of the trainer-to-sampler probability ratio."""
    updates_per_rollout: int = Field(default=1, ge=1)
    """Optimizer steps made from one batch of rollouts, each on an equal share of its groups."""
    max_off_policy_steps: int = Field(default=0, ge=0, le=1)
    """Updates by which sampled completions may be behind the weights that learn from them: with 1, the next batch is
    sampled before an update and judged while it runs, which saves time where judging is slow."""
    dynamic_sampling: bool = True
    """Drop groups whose scores are all equal and sample others in their place."""
    max_refills: int = Field(default=1, ge=0)
    """Rounds of refilling before a step goes on with the groups it has."""
    truncation: Literal["mask", "penalise", "keep"] = "mask"
    """What becomes of completions that hit their token limit: masked, scored 0, or kept as verified."""
    reward: Literal["verifier", "random"] = "verifier"
    """`random` is a control that flips a fair coin for each completion."""
    reward_model: str | None = None
    """Reward-model stage that scores answers of the `preference` verifier, whose rubric is then only used to evaluate,
    and of `open_ended`."""
    external_reward_model: str | None = None
    """Instead: any sequence classifier with one output, by folder or hub id, or the address of a served one."""
    judge: JudgeConfig | None = None
    """A judge; it scores those answers where there is no reward model, and audits the reward model where there is."""
    learned_reward: LearnedRewardConfig = Field(default_factory=LearnedRewardConfig)
    """What stands between such a score and the reward."""
    watch: WatchConfig | None = None
    """Ends the stage early when what an earlier stage taught is being lost."""


StageConfig = Annotated[SFTStage | RewardModelStage | RLStage, Field(discriminator="type")]
