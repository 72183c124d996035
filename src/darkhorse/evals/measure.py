"""Measuring a model on suites: every sample once, whatever kills the process in between."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from darkhorse import __version__
from darkhorse.agent.episode import derive_seed
from darkhorse.errors import UserError
from darkhorse.evals.data import SuiteData, load
from darkhorse.evals.figures import suite_figures
from darkhorse.evals.published import published
from darkhorse.evals.sample_log import Row, SampleLog
from darkhorse.evals.suites.bfcl_dialogue import converse, judge_states
from darkhorse.evals.suites.suite import Protocol, Suite, category, take
from darkhorse.evals.targets import Episode, Target, Unanswered, published_response
from darkhorse.evals.votes import VOTING, vote
from darkhorse.observe.jsonl import finite
from darkhorse.observe.progress import StageProgress
from darkhorse.policy.saving import write_file
from darkhorse.rollout.engine import SamplingParams
from darkhorse.tasks.task import Task
from darkhorse.verify import registry
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored, Verdict

SETTINGS = "evaluation.json"
RESULTS = "results.json"
_SHOWN = 50  # times that progress is shown
_GIVE_UP_AFTER = 20
"""Samples in a row that a server does not answer, retries included, before the run ends."""


@dataclass(frozen=True)
class Plan:
    """One suite of a run.

    Attributes:
        suite: which.
        protocol: how it is sampled here.
        data: its rows.
        tasks: its problems, or the first of them.
    """

    suite: Suite
    protocol: Protocol
    data: SuiteData
    tasks: list[Task]


def plan(suite: Suite, folder: Path | None, limit: int | None, changes: Mapping[str, Any]) -> Plan:
    """Read a suite's data and settle its protocol.

    Args:
        suite: which.
        folder: of local data; None for the hub.
        limit: most problems.
        changes: settings that go before those of the suite's protocol.

    Raises:
        UserError: if its data cannot be had.
    """
    data = load(suite, folder if suite.files else None)
    found = suite.tasks(data.parts)
    if not found:
        raise UserError(f"The data of '{suite.name}' hold no problem.", f"Check {data.origin}.")
    (name, times), *_ = Counter(task.id for task in found).most_common(1)
    if times > 1:  # samples are told apart by their problem's name
        raise UserError(f"The data of '{suite.name}' hold {times} problems called '{name}'.", f"Check {data.origin}.")
    tasks = take(found, limit)
    usual = asdict(suite.protocol)
    given = {name: value for name, value in changes.items() if value is not None and value != usual[name]}
    source = suite.protocol.source + (f"; changed: {', '.join(sorted(given))}" if given else "")
    return Plan(suite, replace(suite.protocol, **given, source=source), data, tasks)


async def measure(plans: Sequence[Plan], target: Target, context: Context, folder: Path, seed: int) -> dict[str, Any]:
    """Run what is missing of some suites and write `results.json`.

    Args:
        plans: the suites.
        target: the model.
        context: what verifiers need.
        folder: of the results; what it holds already is not run again.
        seed: of the sampling; with the sample's number it decides every draw.

    Returns:
        What `results.json` holds.

    Raises:
        UserError: if the folder holds results of another model, seed, protocol or data, or a server stops answering.
    """
    settings = _claim(folder, plans, target, seed)
    return await _Run(target, context, folder, seed, settings).go(plans)


def results_of(plans: Sequence[Plan], folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The results of the samples that a folder holds; suites measured before and not asked for now keep theirs."""
    path = folder / RESULTS
    suites: dict[str, Any] = json.loads(path.read_text())["suites"] if path.exists() else {}
    for item in plans:
        log = SampleLog(folder / "samples" / f"{item.suite.name}.jsonl")
        rows = log.of(item.tasks, item.protocol.samples)
        suites[item.suite.name] = {
            "title": item.suite.title,
            **suite_figures(item.suite, rows, len(item.tasks), item.protocol.samples),
            "protocol": asdict(item.protocol),
            "data": item.data.facts(),
            "published": [asdict(figure) for figure in published(item.suite.name)],
            "note": item.suite.note,
        }
    return {"darkhorse": __version__, "target": settings["target"], "seed": settings["seed"], "suites": suites}


def _claim(folder: Path, plans: Sequence[Plan], target: Target, seed: int) -> dict[str, Any]:
    """Write down what is measured and how, or check that the folder holds the same."""
    path = folder / SETTINGS
    wanted: dict[str, Any] = {
        "target": dict(target.facts()),
        "seed": seed,
        "suites": {plan.suite.name: _fixed(plan) for plan in plans},
    }
    held: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"suites": {}}
    if "seed" in held and held["seed"] != seed:
        raise _other(folder, f"another seed, {held['seed']}")
    if "target" in held and held["target"] != wanted["target"]:
        differs = [name for name, value in wanted["target"].items() if held["target"].get(name) != value]
        raise _other(folder, f"another model (other {', '.join(differs)})")
    for name, fixed in wanted["suites"].items():
        if name in held["suites"] and held["suites"][name] != fixed:
            raise _other(folder, f"'{name}' with another protocol or other data")
    merged = {**wanted, "suites": {**held["suites"], **wanted["suites"]}}
    if merged != held:
        write_file(path, json.dumps(merged, indent=1))
    return merged


def _fixed(item: Plan) -> dict[str, Any]:
    """What may not change between two runs into one folder; more samples and more problems may be asked for."""
    protocol = asdict(item.protocol)
    return {"protocol": {key: protocol[key] for key in protocol if key not in ("samples", "source")},
            "data": item.data.sha256}  # fmt: skip


def _other(folder: Path, what: str) -> UserError:
    return UserError(f"'{folder}' holds results of {what}.", "Give another --output, or remove that folder.")


@dataclass
class _Run:
    target: Target
    context: Context
    folder: Path
    seed: int
    settings: dict[str, Any]
    unanswered: int = 0

    async def go(self, plans: Sequence[Plan]) -> dict[str, Any]:
        problems: list[str] = []
        for item in plans:
            problems += await self._suite(item)
        results = results_of(plans, self.folder, self.settings)
        write_file(self.folder / RESULTS, json.dumps(finite(results), indent=1))
        if problems:
            raise UserError(
                f"{len(problems)} sample(s) could not be had: {problems[-1]}.",
                "What was measured is kept: run the same command again for the rest.",
            )
        return results

    async def _suite(self, item: Plan) -> list[str]:
        """Run the missing samples of a suite; returns why some could not be had."""
        log = SampleLog(self.folder / "samples" / f"{item.suite.name}.jsonl")
        todo = log.missing(item.tasks, item.protocol.samples)
        if not todo:
            return []
        problems: list[str] = []
        whole = len(item.tasks) * item.protocol.samples
        with StageProgress(item.suite.title, whole, whole - len(todo)) as progress:

            async def one(task: Task, number: int) -> None:
                try:
                    log.add(await self._sample(item, task, number))
                    self.unanswered = 0
                except Unanswered as error:
                    problems.append(str(error))
                    self.unanswered += 1
                    if self.unanswered >= _GIVE_UP_AFTER:
                        raise UserError(
                            f"The server stopped answering: {error}.",
                            "What was measured is kept: run the same command again when it is back.",
                        ) from error
                    return
                done = whole - len(todo) + len(log.rows) - before
                if done % every == 0 or done == whole:
                    progress.update(done, {})

            before, every = len(log.rows), max(1, whole // _SHOWN)
            await _all([partial(one, *pair) for pair in todo], self.target.at_once)
        return problems

    async def _sample(self, item: Plan, task: Task, number: int) -> Row:
        seed = sample_seed(self.seed, item, task, number)
        sampling = _sampling(item.protocol, seed)
        states = task.metadata.get("dialogue") == "bfcl"
        context = replace(self.context, rewards=item.protocol.gate)
        episode = await (converse(task, self.target, sampling) if states else self.target.run(task, sampling))
        response = episode.response if item.protocol.gate else published_response(episode.response)
        if episode.failure is not None:
            verdict: Verdict = Abstained(episode.failure)
        elif states:
            verdict = await judge_states(task, episode)
        elif item.protocol.gate:
            verdict = await registry.judge(task, response, context)
        else:
            # without training's gate of format, as published protocols have it
            verdict = await registry.run(registry.get(task.verifier), task, response, context)
        return _row(self.target.name, item, task, number, episode, response.answer, verdict)


def sample_seed(seed: int, item: Plan, task: Task, number: int) -> int:
    """The seed of one sample; the first one of a synthetic prompt has the seed a recipe gives it."""
    if item.protocol.gate:
        return derive_seed(seed, "evaluation", task.id, *([number] if number else []))
    return derive_seed(seed, item.suite.name, task.id, number)


def _sampling(protocol: Protocol, seed: int) -> SamplingParams:
    greedy = protocol.temperature == 0
    return SamplingParams(
        temperature=protocol.temperature,
        top_p=1.0 if greedy else protocol.top_p,
        top_k=0 if greedy else protocol.top_k,
        min_p=0.0 if greedy else protocol.min_p,
        presence_penalty=protocol.presence_penalty,
        max_tokens=protocol.max_tokens,
        seed=seed,
    )


async def _all(jobs: Sequence[Callable[[], Awaitable[None]]], at_once: int) -> None:
    """Run jobs, so many at once and in order; the first that fails ends all."""
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            await job()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(jobs))):
                group.create_task(work())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _row(
    model: str, item: Plan, task: Task, number: int, episode: Episode, answer: str, verdict: Verdict
) -> dict[str, Any]:
    """One line of the samples, in the shape that reports read."""
    response = episode.response
    voted = vote(task, answer)
    return {
        "stage": model,
        "mode": "benchmark",
        "suite": item.suite.name,
        "category": category(task),
        "task_id": task.id,
        "sample": number,
        "source": task.source,
        "verifier": task.verifier,
        "prompt": list(task.prompt),
        "tools": [schema["function"]["name"] for schema in task.tools],
        "turns": list(response.turns),
        "truth": task.truth,
        "verdict": "scored" if isinstance(verdict, Scored) else "abstained",
        "score": verdict.score if isinstance(verdict, Scored) else None,
        "kind": verdict.kind,
        "reason": verdict.reason,
        "vote": voted,
        "no_answer": not answer.strip() or (task.verifier in VOTING and voted is None),
        "closed": response.closed,
        "tokens": episode.tokens,
        "prompt_tokens": episode.prompt_tokens,
        "finish_reason": episode.finish_reason,
    }
