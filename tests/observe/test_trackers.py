from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from darkhorse.errors import UserError
from darkhorse.observe.trackers import NullTracker, TensorBoardTracker, Tracker


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, round(event.value, 4)) for event in events.Scalars(name)]


def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    tracker: Tracker = TensorBoardTracker(tmp_path / "reason")
    tracker.log(1, {"reward": 0.25, "completions/mean_length": 120})
    tracker.log(2, {"reward": 0.5})
    tracker.close()
    assert scalars(tmp_path / "reason", "reward") == [(1, 0.25), (2, 0.5)]
    assert scalars(tmp_path / "reason", "completions/mean_length") == [(1, 120.0)]


def test_a_resumed_run_replaces_the_steps_after_its_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    first = TensorBoardTracker(tmp_path)
    for step in (1, 2, 3):
        first.log(step, {"reward": 0.0})
    first.close()
    # Event files are read in the order of their names, which begin with the second of their birth.
    born = next(tmp_path.iterdir())
    born.rename(tmp_path / "events.out.tfevents.0000000001.first")
    second = TensorBoardTracker(tmp_path, resumed_after=1)
    second.log(2, {"reward": 1.0})
    second.close()
    assert scalars(tmp_path, "reward") == [(1, 0.0), (2, 1.0)]


def test_without_tensorboard_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("tensorboard"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"darkhorse\[tensorboard\]"):
        TensorBoardTracker(tmp_path)


def test_trackers_do_not_import_torch() -> None:
    import subprocess

    code = (
        "import sys, tempfile, pathlib; from darkhorse.observe.trackers import TensorBoardTracker as T;"
        "T(pathlib.Path(tempfile.mkdtemp())).close(); assert 'torch' not in sys.modules"
    )
    pytest.importorskip("tensorboard")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_null_tracker_takes_anything() -> None:
    tracker: Tracker = NullTracker()
    tracker.log(1, {"reward": 1.0})
    tracker.close()
