from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from darkhorse.observe.progress import StageProgress, duration, print_summary


def test_without_a_terminal_every_update_is_one_plain_line() -> None:
    output = io.StringIO()
    with StageProgress("reason", 10, console=Console(file=output, width=40)) as progress:
        progress.update(1, {"reward": 0.25, "loss": 9.0, "perf/tokens_per_second": 1234.4})
        progress.update(2, {"loss": 0.5})
    first, second = output.getvalue().splitlines()
    assert re.fullmatch(r"reason 1/10 reward=0\.250 tokens/s=1,234 memory=\d+\.\dGiB eta=\d+s", first)
    assert re.fullmatch(r"reason 2/10 loss=0\.500 memory=\d+\.\dGiB eta=\d+s", second)


def test_a_terminal_gets_a_bar_that_treats_the_title_as_text() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120, _environ={"TERM": "xterm"})
    with StageProgress("[red]reason", 10, console=console) as progress:
        progress.update(4, {"reward": 0.25})
    assert "4/10" in output.getvalue() and "reward 0.250" in output.getvalue() and "[red]reason" in output.getvalue()


def test_the_time_left_counts_only_the_steps_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = StageProgress("reason", 100, start_step=80, console=Console(file=io.StringIO()))
    with progress:
        assert progress.eta(80) == "?"
        now = 150.0
        assert progress.eta(90) == "50s"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59.6, "1m00s"), (3599, "59m59s"), (7500, "2h05m")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_summary_has_a_row_per_suite_and_a_column_per_evaluated_stage() -> None:
    output = io.StringIO()
    result = {"n": 10, "greedy": None, "t1": 0.125, "t1_low": 0.1, "t1_high": 0.2}
    stages = {
        "base": {"gsm8k": result},
        "preference_model": {},
        "reason": {"gsm8k": {**result, "t1": 0.5}, "mbpp": result},
    }
    print_summary({"stages": stages}, Console(file=output, width=120))
    text = output.getvalue()
    assert "preference_model" not in text
    row = next(line for line in text.splitlines() if "gsm8k" in line)
    assert "12.5 (10.0 to 20.0)" in row and "50.0 (10.0 to 20.0)" in row
    assert re.search(r"mbpp\s+│\s+- │", text)


def test_a_summary_without_suites_prints_nothing() -> None:
    output = io.StringIO()
    print_summary({"stages": {"cold_start": {}}}, Console(file=output))
    assert output.getvalue() == ""
