"""One trainer of `grpo_step.py` in a process of its own: takes one step for every question.

    python benchmarks/_grpo_worker.py SYSTEM JOB.json

The job names the checkpoint (`folder`), one list of messages for each prompt (`prompts`), `prompts_per_step`,
`num_generations`, `max_completion_length`, how many steps will be asked for (`steps`), whether there is no GPU (`cpu`),
how many completions TRL takes at once in its update (`micro_batch`), and we how many tokens
(`micro_batch_tokens`). A reward is the flip of a
coin, so that no time goes into judging and nearly every group has a gradient. An answer gives the step's seconds and
completion tokens, and the largest resident memory of the process so far, in bytes.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any, TypeAlias

from _peers import Desk

Job: TypeAlias = dict[str, Any]
LEARNING_RATE = 1e-6


def report(seconds: float, tokens: int) -> dict[str, Any]:
    """The answer to a question."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "tokens": tokens, "peak_bytes": peak}


def darkhorse(job: Job, desk: Desk) -> None:
    """Our trainer, with the quickstart's engine; weights are trained in float32, moments are bfloat16 as TRL's."""
    import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
    from darkhorse.agent.collect import Workplace
    from darkhorse.config.model import ModelConfig
    from darkhorse.config.rollout import AgentConfig, SamplingConfig
    from darkhorse.config.stages import RLStage
    from darkhorse.policy.loading import load_policy
    from darkhorse.rollout.local import LocalEngine
    from darkhorse.tasks.mixture import EndlessSource, Mixture
    from darkhorse.tasks.task import Task
    from darkhorse.training.optimizer import MasterOptimizer
    from darkhorse.training.rl import RLTrainer
    from darkhorse.verify.registry import Context

    prompts = [tuple(messages) for messages in job["prompts"]]
    source = EndlessSource("prompts", lambda index: Task(str(index), prompts[index % len(prompts)], "math", "0"))
    settings = RLStage(
        prompts_per_step=job["prompts_per_step"],
        num_generations=job["num_generations"],
        sampling=SamplingConfig(max_completion_length=job["max_completion_length"]),
        learning_rate=LEARNING_RATE,
        dynamic_sampling=False,
        truncation="keep",
        reward="random",
        lanes=2,  # as the quickstart
        micro_batch_tokens=job["micro_batch_tokens"],
        moments_dtype="bfloat16",
    )
    policy = load_policy(ModelConfig(name=job["folder"]))
    place = Workplace(LocalEngine(policy, 256, lanes=2), policy.renderer, Context(), {}, AgentConfig())
    trainer = RLTrainer(policy, "grpo", settings, 0, Mixture([("prompts", 1.0, source)], 0), place)
    optimizer = MasterOptimizer(policy.model, settings)
    for step, _ in enumerate(desk.questions(), 1):
        started = time.perf_counter()
        groups, _ = trainer.step(step, optimizer)
        seconds = time.perf_counter() - started
        desk.answer(report(seconds, sum(t.num_sampled for group in groups for t in group.trajectories)))


def trl(job: Job, desk: Desk) -> None:
    """TRL's `GRPOTrainer`, all of it in bfloat16, which is faster than its mixed precision on a CPU."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    rng = random.Random(0)
    tokens: list[int] = []

    def coin(completion_ids: list[list[int]], **_: Any) -> list[float]:
        tokens.append(sum(len(ids) for ids in completion_ids))
        return [float(rng.random() < 0.5) for _ in completion_ids]

    class StepByStep(TrainerCallback):
        """Holds the trainer before every step until there is a question."""

        def __init__(self) -> None:
            self._questions = desk.questions()
            self._started = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            next(self._questions)
            self._started = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            desk.answer(report(time.perf_counter() - self._started, tokens[-1]))

    completions = job["prompts_per_step"] * job["num_generations"]
    settings = GRPOConfig(
        output_dir=str(Path(job["folder"]).parent / "trl"),
        model_init_kwargs={"dtype": "bfloat16"},
        use_cpu=job["cpu"],
        bf16=True,
        gradient_checkpointing=False,
        per_device_train_batch_size=job["micro_batch"],
        gradient_accumulation_steps=completions // job["micro_batch"],
        num_generations=job["num_generations"],
        max_completion_length=job["max_completion_length"],
        max_steps=job["steps"],
        learning_rate=LEARNING_RATE,
        shuffle_dataset=False,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        job["folder"],
        reward_funcs=coin,
        args=settings,
        train_dataset=Dataset.from_dict({"prompt": job["prompts"]}),
        callbacks=[StepByStep()],
    )
    trainer.train()


def main() -> None:
    """Command line."""
    name, path = sys.argv[1:]
    {"darkhorse": darkhorse, "trl": trl}[name](json.loads(Path(path).read_text()), Desk())


if __name__ == "__main__":
    main()
