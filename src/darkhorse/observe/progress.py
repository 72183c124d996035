"""What a person at a terminal sees: a live bar while a stage runs, and the table of results at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import psutil
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

_GIB = 2**30


def duration(seconds: float) -> str:
    """Seconds as a person says them: `45s`, `3m20s`, `2h05m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def figures(metrics: Mapping[str, float]) -> dict[str, str]:
    """The few figures worth a glance: reward (or loss), tokens per second, resident memory of this process."""
    shown: dict[str, str] = {}
    for name in ("reward", "loss"):
        if name in metrics:
            shown[name] = f"{metrics[name]:.3f}"
            break
    if "perf/tokens_per_second" in metrics:
        shown["tokens/s"] = f"{metrics['perf/tokens_per_second']:,.0f}"
    shown["memory"] = f"{psutil.Process().memory_info().rss / _GIB:.1f}GiB"
    return shown


class StageProgress:
    """Shows a stage as it runs: a live bar on a terminal, one plain line per update anywhere else.

    Args:
        title: the stage's name.
        total_steps: the step at which the stage is done.
        start_step: steps already done before this process (resume), so that the time left is not flattered.
        console: where to show it; the standard error of the process by default.
    """

    def __init__(self, title: str, total_steps: int, start_step: int = 0, console: Console | None = None) -> None:
        self.title = title
        self.total_steps = total_steps
        self.start_step = start_step
        self.console = console or Console(stderr=True)
        self._started = time.monotonic()
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self._bar = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[figures]}", markup=False),
                console=self.console,
            )
            self._task = self._bar.add_task(
                escape(self.title), total=self.total_steps, completed=self.start_step, figures=""
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def eta(self, step: int) -> str:
        """Time left at the mean pace since the start; `?` before the first step is done."""
        done = step - self.start_step
        if done <= 0:
            return "?"
        return duration((time.monotonic() - self._started) / done * (self.total_steps - step))

    def update(self, step: int, metrics: Mapping[str, float]) -> None:
        """Show that `step` steps are done, with the figures of the last one."""
        shown = {**figures(metrics), "eta": self.eta(step)}
        if self._bar is not None:
            text = "  ".join(f"{name} {value}" for name, value in shown.items())
            self._bar.update(self._task, completed=step, figures=text)
        else:
            text = " ".join(f"{name}={value}" for name, value in shown.items())
            line = f"{self.title} {step}/{self.total_steps} {text}"
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_summary(summary: Mapping[str, Any], console: Console | None = None) -> None:
    """Print a run's summary: a row per suite, a column per evaluated stage, accuracy with its 95 % interval. Nothing
    where no suite was measured.

    Args:
        summary: the content of `summary.json`; accuracies are fractions in [0, 1].
        console: where to print; standard output by default.
    """
    stages = {name: suites for name, suites in summary.get("stages", {}).items() if suites}
    if not stages:
        return
    table = Table(title="Accuracy in % at temperature 1, with its 95 % interval")
    table.add_column("suite", style="bold")
    for name in stages:
        table.add_column(escape(name), justify="right")
    for suite in dict.fromkeys(suite for suites in stages.values() for suite in suites):
        table.add_row(escape(suite), *(_cell(suites.get(suite)) for suites in stages.values()))
    (console or Console()).print(table)


def _cell(result: Mapping[str, Any] | None) -> str:
    if not result or result.get("t1") is None:
        return "-"
    text = f"{100 * result['t1']:.1f}"
    if result.get("t1_low") is not None and result.get("t1_high") is not None:
        text += f" ({100 * result['t1_low']:.1f} to {100 * result['t1_high']:.1f})"
    return text
