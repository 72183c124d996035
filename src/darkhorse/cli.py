"""The command line: parse, call, print. Heavy packages are imported by the commands that need them."""

from __future__ import annotations

import contextlib
import errno
import json
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from darkhorse import __version__
from darkhorse.errors import UserError
from darkhorse.types import Isolation

if TYPE_CHECKING:
    from darkhorse.config.recipe import Recipe
    from darkhorse.sandbox.client import SandboxClient
    from darkhorse.verify.batch import BatchRow
    from darkhorse.verify.registry import Context
    from darkhorse.verify.verdict import Verdict

app = typer.Typer(
    name="darkhorse",
    help="Train a small language model to reason, by the recipe behind QwQ-32B.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Look at data.", no_args_is_help=True)
app.add_typer(data, name="data")

_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
_RecipePath = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A TOML recipe; settings follow, e.g. --stage.reason.steps 20.")
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 for a user's mistake, 130 when interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        app(args=[word for word in words if word != "--debug"], prog_name="darkhorse")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        return 130
    except UserError as error:
        return _fail(error, debug)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        place = f" at {error.filename}" if error.filename else ""
        return _fail(UserError(f"The disk is full{place}.", "Free some space, or set 'output' to another disk."), debug)
    return 0


def _fail(error: UserError, debug: bool) -> int:
    from rich.console import Console
    from rich.text import Text

    if debug:
        traceback.print_exc()
    message = Text.assemble(("error: ", "bold red"), f"{error.message} {error.remedy}".strip())
    Console(stderr=True).print(message, soft_wrap=True)
    return 2


def _version(wanted: bool) -> None:
    if wanted:
        print(f"darkhorse {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(context_settings=_SETTINGS)
def train(
    context: typer.Context,
    recipe: _RecipePath,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and what it costs.")] = False,
    only: Annotated[str | None, typer.Option(help="Run this stage alone, from what the earlier ones left.")] = None,
) -> None:
    """Run a recipe: every stage, every evaluation, the report."""
    loaded = _load(recipe, context.args)
    if only is not None:
        _require_stage(loaded, only)
    if dry_run:
        _show(loaded)
        return
    from darkhorse.recipe import run_recipe

    _finish(run_recipe(loaded, only=only))


@app.command(context_settings=_SETTINGS)
def sft(context: typer.Context, recipe: _RecipePath) -> None:
    """Run the supervised stages of a recipe."""
    _run_stages(_load(recipe, context.args), "sft")


@app.command("reward-model", context_settings=_SETTINGS)
def reward_model(context: typer.Context, recipe: _RecipePath) -> None:
    """Run the reward-model stages of a recipe."""
    _run_stages(_load(recipe, context.args), "reward_model")


@app.command(context_settings=_SETTINGS)
def rl(context: typer.Context, recipe: _RecipePath) -> None:
    """Run the reinforcement-learning stages of a recipe."""
    _run_stages(_load(recipe, context.args), "rl")


@app.command("eval")
def evaluate(
    model: Annotated[str, typer.Argument(metavar="RUN_OR_MODEL", help="A run folder, model folder or model name.")],
    suite: Annotated[list[str] | None, typer.Option(help="Suite to measure; repeat for more. All by default.")] = None,
    n: Annotated[int, typer.Option(min=1, help="Held-out prompts per suite.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampling.")] = 0,
) -> None:
    """Measure a model on held-out prompts."""
    from darkhorse.tasks.synthetic import SUITES, generators

    suites = suite or list(SUITES)
    for name in suites:
        generators(name)
    from rich import print_json

    from darkhorse.evals.runner import evaluate_model

    print_json(data=evaluate_model(_model(model), suites, n, temperature, seed))


@app.command()
def chat(
    model: Annotated[str, typer.Argument(metavar="MODEL_OR_RUN", help="A run folder, model folder or model name.")],
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.6,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of one answer.")] = 512,
) -> None:
    """Talk to a model in the terminal."""
    from darkhorse.serving import chat as serving

    serving.chat(_model(model), temperature=temperature, max_tokens=max_tokens)


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Address; anything but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    workers: Annotated[int, typer.Option(min=0, help="Programs executed at once; 0 for one a core.")] = 0,
    isolation: Annotated[
        Isolation, typer.Option(help="Level to keep; auto is the strongest this machine allows, but not minimal.")
    ] = "auto",
    max_waiting: Annotated[int, typer.Option(min=1, help="Runs that may wait before more are refused.")] = 10_000,
    package: Annotated[
        list[str] | None, typer.Option(help="Installed package that Python programs may import; repeat for more.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="DARKHORSE_SANDBOX_TOKEN", help="What clients must send as a bearer token.")
    ] = None,
) -> None:
    """Serve code execution until interrupted."""
    from darkhorse.sandbox.server import serve
    from darkhorse.sandbox.service import ServiceOptions, default_workers

    options = ServiceOptions(workers or default_workers(), isolation, max_waiting, tuple(package or ()))
    serve(host, port, options, token)


@app.command("reward-server")
def reward_server(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A reward-model stage, model folder or hub id.")],
    host: Annotated[str, typer.Option(help="Address; anything but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8090,
    token: Annotated[
        str | None, typer.Option(envvar="DARKHORSE_REWARD_TOKEN", help="What clients must send as a bearer token.")
    ] = None,
) -> None:
    """Serve a reward model until interrupted."""
    from darkhorse.rewards.service import serve

    serve(model, host, port, token)


@app.command()
def verify(
    verifier: Annotated[str, typer.Option(help="Name of the verifier, e.g. math.")],
    truth: Annotated[str | None, typer.Option(help="What the verifier needs, as JSON or plain text.")] = None,
    response: Annotated[str | None, typer.Option(help="The model's response; - reads standard input.")] = None,
    prompt: Annotated[str, typer.Option(help="The user's prompt, for verifiers that read it.")] = "",
    batch: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rows of response and truth; writes score, reason, seconds.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where --batch writes; else it prints.")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="Rows of --batch judged at once.")] = 4,
    reward: Annotated[bool, typer.Option(help="Judge as strictly as in training.")] = False,
) -> None:
    """Explain the verdict on one response, or judge a file of them."""
    import asyncio

    import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
    from darkhorse.verify import registry
    from darkhorse.verify.batch import BatchRow, judge_one, read_batch

    registry.get(verifier)
    if batch is not None and (truth is not None or response is not None):
        raise UserError("--batch was given with --truth or --response.", "Its rows hold both: give one or the other.")
    if batch is None and (truth is None or response is None):
        raise UserError("There is nothing to judge.", "Give --truth and --response, or --batch FILE.")
    rows = read_batch(batch) if batch is not None else []
    with _sandbox(verifier) as client:
        context = registry.Context(client)
        if batch is not None:
            asyncio.run(_judge_rows(verifier, rows, context, at_once, output))
            return
        text = sys.stdin.read() if response == "-" else response
        row = BatchRow(response=text or "", truth=_json_or_text(truth or ""), prompt=prompt)
        verdict = asyncio.run(judge_one(verifier, row, context))
    _explain(verdict)


async def _judge_rows(verifier: str, rows: list[BatchRow], context: Context, at_once: int, output: Path | None) -> None:
    from darkhorse.verify.batch import judge_all

    with contextlib.ExitStack() as stack:
        file = sys.stdout if output is None else stack.enter_context(output.open("w", encoding="utf-8"))
        async for found in judge_all(verifier, rows, context, at_once):
            print(json.dumps(found), file=file, flush=output is None)


def _explain(verdict: Verdict) -> None:
    from darkhorse.verify.verdict import Scored

    detail = dict(verdict.detail)
    for number, step in enumerate(detail.pop("steps", ()), start=1):
        print(f"{number}. {step}")
    outcome = f"score {verdict.score:g}" if isinstance(verdict, Scored) else "abstained"
    print(f"{outcome} ({verdict.kind}): {verdict.reason}")
    if detail:
        print(json.dumps(detail, indent=2, default=str, ensure_ascii=False))


@data.command("preview")
def preview(
    suite: Annotated[str, typer.Argument(help="A synthetic suite, e.g. mathematics.")],
    n: Annotated[int, typer.Option(min=1, help="Number of tasks.")] = 3,
    level: Annotated[int | None, typer.Option(min=1, help="Difficulty; all levels by default.")] = None,
    split: Annotated[Literal["train", "held_out"], typer.Option(help="Side of the split.")] = "train",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sequence.")] = 0,
) -> None:
    """Show tasks with their truths and worked demonstrations."""
    from darkhorse.tasks.synthetic import generators
    from darkhorse.tasks.synthetic.base import draw

    levels = (1, 99) if level is None else (level, level)
    for index in range(n):
        demonstration = draw(generators(suite), seed, split, index, levels)
        task = demonstration.task
        print(f"── {task.id}  level {task.metadata['level']}  verifier {task.verifier}\n")
        for message in (*task.prompt, *demonstration.completion):
            print(f"[{message['role']}]\n{message.get('content') or message.get('tool_calls')}\n")
        print(f"[truth]\n{task.truth}\n")


@app.command()
def report(run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run folder.")]) -> None:
    """Write report.html for a run."""
    if not run.is_dir():
        raise UserError(f"There is no run at {run}.", "Give the folder that 'darkhorse train' printed.")
    from darkhorse.observe.report import write_report

    print(write_report(run))


@app.command()
def doctor() -> None:
    """Say what this machine has that Darkhorse can use."""
    from darkhorse.doctor import examine

    for name, value in examine().items():
        print(f"{name:<16} {value}")


@app.command(hidden=True)
def docs(
    check: Annotated[bool, typer.Option("--check", help="Only say whether the page is current.")] = False,
) -> None:
    """Write docs/configuration.md from the settings models."""
    from darkhorse.config.documentation import main as write

    raise typer.Exit(write(["--check"] if check else []))


def _json_or_text(text: str) -> Any:
    """A number stays text: 0.50 says more than 0.5."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, int | float) else value


@contextlib.contextmanager
def _sandbox(verifier: str) -> Iterator[SandboxClient | None]:
    """A code-execution server for as long as the verifier that needs one is at work."""
    if verifier != "code":
        yield None
        return
    from darkhorse.sandbox.client import SandboxProcess, SandboxUnavailable

    try:
        with SandboxProcess(workers=1) as client:
            yield client
    except SandboxUnavailable as error:
        raise UserError(f"The verifier 'code' needs a sandbox. {error}", "Try 'darkhorse sandbox'.") from error


def _model(name: str) -> str:
    """What a model argument stands for: a run's folder means the last policy it trained."""
    if not (Path(name) / "recipe.toml").is_file():
        return name
    from darkhorse.recipe import final_model

    return str(final_model(Path(name)))


def _load(path: str, overrides: list[str]) -> Recipe:
    from darkhorse.config.loading import load_recipe

    if path.startswith("--"):
        raise UserError(f"Expected a recipe, found '{path}'.", "Put the recipe first and its settings after it.")
    return load_recipe(path, overrides)


def _require_stage(recipe: Recipe, name: str) -> None:
    from darkhorse.errors import did_you_mean

    if name not in recipe.stage:
        raise UserError(f"The recipe has no stage '{name}'.", did_you_mean(name, recipe.stage))


def _run_stages(recipe: Recipe, kind: str) -> None:
    names = [name for name, stage in recipe.stage.items() if stage.type == kind]
    if not names:
        raise UserError(f"The recipe has no stage of type '{kind}'.", "Add one, or run 'darkhorse train'.")
    from darkhorse.recipe import run_recipe

    for name in names:
        folder = run_recipe(recipe, only=name)
    _finish(folder)


def _finish(folder: Path) -> None:
    print(f"Run folder: {folder}")
    page = folder / "report.html"
    if page.is_file():
        print(f"Report: {page}")


def _show(recipe: Recipe) -> None:
    from rich.console import Console

    from darkhorse.config.estimate import estimate
    from darkhorse.config.estimate_tables import tables
    from darkhorse.config.loading import dump_recipe

    print(dump_recipe(recipe))
    Console().print(*tables(estimate(recipe), recipe))
