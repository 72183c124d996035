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
logs = typer.Typer(help="Evaluations as other harnesses write them.", no_args_is_help=True)
app.add_typer(logs, name="logs")

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
    model: Annotated[
        str,
        typer.Argument(metavar="RUN_OR_MODEL", help="A run or model folder or a model's name; its name on a server."),
    ],
    suite: Annotated[list[str] | None, typer.Option(help="Suite to measure; repeat for more.")] = None,
    suites: Annotated[str, typer.Option(help="Suites, separated by commas. The synthetic ones by default.")] = "",
    data: Annotated[
        Path | None, typer.Option(envvar="DARKHORSE_DATA", help="Folder of the data sets; the hub by default.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "--n", min=1, help="Most problems of each suite.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Samples of each problem.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, help="0 is greedy.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Nucleus.")] = None,
    top_k: Annotated[int | None, typer.Option(min=0, help="Keep the k likeliest tokens; 0 keeps all.")] = None,
    min_p: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Drop less likely tokens.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens of one answer.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampling.")] = 0,
    dtype: Annotated[str | None, typer.Option(help="Numbers of a local model, e.g. float32.")] = None,
    base_url: Annotated[str | None, typer.Option(help="An OpenAI-compatible server, e.g. http://host:8000/v1.")] = None,
    api_key: Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="Its key.", show_envvar=True)] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests to the server at once.")] = 16,
    retries: Annotated[int, typer.Option(min=0, help="Of a request that fails in passing.")] = 6,
    requests_per_minute: Annotated[float | None, typer.Option(min=0.01, help="Most requests begun a minute.")] = None,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds of one request.")] = 3600.0,
    baseline: Annotated[Path | None, typer.Option(help="Folder of another evaluation to compare with.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the results; what it holds is not run again.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Measure a model on published benchmarks or on held-out prompts."""
    from darkhorse.evals.suites import find_suites
    from darkhorse.tasks.synthetic import SUITES

    names = [name.strip() for name in [*(suite or []), *suites.split(",")] if name.strip()] or list(SUITES)
    find_suites(names)  # before the packages that take long to import
    from darkhorse.evals import command
    from darkhorse.evals.endpoint import EndpointOptions

    changes = {"samples": samples, "temperature": temperature, "top_p": top_p, "top_k": top_k, "min_p": min_p}
    folder = output or _evaluation_folder(model, base_url)
    name = Path(model).resolve().name if Path(model).is_dir() else model
    options = command.EvaluationOptions(
        names, data, limit, seed, folder, {**changes, "max_tokens": max_tokens}, dtype, name
    )
    if base_url is None:
        results = command.evaluate_checkpoint(_model(model), options)
    else:
        server = EndpointOptions(base_url, api_key, concurrency, retries, requests_per_minute, timeout)
        results = command.evaluate_endpoint(model, server, options)
    _show_results(results, folder, baseline, as_json)


@app.command()
def chat(
    model: Annotated[str, typer.Argument(metavar="MODEL_OR_RUN", help="A run folder, model folder or model name.")],
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.6,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of one answer; as many as fit by default.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=2, help="Most tokens of the conversation; YaRN beyond the model's window.")
    ] = None,
    tools: Annotated[str, typer.Option(help="Tools it may call, with commas between, e.g. python,search.")] = "",
    system: Annotated[str, typer.Option(help="System message.")] = "",
    corpus: Annotated[Path | None, typer.Option(help="What 'search' looks in; else the current folder.")] = None,
    database: Annotated[Path | None, typer.Option(help="SQLite file that 'sql' reads.")] = None,
) -> None:
    """Talk to a model in the terminal."""
    from darkhorse.serving import chat as serving

    options = serving.ChatOptions(temperature, max_tokens, context, tools, system, corpus, database)
    serving.chat(_model(model), options)


@app.command()
def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL_OR_RUN", help="A run folder, model folder or model name.")],
    host: Annotated[str, typer.Option(help="Address; anything but loopback needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    name: Annotated[str | None, typer.Option(help="Name of the model in requests; the argument by default.")] = None,
    engine: Annotated[Literal["local", "vllm"], typer.Option(help="What samples; vllm needs its package.")] = "local",
    context: Annotated[
        int | None, typer.Option(min=2, help="Most tokens of prompt and reply; YaRN beyond the model's window.")
    ] = None,
    max_sequences: Annotated[int, typer.Option(min=1, help="Samples decoded at once.")] = 96,
    max_waiting: Annotated[int, typer.Option(min=0, help="Samples that may wait before more are refused.")] = 256,
    cache_gib: Annotated[float | None, typer.Option(help="Memory for keys and values; a third by default.")] = None,
    dtype: Annotated[Literal["bfloat16", "float32"], typer.Option(help="Numbers the model computes in.")] = "bfloat16",
    drain: Annotated[int, typer.Option(min=0, help="Seconds to go on with what is under way at the end.")] = 30,
    api_key: Annotated[
        str | None, typer.Option(envvar="DARKHORSE_API_KEY", help="What clients must send as a bearer token.")
    ] = None,
) -> None:
    """Serve a model behind OpenAI's API until interrupted."""
    from darkhorse.serving import server

    options = server.ServeOptions(
        host, port, name, engine, context, max_sequences, max_waiting, cache_gib, dtype, api_key or None, drain
    )
    server.serve(_model(model), options)


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
        context = registry.Context(client, rewards=reward)
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


@data.command("decontaminate")
def decontaminate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Training data: .jsonl, .json or .parquet.")],
    suites: Annotated[str, typer.Option(help="Suites, separated by commas; all by default.")] = "",
    data: Annotated[
        Path | None, typer.Option(envvar="DARKHORSE_DATA", help="Folder of the suites' data; the hub by default.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Where to write the rows that hold no item.")] = None,
    show: Annotated[int, typer.Option(min=0, help="Hits to print.")] = 20,
) -> None:
    """Compare training data with evaluation suites; exit status 1 if they hold some of their items."""
    from darkhorse.evals.contamination import find_hits, index_of
    from darkhorse.evals.suites import PUBLISHED
    from darkhorse.observe.jsonl import encode
    from darkhorse.tasks.sources import load_rows

    names = [name.strip() for name in suites.split(",") if name.strip()]
    rows = load_rows(file)
    index, held = index_of(names, data, skip_absent=not names)
    if not held:
        raise UserError(
            "There are no data of any suite to compare with.",
            "Give the folder that holds them with --data or DARKHORSE_DATA, or install darkhorse[hub].",
        )
    found, total, dirty = [], 0, 0
    with contextlib.ExitStack() as stack:
        kept = None if output is None else stack.enter_context(output.open("wb"))
        for row, hits in find_hits(index, rows):
            total, dirty = total + 1, dirty + bool(hits)
            found += hits
            if kept is not None and not hits:
                kept.write(encode(row))
    for hit in found[:show]:
        print(f"row {hit.row}: {hit.item} ({hit.rule}, {hit.share:.0%}): {hit.text[:100]}")
    print(f"{dirty} of {total} rows hold {len({hit.item for hit in found})} items of {', '.join(held)}.")
    if absent := [] if names else [name for name in PUBLISHED if name not in held]:
        print(f"Not compared, for want of their data: {', '.join(absent)}.")
    raise typer.Exit(1 if found else 0)


@logs.command("export")
def export_logs(
    folder: Annotated[Path, typer.Argument(metavar="EVALUATION", help="Folder that 'darkhorse eval' wrote to.")],
    output: Annotated[Path, typer.Option(help="Folder to write to.")],
    form: Annotated[Literal["inspect", "lm_eval"], typer.Option("--format", help="Whose logs.")] = "inspect",
) -> None:
    """Write an evaluation as Inspect's or lm-evaluation-harness's logs."""
    from darkhorse.evals.logs import export_logs as export

    for path in export(folder, output, form):
        print(path)


@logs.command("import")
def import_logs(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Inspect's JSON logs, or lm-eval's samples_*.jsonl.")
    ],
    output: Annotated[Path, typer.Option(help="Folder to write to; --baseline takes it.")],
) -> None:
    """Read logs of Inspect or lm-evaluation-harness into an evaluation's folder."""
    from darkhorse.evals.logs import import_logs as read

    for suite, count in read(files, output).items():
        print(f"{suite}: {count} samples")


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


def _evaluation_folder(model: str, base_url: str | None) -> Path:
    """Where the results of a model go: into its run's folder, or a folder of its own below `evals`."""
    from darkhorse.evals.command import folder_name

    if base_url is None and (Path(model) / "recipe.toml").is_file():
        return Path(model) / "benchmarks"
    return Path("evals") / folder_name(model)


def _show_results(results: dict[str, Any], folder: Path, baseline: Path | None, as_json: bool) -> None:
    from rich import print_json
    from rich.console import Console

    from darkhorse.evals.comparison import compare_folders
    from darkhorse.evals.table import comparison_table, print_results

    compared = None if baseline is None else compare_folders(baseline, folder, list(results["suites"]))
    if as_json:
        print_json(data=results if compared is None else {**results, "compared": compared})
        return
    console = Console()
    print_results(results, console)
    if compared is not None:
        console.print(comparison_table(compared, str(baseline)))
    print(f"Results: {folder / 'results.json'}")
    print(f"Report: {folder / 'report.html'}")


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
    from darkhorse.evals.suites import check_benchmarks

    check_benchmarks(recipe.evaluation)
    print(dump_recipe(recipe))
    Console().print(*tables(estimate(recipe), recipe))
