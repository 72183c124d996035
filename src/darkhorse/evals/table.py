"""The results as a table in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_BESIDE = ("QwQ-32B", "DeepSeek-R1", "o1-mini")


def print_results(results: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the results, and the published figures beside them.

    Args:
        results: as in `results.json`.
        console: where to print; standard output by default.
    """
    console = console or Console()
    console.print(results_table(results))
    if (beside := published_table(results)) is not None:
        console.print(beside)


def results_table(results: Mapping[str, Any]) -> Table:
    """One line a suite: score with its 95 % interval, samples, pass@k and majority@k, rates of samples cut off
    and without an answer, tokens.

    Args:
        results: as in `results.json`.
    """
    table = Table(title=escape(str(results["target"]["model"])), title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("suite", no_wrap=True)
    for name in ("score", "95 %", "n×k", "pass@k", "maj@k", "cut", "none", "tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    for suite in results["suites"].values():
        table.add_row(*_cells(suite))
    return table


def published_table(results: Mapping[str, Any]) -> Table | None:
    """The scores beside those that others published; None where nothing is."""
    suites = [suite for suite in results["suites"].values() if suite["published"]]
    if not suites:
        return None
    beside = [model for model in _BESIDE if any(_published(suite, model) is not None for suite in suites)]
    table = Table(title="beside published figures (sources in the report)", title_justify="left")
    table.add_column("suite", no_wrap=True)
    for name in (escape(str(results["target"]["model"])), *beside):
        table.add_column(name, justify="right")
    for suite in suites:
        figures = [_number(_published(suite, model)) for model in beside]
        table.add_row(suite["title"], _percent(suite["score"]), *figures)
    return table


def comparison_table(compared: Mapping[str, Any], name: str) -> Table:
    """One line a suite: the paired difference to another evaluation, its interval and p-value.

    Args:
        compared: by suite, as from `figures.compare`.
        name: of the other evaluation.
    """
    table = Table(title=f"difference to {escape(name)}, paired by problem", title_justify="left")
    for column in ("suite", "difference", "95 % interval", "p", "problems"):
        table.add_column(column, justify="left" if column == "suite" else "right")
    for suite, found in compared.items():
        if found is not None:
            interval = f"{100 * found['low']:+.1f} to {100 * found['high']:+.1f}"
            p_value, count = f"{found['p_value']:.3g}", str(found["problems"])
            table.add_row(suite, f"{100 * found['difference']:+.1f}", interval, p_value, count)
    return table


def _cells(suite: Mapping[str, Any]) -> list[str]:
    low, high = suite["low"], suite["high"]
    interval = "–" if low is None or high is None else f"{100 * low:.1f}–{100 * high:.1f}"
    counts = f"{suite['problems']}×{suite['samples']}"
    left = [f"{suite[name]} {word}" for name, word in (("abstained", "abst."), ("missing", "left")) if suite[name]]
    return [
        suite["title"],
        _percent(suite["score"]),
        interval,
        "\n".join([counts, *left]),
        _at_most(suite["pass"]),
        _at_most(suite["majority"]),
        _percent(suite["truncated"]),
        _percent(suite["no_answer"]),
        _number(suite["tokens"]["mean"], 0),
    ]


def _at_most(by_k: Mapping[str, float]) -> str:
    """The figure of the largest k, where it is more than 1."""
    k = max(by_k, key=int, default="1")
    return f"{100 * by_k[k]:.1f}@{k}" if int(k) > 1 else "–"


def _published(suite: Mapping[str, Any], model: str) -> float | None:
    return next((figure["value"] for figure in suite["published"] if figure["model"] == model), None)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
