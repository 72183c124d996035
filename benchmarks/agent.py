"""What tools, training and feedback are worth: a small model in worlds whose outcome decides.

A short cold start on worked episodes and reinforcement learning on outcomes train the embedded model in four worlds.
Held-out episodes of each are then played greedily by the untrained model with tools, by the trained one with tools, and
by the trained one without them (the same questions, no world). Where a user gives feedback, the first answer and the
last one are judged. Tools are timed alone, and episodes a second are those of the trained model's measurement.
Training can be stopped and started again; a measured condition is kept in the output folder.

    python benchmarks/agent.py --json benchmarks/results/agent.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from _writing import write_json
from darkhorse.agent.collect import collect_groups, sample_groups
from darkhorse.agent.episode import run_episodes
from darkhorse.agent.metrics import first_score
from darkhorse.agent.tools import Python, Tool, for_episode
from darkhorse.agent.tools.base import text_schema
from darkhorse.agent.tools.calculator import Calculator
from darkhorse.agent.tools.search import Document, Search, SearchIndex
from darkhorse.agent.tools.sql import Database, Sql
from darkhorse.agent.tools.workspace import Workspace, file_tools
from darkhorse.agent.workplace import open_workplace
from darkhorse.chat.renderer import Renderer
from darkhorse.chat.tool_calls import format_tool_call
from darkhorse.config.model import ModelConfig
from darkhorse.config.recipe import Recipe
from darkhorse.config.rollout import AgentConfig
from darkhorse.config.tasks import SyntheticSource
from darkhorse.evals.statistics import wilson_interval
from darkhorse.policy.loading import Policy, load_policy, load_tokenizer, resolve
from darkhorse.recipe import final_model, run_recipe
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.trajectory import Completion, Trajectory
from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.tasks.build import held_out
from darkhorse.tasks.task import Task

WORLDS = ("calculation", "database", "retrieval")
FEEDBACK = "feedback"
CONDITIONS = ("untrained", "trained", "without_tools")
MODEL = "smollm2-135m"
TURN_TOKENS = 96


def recipe(options: argparse.Namespace) -> Recipe:
    """The training."""
    sources = [{"type": "synthetic", "suite": suite, "max_level": 1} for suite in (*WORLDS, FEEDBACK)]
    shared = {"tasks": sources, "decay": "linear", "checkpoint_every": 5, "lanes": options.lanes}
    stages: dict[str, Any] = {
        "cold_start": {"type": "sft", "steps": options.cold_steps, "learning_rate": 2e-4, "batch_size": 16, **shared}
    }
    if options.rl_steps:
        stages["agent"] = {
            "type": "rl",
            "steps": options.rl_steps,
            "learning_rate": 4e-5,
            "prompts_per_step": 12,
            "num_generations": 6,
            "max_refills": 0,
            "freeze_embeddings": True,
            "truncation": "penalise",
            "sampling": {"max_completion_length": TURN_TOKENS},
            **shared,
        }
    return Recipe.model_validate(
        {
            "name": f"agent-{options.cold_steps}-{options.rl_steps}-{options.seed}",
            "output": str(options.output),
            "seed": options.seed,
            "model": {"name": MODEL},
            "engine": {"lanes": options.lanes},
            "agent": {"max_turns": 5},
            "stage": stages,
        }
    )


def questions(suite: str, count: int, tools: bool) -> list[Task]:
    """Held-out tasks of the easiest level; without tools, the same questions and no world to ask."""
    tasks = [item.task for item in held_out(SyntheticSource(suite=suite, max_level=1), count)]  # type: ignore[arg-type]
    return tasks if tools else [replace(task, tools=(), environment="", setup=None) for task in tasks]


def play(model: str, settings: Recipe, suites: tuple[str, ...], count: int, tools: bool) -> dict[str, Any]:
    """Play held-out episodes greedily; returns scores by suite, first scores where there is feedback, and seconds."""
    policy = load_policy(ModelConfig(name=model))
    tasks = [task for suite in suites for task in questions(suite, count, tools)]
    sampling = [SamplingParams(temperature=0.0, max_tokens=TURN_TOKENS)] * len(tasks)
    with open_workplace(settings, policy) as place:
        started = time.monotonic()
        groups = asyncio.run(collect_groups(sample_groups(place, tasks, 1, sampling, [0] * len(tasks))))
        seconds = time.monotonic() - started
    found: dict[str, Any] = {suite: [] for suite in suites}
    found |= {"first": [], "seconds": seconds, "episodes": len(tasks)}
    for group in groups:
        trajectory: Trajectory = group.trajectories[0]
        if trajectory.score is not None:  # an abstention is no score
            found[group.task.suite].append(trajectory.score)
            before = first_score(trajectory)
            if group.task.suite == FEEDBACK:
                found["first"].append(trajectory.score if before is None else before)
    return found


def kept(path: Path, make: Any) -> dict[str, Any]:
    """What the file holds, made first if there is none."""
    if not path.exists():
        path.write_text(json.dumps(make()))
    answer: dict[str, Any] = json.loads(path.read_text())
    return answer


def latencies() -> dict[str, float]:
    """Median milliseconds of a call of each tool."""

    async def timed(tool: Tool, arguments: dict[str, Any], count: int = 30) -> float:
        took = []
        for _ in range(count):
            started = time.perf_counter()
            await tool(arguments)
            took.append(time.perf_counter() - started)
        return round(1_000 * median(took), 2)

    documents = [Document(f"Title {number}", f"Passage {number} of the corpus. " * 20) for number in range(2_000)]
    database = Database("CREATE TABLE t (a INTEGER); " + "".join(f"INSERT INTO t VALUES ({n});" for n in range(1_000)))

    async def with_sandbox(sandbox: SandboxClient) -> dict[str, float]:
        files = for_episode(file_tools(Workspace(sandbox, files={"main.py": b"print(6 * 7)"})))
        used = for_episode({"python": Python(sandbox)})["python"]
        for number in range(3):
            await used({"code": f"x{number} = {number}"})
        return {
            "calculator": await timed(Calculator(), {"expression": "(3 + 4) * 12345"}),
            "search": await timed(Search(SearchIndex(documents)), {"query": "passage 1234"}),
            "sql": await timed(Sql(database), {"query": "SELECT SUM(a) FROM t WHERE a % 3 = 0"}),
            "python": await timed(Python(sandbox), {"code": "sum(range(100))"}),
            "python_fourth_cell": await timed(used, {"code": "x0 + x1 + x2"}, 1),
            "run_file": await timed(files["run_file"], {"name": "main.py"}),
        }

    with SandboxProcess(workers=1) as sandbox:
        return asyncio.run(with_sandbox(sandbox))


class SlowTool:
    """Answers after 50 ms, as a tool on another machine would."""

    name = "slow"
    schema = text_schema("slow", "Wait.", {})

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """Wait."""
        await asyncio.sleep(0.05)
        return "waited"


class Said:
    """An engine that costs nothing: every episode calls the tool twice and answers."""

    def __init__(self, renderer: Renderer) -> None:
        call = f"\n</think>\n\n{format_tool_call('slow', {})}"
        self._turns = [[*renderer.encode(text), renderer.end_of_turn] for text in (call, call, "\n</think>\n\n42")]

    async def generate(self, requests: Sequence[Request]) -> AsyncIterator[Completion]:
        """Each request is the next turn of its episode."""
        taken = 0
        while taken < len(requests):
            number, request = taken, requests[taken]
            taken += 1
            tokens = self._turns[self._turn(request)]
            for sample in range(request.num_samples):
                yield Completion(number, sample, tokens, [0.0] * len(tokens), "stop", 0)

    def _turn(self, request: Request) -> int:
        """By how often the first turn's tokens already stand in the prompt."""
        call, prompt = self._turns[0], list(request.prompt)
        return sum(prompt[at : at + len(call)] == call for at in range(len(prompt) - len(call) + 1))

    def sync_weights(self, policy: Policy) -> None:
        """Nothing to do."""


def overlap(episodes: int = 64) -> dict[str, float]:
    """Episodes a second of the loop alone, with a tool of 50 ms: decoding waits for it, or goes on with the others."""
    renderer = Renderer(load_tokenizer(resolve(MODEL)))
    tasks = [
        Task(str(n), ({"role": "user", "content": "?"},), "exact", "42", (SlowTool.schema,)) for n in range(episodes)
    ]
    found = {}
    for name, wait_s in (("waiting", None), ("overlapped", 0.0)):
        started = time.perf_counter()
        sampling, seeds = [SamplingParams()] * episodes, list(range(episodes))
        config = AgentConfig(tool_wait_s=wait_s)
        asyncio.run(run_episodes(Said(renderer), renderer, tasks, 1, sampling, seeds, {"slow": SlowTool()}, config))
        found[name] = round(episodes / (time.perf_counter() - started), 1)
    return found


def accuracy(scores: list[float]) -> dict[str, float]:
    """Share that is right, with its 95 % interval."""
    right = sum(score == 1.0 for score in scores)
    low, high = wilson_interval(right, len(scores))
    return {"value": right / max(len(scores), 1), "low": low, "high": high, "n": len(scores)}


def show(figures: dict[str, Any]) -> None:
    table = Table("world", *CONDITIONS, title="Held-out accuracy, greedy, with 95 % intervals")
    for world, row in figures["agent"].items():
        cells = [f"{row[name]['value']:.1%} [{row[name]['low']:.0%}, {row[name]['high']:.0%}]" for name in CONDITIONS]
        table.add_row(world, *cells)
    console = Console()
    console.print(table)
    gain = figures["feedback"]
    console.print(f"feedback: before {gain['before']['value']:.1%}, after {gain['after']['value']:.1%}")
    console.print(f"{figures['episodes_per_second']:.2f} episodes/s; milliseconds a call: {figures['tool_ms']}")
    console.print(f"the loop alone, with a tool of 50 ms, episodes/s: {figures['loop_episodes_per_second']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cold-steps", type=int, default=60)
    parser.add_argument("--rl-steps", type=int, default=12)
    parser.add_argument("--n", type=int, default=100, help="held-out episodes of each world")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "out" / "agent")
    parser.add_argument("--loop-only", action="store_true", help="time tools and the loop; train nothing")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    loop = {"tool_ms": latencies(), "loop_episodes_per_second": overlap()}
    if options.loop_only:
        Console().print(loop)
        write_json(options.json, loop)
        return
    settings = recipe(options)
    trained = str(final_model(run_recipe(settings)))
    everything = (*WORLDS, FEEDBACK)
    folder = options.output / settings.name
    found = {
        "untrained": kept(
            folder / f"untrained-{options.n}", lambda: play(MODEL, settings, everything, options.n, True)
        ),
        "trained": kept(folder / f"trained-{options.n}", lambda: play(trained, settings, everything, options.n, True)),
        "without_tools": kept(
            folder / f"without_tools-{options.n}", lambda: play(trained, settings, WORLDS, options.n, False)
        ),
    }
    before, after = accuracy(found["trained"]["first"]), accuracy(found["trained"][FEEDBACK])
    figures = {
        "agent": {world: {name: accuracy(found[name][world]) for name in CONDITIONS} for world in WORLDS},
        "feedback": {"before": before, "after": after},
        "feedback_gain": after["value"] - before["value"],
        "episodes_per_second": found["trained"]["episodes"] / found["trained"]["seconds"],
        **loop,
        "settings": {"model": MODEL, "cold_steps": options.cold_steps, "rl_steps": options.rl_steps},
        "seed": options.seed,
    }
    show(figures)
    write_json(options.json, figures)


if __name__ == "__main__":
    main()
