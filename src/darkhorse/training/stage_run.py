"""What all trainers share: the stage's folder, its logs, its checkpoints and its clock."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from transformers import PreTrainedModel

from darkhorse.observe.metrics import MetricsWriter, RolloutWriter
from darkhorse.observe.progress import StageProgress
from darkhorse.observe.trackers import TensorBoardTracker
from darkhorse.training.checkpoint import Checkpoints
from darkhorse.training.optimizer import MasterOptimizer


class _StageSettings(Protocol):
    steps: int
    checkpoint_every: int


class StageRun:
    """The running of one stage, resumed from its newest checkpoint when there is one.

    Args:
        run_dir: the run's folder.
        name: of the stage.
        settings: its number of steps and how often it checkpoints.
        model, tokenizer: written into checkpoints.
        optimizer: its state is restored here on resume.
    """

    def __init__(
        self,
        run_dir: Path,
        name: str,
        settings: _StageSettings,
        model: PreTrainedModel,
        tokenizer: Any,
        optimizer: MasterOptimizer,
    ) -> None:
        self.name, self.settings = name, settings
        self.model, self.tokenizer, self.optimizer = model, tokenizer, optimizer
        folder = self.folder = run_dir / name
        self.checkpoints = Checkpoints(folder / "checkpoints")
        resumed = self.checkpoints.resume()
        self.first_step = 1
        self.state: dict[str, Any] = {}
        if resumed is not None:
            self.first_step = resumed.step + 1
            self.state = resumed.state
            optimizer.load_state_dict(resumed.tensors)
        self._elapsed = float(self.state.pop("elapsed", 0.0))
        self._started = time.monotonic()
        self._metrics = MetricsWriter(folder / "metrics.jsonl")
        self._rollouts = RolloutWriter(folder / "rollouts.jsonl")
        self._metrics.truncate_after(self.first_step - 1)
        self._rollouts.truncate_after(self.first_step - 1)
        self._tracker = TensorBoardTracker(run_dir / "tensorboard" / name, self.first_step - 1 if resumed else None)
        self._progress = StageProgress(name, settings.steps, self.first_step - 1)

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.__exit__(kind, error, trace)
        self._tracker.close()
        self.optimizer.close()

    @property
    def steps(self) -> range:
        """The steps still to do."""
        return range(self.first_step, self.settings.steps + 1)

    @property
    def elapsed(self) -> float:
        """Seconds spent on this stage, those before a resume included."""
        return self._elapsed + time.monotonic() - self._started

    def checkpoints_at(self, step: int) -> bool:
        """Whether it is time for a checkpoint after a step."""
        return step % self.settings.checkpoint_every == 0 or step == self.settings.steps

    def record(
        self,
        step: int,
        metrics: Mapping[str, float],
        state: Mapping[str, Any],
        rows: Iterable[Mapping[str, Any]] = (),
        keep: Collection[int] = (),
    ) -> None:
        """Log a finished step, and checkpoint when it is time.

        Args:
            step: from 1.
            metrics: of the step.
            state: what the trainer needs to go on from here.
            rows: samples for `rollouts.jsonl`.
            keep: older checkpoints to keep.
        """
        self.log(step, metrics, rows)
        if self.checkpoints_at(step):
            self.checkpoint(step, state, keep)

    def log(self, step: int, metrics: Mapping[str, float], rows: Iterable[Mapping[str, Any]] = ()) -> None:
        """Log a finished step; arguments as in `record`."""
        self._rollouts.write(step, rows)
        self._metrics.write(step, metrics)
        self._tracker.log(step, metrics)
        self._progress.update(step, metrics)

    def checkpoint(self, step: int, state: Mapping[str, Any], keep: Collection[int] = ()) -> None:
        """Write a checkpoint; arguments as in `record`."""
        state = {**state, "elapsed": self.elapsed}
        self.checkpoints.save(step, self.model, self.tokenizer, state, self.optimizer.state_dict(), keep)
