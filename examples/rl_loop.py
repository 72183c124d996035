"""The whole of reinforcement learning with verified rewards, small enough to hold in the head.

    python examples/rl_loop.py --steps 5

A short cold start teaches the format `thinking</think>answer`. Then, at every step:

1. draw P problems of mathematics whose answers are known,
2. sample G completions of each from the policy,
3. let a verifier decide which are right: reward 1 or 0, or none where it abstains,
4. compare each completion with its group: advantage = reward - mean of the group,
5. move the weights: more of what beat its group, less of what fell behind.

`darkhorse.training.rl` is the same loop with refills, tools, a reward model, checkpoints and resuming. Names end in
their axes: P problems, G completions of one problem, T sampled tokens of one group (G completions end to end).
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.chat.reasoning import split_reasoning
from darkhorse.config.model import ModelConfig
from darkhorse.config.stages import RLStage, SFTStage
from darkhorse.policy.loading import Policy, load_policy
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.local import LocalEngine
from darkhorse.rollout.trajectory import Completion
from darkhorse.tasks.synthetic import generators
from darkhorse.tasks.synthetic.base import draw
from darkhorse.tasks.task import Demonstration
from darkhorse.training.advantages import group as group_advantages
from darkhorse.training.losses import LossConfig, LossInputs, Normaliser, dapo
from darkhorse.training.optimizer import MasterOptimizer
from darkhorse.training.sft import sft_step
from darkhorse.verify.registry import Context, judge
from darkhorse.verify.verdict import Scored


@dataclass
class Group:
    """The completions of one problem that got a score, and how each compares with the others."""

    prompt: list[int]
    completions_G: list[Completion]
    rewards_G: Tensor
    advantages_G: Tensor

    @property
    def has_signal(self) -> bool:
        """Whether some completions did better than others; if not, every advantage is zero."""
        return len(self.rewards_G) > 1 and bool(self.rewards_G.max() > self.rewards_G.min())


def main(arguments: Sequence[str] | None = None) -> list[float]:
    """Run the loop; returns the mean reward of every step."""
    options = parse(arguments)
    policy = load_policy(ModelConfig(name=options.model))
    if options.cold_start:
        cold_start(policy, options)
    engine = LocalEngine(policy)
    settings = RLStage(steps=options.steps, learning_rate=options.learning_rate, warmup_steps=0)
    optimizer = MasterOptimizer(policy.model, settings)
    history = []
    for step in range(1, options.steps + 1):
        started = time.monotonic()
        problems_P = problems(options, first=(step - 1) * options.prompts, count=options.prompts)
        groups_P = asyncio.run(roll_out(policy, engine, problems_P, options, step))
        metrics = update(policy, optimizer, [group for group in groups_P if group.has_signal], options, step)
        engine.sync_weights(policy)  # the engine reads the trainer's own tensors: only the version moves
        rewards = torch.cat([group.rewards_G for group in groups_P])
        history.append(float(rewards.mean()) if len(rewards) else 0.0)
        lengths = [len(completion.tokens) for group in groups_P for completion in group.completions_G]
        print(
            f"step {step:3d}  reward {history[-1]:.3f}  groups with signal {metrics['groups']:.0f}/{len(groups_P)}  "
            f"mean length {fmean(lengths or [0]):.1f}  entropy {metrics['entropy']:.2f}  "
            f"grad norm {metrics['grad_norm']:.2f}  {time.monotonic() - started:.1f} s"
        )
    return history


def problems(options: argparse.Namespace, first: int, count: int) -> list[Demonstration]:
    """Problems by index, the same for every run of a seed; their worked answers are for the cold start."""
    kinds = generators("mathematics")
    return [draw(kinds, options.seed, "train", index, levels=(1, 1)) for index in range(first, first + count)]


def cold_start(policy: Policy, options: argparse.Namespace) -> None:
    """Imitate worked answers, so that sampled ones have a format whose answer can be found."""
    settings = SFTStage(steps=options.cold_start, learning_rate=5e-5, warmup_steps=2)
    optimizer = MasterOptimizer(policy.model, settings)
    for step in range(1, options.cold_start + 1):
        batch = problems(options, first=10**6 + step * options.batch, count=options.batch)
        rendered = [policy.renderer.demonstration(item.task.prompt, item.completion) for item in batch]
        metrics = sft_step(policy, rendered, micro_batch_tokens=4096) | optimizer.step(step)
        print(f"cold start {step:3d}  loss {metrics['loss']:.3f}")
    optimizer.close()


async def roll_out(
    policy: Policy, engine: LocalEngine, problems_P: Sequence[Demonstration], options: argparse.Namespace, step: int
) -> list[Group]:
    """Sample G completions of every problem, judge them, and compare them within their groups."""
    requests_P = [
        Request(
            policy.renderer.prompt(problem.task.prompt),
            SamplingParams(max_tokens=options.max_tokens, seed=options.seed + step * options.prompts + number),
            options.generations,
        )
        for number, problem in enumerate(problems_P)
    ]
    completions_P: list[list[Completion]] = [[] for _ in requests_P]
    async for completion in engine.generate(requests_P):
        completions_P[completion.request].append(completion)
    groups = []
    for problem, request, completions_G in zip(problems_P, requests_P, completions_P, strict=True):
        scores = await asyncio.gather(*(score(policy, problem, completion) for completion in completions_G))
        scored = [
            (completion, value) for completion, value in zip(completions_G, scores, strict=True) if value is not None
        ]
        rewards_G = torch.tensor([value for _, value in scored])
        (advantages_G,) = group_advantages([rewards_G])
        groups.append(Group(list(request.prompt), [completion for completion, _ in scored], rewards_G, advantages_G))
    return groups


async def score(policy: Policy, problem: Demonstration, completion: Completion) -> float | None:
    """1 if the verifier finds the answer right, 0 if wrong; None (left out, never 0) if it cannot tell."""
    response = split_reasoning(policy.renderer.decode(completion.tokens))
    verdict = await judge(problem.task, response, Context())
    return verdict.score if isinstance(verdict, Scored) else None


def update(
    policy: Policy, optimizer: MasterOptimizer, groups: Sequence[Group], options: argparse.Namespace, step: int
) -> dict[str, float]:
    """One optimizer step on the groups that carry a signal, one group in a pass."""
    if not groups:
        return {"groups": 0.0, "entropy": 0.0, "grad_norm": 0.0}
    normaliser = Normaliser(  # counts over the whole step, so that the passes add up however the step is cut
        tokens=sum(len(completion.tokens) for group in groups for completion in group.completions_G),
        sequences=sum(len(group.completions_G) for group in groups),
        max_completion_length=options.max_tokens,
    )
    entropy = 0.0
    for group in groups:
        # The prompt and its G completions lie in one packed row; the prompt is computed once and seen by all.
        segment = Segment(group.prompt, [completion.tokens for completion in group.completions_G])
        logprobs_T, entropy_T = completion_logprobs(policy.model, PackedPlan([segment]))
        dapo(loss_inputs(group, logprobs_T), LossConfig(), normaliser).loss.backward()
        entropy += float(entropy_T.sum()) / normaliser.tokens
    return {"groups": len(groups), "entropy": entropy, **optimizer.step(step)}


def loss_inputs(group: Group, logprobs_T: Tensor) -> LossInputs:
    """What the loss looks at, token by token: a completion's advantage counts for all of its tokens."""
    lengths_G = torch.tensor([len(completion.tokens) for completion in group.completions_G])
    sampling_T = torch.tensor([value for completion in group.completions_G for value in completion.logprobs])
    device = logprobs_T.device
    return LossInputs(
        logprobs_T=logprobs_T,
        old_logprobs_T=logprobs_T.detach(),  # one update a rollout: the ratio is 1, its gradient is not 0
        sampling_logprobs_T=sampling_T.to(device),
        advantages_T=group.advantages_G.repeat_interleave(lengths_G).to(device),
        mask_T=torch.ones_like(logprobs_T, dtype=torch.bool),
        sequence_index_T=torch.arange(len(lengths_G)).repeat_interleave(lengths_G).to(device),
        num_sequences=len(lengths_G),
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="A minimal loop of reinforcement learning with verified rewards.")
    parser.add_argument("--model", default="smollm2-135m", help="a hub id, a folder or the embedded default")
    parser.add_argument("--steps", type=int, default=20, help="steps of reinforcement learning")
    parser.add_argument(
        "--cold-start", type=int, default=30, help="steps of imitation before it; 0 for a trained model"
    )
    parser.add_argument("--batch", type=int, default=16, help="worked answers in a step of imitation")
    parser.add_argument("--prompts", type=int, default=8, help="problems in a step")
    parser.add_argument("--generations", type=int, default=8, help="completions of each problem")
    parser.add_argument("--max-tokens", type=int, default=64, help="most tokens of a completion")
    parser.add_argument("--learning-rate", type=float, default=1e-5)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
