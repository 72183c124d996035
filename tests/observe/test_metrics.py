from __future__ import annotations

import errno
import json
import math
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkhorse.errors import UserError
from darkhorse.observe import jsonl
from darkhorse.observe.metrics import MetricsWriter, RolloutWriter, deterministic, read_metrics


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "reason" / "metrics.jsonl"
    writer = MetricsWriter(path)
    writer.write(1, {"reward": 0.25, "time/rollout": 3})
    writer.write(2, {"reward": 0.5})
    assert read_metrics(path) == [{"step": 1, "reward": 0.25, "time/rollout": 3.0}, {"step": 2, "reward": 0.5}]


def test_figures_that_are_not_finite_are_strict_json_and_read_as_nan(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    MetricsWriter(path).write(1, {"kl": math.nan, "grad_norm": math.inf, "loss": 1.0})
    assert path.read_text() == '{"step": 1, "kl": null, "grad_norm": null, "loss": 1.0}\n'
    row = read_metrics(path)[0]
    assert math.isnan(row["kl"]) and math.isnan(row["grad_norm"]) and row["loss"] == 1.0


def test_a_missing_file_has_no_rows(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize("tail", [b'{"step": 3, "rew', b"\0\0\0", b"\xff{", b"7"])
def test_a_torn_last_line_is_not_read_and_dropped_on_reopening(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    whole = b'{"step": 1, "reward": 0.5}\n'
    path.write_bytes(whole + tail)
    assert [row["step"] for row in read_metrics(path)] == [1]
    MetricsWriter(path).write(2, {"reward": 1.0})
    assert path.read_bytes() == whole + b'{"step": 2, "reward": 1.0}\n'


def test_a_whole_last_line_that_only_lacks_its_newline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}')
    MetricsWriter(path).write(2, {})
    assert [row["step"] for row in read_metrics(path)] == [1, 2]


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": \n{"step": 3}\n')
    with pytest.raises(UserError, match=r"Line 2 of .*metrics\.jsonl"):
        read_metrics(path)


def test_truncation_keeps_steps_up_to_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    writer = RolloutWriter(path)
    for step in (1, 2, 3):
        writer.write(step, [{"answer": f"{step}{letter}"} for letter in "ab"])
    with path.open("ab") as file:
        file.write(b'{"answer": "torn')
    writer.truncate_after(2)
    assert [row["answer"] for row in jsonl.read(path)] == ["1a", "1b", "2a", "2b"]
    writer.write(3, [{"answer": "again"}])
    assert [row["step"] for row in jsonl.read(path)] == [1, 1, 2, 2, 3]
    assert [file.name for file in tmp_path.iterdir()] == ["rollouts.jsonl"]


def test_rows_of_an_evaluation_carry_no_step(tmp_path: Path) -> None:
    path = tmp_path / "evals" / "base.jsonl"
    RolloutWriter(path).write(None, [{"answer": "4"}])
    assert list(jsonl.read(path)) == [{"answer": "4"}]


def test_truths_that_json_lacks_and_lone_surrogates_do_not_stop_a_run(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    RolloutWriter(path).write(1, [{"answer": "\ud800", "truth": {"set": {1}, "nan": [math.nan]}}])
    row = next(jsonl.read(path))
    assert row["answer"] == "\ud800" and row["truth"] == {"set": "{1}", "nan": [None]}


def test_a_full_disk_is_named() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("SKIPPED: this system has no /dev/full")
    with pytest.raises(UserError, match=r"disk is full: '/dev/full'.*Free some space"):
        jsonl.append(full, [{"step": 1}])


def test_a_half_written_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    writer = MetricsWriter(path)
    writer.write(1, {"reward": 1.0})
    opened = Path.open

    class Filling:
        """A raw file on a disk with five bytes left."""

        def __init__(self, file: Any) -> None:
            self.file, self.left = file, 5

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, content: memoryview) -> int:
            if not self.left:
                raise OSError(errno.ENOSPC, "No space left on device")
            written: int = self.file.write(content[: self.left])
            self.left = 0
            return written

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, *args, **kwargs: Filling(opened(self, *args, **kwargs)))
        with pytest.raises(UserError, match=r"metrics\.jsonl"):
            writer.write(2, {"reward": 1.0})
    assert path.read_text() == '{"step": 1, "reward": 1.0}\n'


def test_only_time_and_perf_differ_between_two_runs() -> None:
    metrics = {"reward": 1.0, "time/rollout": 2.0, "perf/tokens_per_second": 3.0, "eval/time/avg@1": 4.0}
    assert deterministic(metrics) == {"reward": 1.0, "eval/time/avg@1": 4.0}


@settings(max_examples=60)
@given(
    values=st.lists(st.dictionaries(st.text(max_size=6), st.floats(allow_nan=False, allow_infinity=False), max_size=3)),
    cut=st.integers(0, 400),
    keep=st.integers(-1, 12),
)
def test_killed_anywhere_and_resumed_the_log_is_as_if_never_killed(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, float]], cut: int, keep: int
) -> None:
    path = tmp_path_factory.mktemp("run") / "metrics.jsonl"
    rows = [{name: value for name, value in row.items() if name != "step"} for row in values]
    for step, row in enumerate(rows):
        MetricsWriter(path).write(step, row)
    whole = path.read_bytes() if path.exists() else b""
    survived = whole[: max(0, len(whole) - cut)]
    path.write_bytes(survived)
    known = survived.count(b"\n") + (jsonl.decode(survived.rpartition(b"\n")[2]) is not None)
    assert [row["step"] for row in read_metrics(path)] == list(range(known))
    writer = MetricsWriter(path)
    writer.truncate_after(keep)
    for step in range(min(known, keep + 1), len(rows)):
        writer.write(step, rows[step])
    assert path.read_bytes() == whole
    assert [json.loads(line)["step"] for line in path.read_bytes().splitlines()] == list(range(len(rows)))
