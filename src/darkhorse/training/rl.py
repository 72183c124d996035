"""Reinforcement learning with verified rewards: roll out, judge, compare within groups, update.

The objective's parts are pure functions in `losses` and `advantages`; `examples/rl_loop.py` shows the whole loop at
its smallest.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from darkhorse.agent.collect import SampledGroups, Workplace, sample_groups, sample_row
from darkhorse.agent.episode import derive_seed
from darkhorse.config.stages import RLStage
from darkhorse.errors import UserError
from darkhorse.policy.adapters import training_adapters
from darkhorse.policy.loading import Policy
from darkhorse.policy.memory import give_back
from darkhorse.policy.packing import Segment
from darkhorse.policy.saving import write_file
from darkhorse.rewards.compose import assign_rewards
from darkhorse.rewards.scorer import Scorer
from darkhorse.rollout.engine import SamplingParams
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.tasks.mixture import Mixture
from darkhorse.training.advantages import ADVANTAGES, by_source
from darkhorse.training.batches import micro_batches
from darkhorse.training.downsampling import max_variance
from darkhorse.training.lanes import run_passes
from darkhorse.training.learned_metrics import LearnedMetrics
from darkhorse.training.losses import LOSSES, LossConfig, Normaliser, mean_metrics
from darkhorse.training.optimizer import MasterOptimizer
from darkhorse.training.packed_groups import PackedGroup, loss_inputs, sampled_logprobs
from darkhorse.training.rollout_batch import Batch, remembered, restored
from darkhorse.training.rollout_metrics import rollout_metrics
from darkhorse.training.stage_run import StageRun
from darkhorse.training.turn_advantages import TURN_ADVANTAGES, combined
from darkhorse.training.watch import Watch

Result = TypeVar("Result")
_STOPPED = "stopped.json"


@dataclass(frozen=True)
class _Sampled:
    """Groups that are being judged, the source of each, and what a control's coins are drawn from."""

    groups: SampledGroups
    sources: list[str]
    coin: int


@dataclass
class RLTrainer:
    """One RL stage.

    Attributes:
        policy: trained in place; the engine of `place` samples from it.
        name, settings, seed: of the stage.
        mixture: prompts by index.
        place: engine, verifiers' context and tools.
        scorer: scores `preference` and `open_ended` answers; None leaves them to their verifier.
        reference: the policy the stage starts from; needed when a `beta` is not 0 or `interpolation` not 1.
        temperatures: of sources that are not sampled at the stage's own.
        betas: weights of the KL term on sources that do not have the stage's own.
        audit: a judge that looks at some of the scorer's answers, without a say in their reward.
        watch: ends the stage early when an earlier one's suites fall.
    """

    policy: Policy
    name: str
    settings: RLStage
    seed: int
    mixture: Mixture
    place: Workplace
    scorer: Scorer | None = None
    reference: Policy | None = None
    temperatures: Mapping[str, float] = field(default_factory=dict)
    betas: Mapping[str, float] = field(default_factory=dict)
    audit: Scorer | None = None
    watch: Watch | None = None
    _learned: LearnedMetrics = field(init=False)
    _cursor: int = field(default=0, init=False)
    _ready: Batch | None = field(default=None, init=False)
    _synced: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._learned = LearnedMetrics(self.settings.learned_reward, self.audit)

    def train(self, run_dir: Path) -> float:
        """Run the stage to its end, resuming it when it was interrupted.

        When its watch finds a suite fallen, the stage ends, and its best checkpoint is the one that is left; the policy
        in memory stays as it was.

        Returns:
            Seconds spent, those before a resume included.
        """
        with training_adapters(self.policy.model, self.settings.lora):
            return self._train(run_dir)

    def _train(self, run_dir: Path) -> float:
        optimizer = MasterOptimizer(self.policy.model, self.settings)
        with StageRun(run_dir, self.name, self.settings, self.policy.model, self.policy.tokenizer, optimizer) as run:
            self._cursor = int(run.state.get("cursor", 0))
            self._ready = restored(run.state["ready"]) if run.state.get("ready") else None
            if run.state.get("learned"):
                self._learned.restore(run.state["learned"])
            if self.watch is not None:
                self._start_watch(self.watch, run)
            for step in run.steps:
                groups, metrics = self.step(step, optimizer)
                rows = [
                    sample_row(self.name, "train", group.task, trajectory)
                    for group in groups
                    for trajectory in group.trajectories
                ]
                if step == self.settings.steps and self.settings.interpolation < 1:
                    optimizer.interpolate(self._reference("interpolation").model, self.settings.interpolation)
                if self.watch is not None and run.checkpoints_at(step):
                    metrics |= self.watch.check(step)
                    if self.watch.fallen:
                        run.log(step, metrics, rows)
                        self._roll_back(self.watch, step, run)
                        break
                run.record(step, metrics, self._state(), rows, [self.watch.best] if self.watch is not None else [])
            run.checkpoints.finish()
            return run.elapsed

    def _state(self) -> dict[str, Any]:
        """What a checkpoint remembers."""
        return {
            "cursor": self._cursor,
            "ready": remembered(self._ready) if self._ready is not None else None,
            "learned": self._learned.state,
            "watch": self.watch.state if self.watch is not None else None,
        }

    def _start_watch(self, watch: Watch, run: StageRun) -> None:
        """Measure before the first step, and keep the start as a checkpoint to go back to."""
        (run.folder / _STOPPED).unlink(missing_ok=True)  # a run that was killed as it stopped decides anew
        if run.state.get("watch"):
            watch.restore(run.state["watch"])
        elif run.steps:
            watch.start()
            run.checkpoint(0, self._state())

    def _roll_back(self, watch: Watch, step: int, run: StageRun) -> None:
        floors = {suite: watch.floors[suite] for suite in watch.fallen}
        note = {"step": step, "fallen_below": floors, "went_back_to": watch.best}
        write_file(run.folder / _STOPPED, json.dumps(note))
        run.checkpoints.roll_back(watch.best)

    def sync(self) -> None:
        """Hand the current weights to the engine."""
        self.place.engine.sync_weights(self.policy)
        self._synced = True

    def step(self, step: int, optimizer: MasterOptimizer) -> tuple[list[Group], dict[str, float]]:
        """One batch of rollouts and the updates made from it. Returns all groups sampled, and the metrics."""
        return asyncio.run(self._step(step, optimizer))

    async def _step(self, step: int, optimizer: MasterOptimizer) -> tuple[list[Group], dict[str, float]]:
        started = time.monotonic()
        batch = self._ready or await self._completed(await self._sample(self.settings.prompts_per_step))
        self._ready = None
        if self.settings.max_off_policy_steps and step < self.settings.steps:
            ahead = await self._sample(self.settings.prompts_per_step)
            try:
                # in a thread of its own, so that verdicts come in meanwhile, however many threads they occupy
                changes, updating = await _apart(partial(self._timed_update, step, batch, optimizer))
            except BaseException:
                ahead.groups.give_up()
                raise
            self._ready = await self._completed(ahead)
        else:
            changes, updating = self._timed_update(step, batch, optimizer)
        rolling_out = time.monotonic() - started - updating
        sampled = sum(t.num_sampled for group in batch.everything for t in group.trajectories)
        metrics = rollout_metrics(batch.everything, batch.kept) | changes
        metrics |= await self._learned.of(batch.everything, derive_seed(self.seed, self.name, step, "audit"))
        metrics |= {
            "time/rollout": rolling_out,
            "time/update": updating,
            "perf/tokens_per_second": sampled / (rolling_out + updating),
            "perf/rollout_tokens_per_second": sampled / rolling_out,
        }
        return batch.everything, metrics

    async def _sample(self, prompts: int) -> _Sampled:
        """Groups of the next so many prompts, for which verdicts may still be missing."""
        if not self._synced:
            self.sync()
        drawn = [self.mixture.task(self._cursor + offset) for offset in range(prompts)]
        seeds = [derive_seed(self.seed, self.name, self._cursor + offset) for offset in range(prompts)]
        self._cursor += prompts
        usual = SamplingParams.of(self.settings.sampling, 0)
        sampling = [replace(usual, temperature=self._temperature(source)) for source, _ in drawn]
        tasks, generations = [task for _, task in drawn], self.settings.num_generations
        groups = await sample_groups(self.place, tasks, generations, sampling, seeds)
        return _Sampled(
            groups, [source for source, _ in drawn], derive_seed(self.seed, self.name, self._cursor, "coin")
        )

    async def _completed(self, sampled: _Sampled) -> Batch:
        """A batch of what was sampled and, until enough groups carry a gradient or the refills are used up, of more."""
        settings = self.settings
        batch = Batch([], [])
        refills = settings.max_refills if settings.dynamic_sampling else 0
        while True:
            groups = await sampled.groups.judged()
            for source, group in zip(sampled.sources, groups, strict=True):
                group.source = source
            await assign_rewards(groups, settings, self.scorer, sampled.coin)
            batch.everything += groups
            batch.kept += [group for group in groups if self._teaches(group)]
            missing = settings.prompts_per_step - len(batch.kept)
            if missing == 0 or refills == 0:
                break
            refills -= 1
            sampled = await self._sample(missing)
        self._set_advantages(batch.kept)
        return batch

    def _teaches(self, group: Group) -> bool:
        """Whether to learn from a group: by its rewards, or by what holds its source near the reference."""
        return group.varies or not self.settings.dynamic_sampling or self.betas.get(group.source, 0.0) > 0

    def _timed_update(self, step: int, batch: Batch, optimizer: MasterOptimizer) -> tuple[dict[str, float], float]:
        """The metrics of `_update`, and its seconds."""
        started = time.monotonic()
        give_back()  # sampling and updates use memory differently
        metrics = self._update(step, batch.kept, optimizer)
        give_back()
        self._synced = False
        return metrics, time.monotonic() - started

    def _set_advantages(self, groups: Sequence[Group]) -> None:
        chosen = [self._choose(group) for group in groups]
        rewards = [torch.tensor([t.reward for t in members], dtype=torch.float64) for members in chosen]
        function, scale = ADVANTAGES[self.settings.advantage], self.settings.scale_rewards
        if scale == "source":
            advantages = by_source(function, rewards, [group.source for group in groups])
        else:
            advantages = function(rewards, scale_rewards=scale)
        for members, values in zip(chosen, advantages, strict=True):
            for trajectory, value in zip(members, values.tolist(), strict=True):
                trajectory.advantage = value
            if self.settings.turn_advantage != "none":
                turns = TURN_ADVANTAGES[self.settings.turn_advantage](members, self.settings.turn_discount)
                for trajectory, both in zip(
                    members, combined(values.tolist(), turns, self.settings.turn_weight), strict=True
                ):
                    trajectory.turn_advantages = both

    def _choose(self, group: Group) -> list[Trajectory]:
        """The trajectories to learn from: those with a reward, or the most telling of them."""
        members = [trajectory for trajectory in group.trajectories if trajectory.reward is not None]
        if self.settings.num_updated is None:
            return members
        return [members[place] for place in max_variance(group.rewards, self.settings.num_updated)]

    def _update(self, step: int, groups: Sequence[Group], optimizer: MasterOptimizer) -> dict[str, float]:
        """Optimizer steps on equal shares of the groups; a share without groups only moves the step counter."""
        updates = self.settings.updates_per_rollout
        segments = [
            PackedGroup.of(group, self._temperature(group.source), self._beta(group.source))
            for group in groups
            if group.updated
        ]
        old = self._old_logprobs(segments) if updates > 1 else None
        shortage = self.settings.prompts_per_step / max(len(segments), 1)
        sums: dict[str, float] = defaultdict(float)
        metrics: dict[str, float] = {"grad_norm": 0.0, "learning_rate": 0.0}
        for update in range(updates):
            share = slice(update * len(segments) // updates, (update + 1) * len(segments) // updates)
            if not segments[share]:
                continue
            pairs = list(zip(segments[share], old[share] if old is not None else [None] * len(segments), strict=False))
            for key, value in self._accumulate(pairs, shortage, optimizer).items():
                sums[key] += value
            metrics |= optimizer.step(step)
        if not sums:
            return metrics
        tokens = max(sums["tokens"], 1.0)
        return metrics | {"loss": sums["loss"] / updates, "entropy": sums["entropy"] / tokens} | mean_metrics(sums)

    def _accumulate(
        self, pairs: Sequence[tuple[PackedGroup, Tensor | None]], shortage: float, optimizer: MasterOptimizer
    ) -> dict[str, float]:
        """Gradient of one optimizer step, micro-batch by micro-batch. Returns metric sums.

        Args:
            pairs: groups, with their log-probabilities before the first update where there are several.
            shortage: groups asked for by groups found. Those missing count as groups without a gradient, so that a
                step left with few moves less: blown up to a whole step, their noise would undo what others taught.
            optimizer: takes the gradients.
        """
        settings = self.settings
        normaliser = Normaliser(
            tokens=shortage * sum(t.num_sampled for packed, _ in pairs for t in packed.members),
            sequences=shortage * sum(len(packed.members) for packed, _ in pairs),
            max_completion_length=settings.sampling.max_completion_length,
        )
        config = LossConfig(
            settings.epsilon_low, settings.epsilon_high, importance_sampling_cap=settings.importance_sampling_cap
        )
        batch = [(packed.segment, (packed, old)) for packed, old in pairs]

        def run(micro_batch: Sequence[tuple[Segment, tuple[PackedGroup, Tensor | None]]]) -> dict[str, float]:
            packs = [packed for _, (packed, _) in micro_batch]
            logprobs_T, entropy_T = sampled_logprobs(self.policy, packs)
            olds = [old for _, (_, old) in micro_batch if old is not None]
            ref_T = None
            if settings.beta or any(self.betas.values()):
                with torch.inference_mode():
                    ref_T = sampled_logprobs(self._reference("beta" if settings.beta else "replay_beta"), packs)[0]
                ref_T = ref_T.clone()
            inputs = loss_inputs(packs, logprobs_T, torch.cat(olds) if olds else logprobs_T.detach(), ref_T)
            outputs = LOSSES[settings.loss_type](inputs, config, normaliser)
            optimizer.backward(outputs.loss)
            found = {"loss": outputs.loss.detach(), "entropy": entropy_T.sum(), **outputs.metrics}
            return {key: float(value) for key, value in found.items()}

        sums: dict[str, float] = defaultdict(float)
        for found in run_passes(
            micro_batches(batch, settings.micro_batch_tokens, settings.lanes), run, settings.lanes, optimizer
        ):
            for key, value in found.items():
                sums[key] += value
        return sums

    def _reference(self, setting: str) -> Policy:
        if self.reference is None:
            value = getattr(self.settings, setting)
            raise UserError(f"stage.{self.name}.{setting} is {value}, but there is no reference policy.")
        return self.reference

    def _temperature(self, source: str) -> float:
        return self.temperatures.get(source, self.settings.sampling.temperature)

    def _beta(self, source: str) -> float:
        return self.betas.get(source, self.settings.beta)

    @torch.no_grad()
    def _old_logprobs(self, segments: Sequence[PackedGroup]) -> list[Tensor]:
        """Log-probabilities before the first update, for ratios of the later ones."""
        return [sampled_logprobs(self.policy, [packed])[0] for packed in segments]


async def _apart(work: Callable[[], Result]) -> Result:
    """Run in a thread that nothing else waits for."""
    executor = ThreadPoolExecutor(1)
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, work)
    finally:
        executor.shutdown(wait=False)
