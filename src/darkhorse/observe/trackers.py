"""Where metrics go besides `metrics.jsonl`: TensorBoard event files, or nowhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from darkhorse.errors import missing_extra
from darkhorse.observe.jsonl import naming_a_full_disk


class Tracker(Protocol):
    """Takes the metrics of each step."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record the metrics of one step."""

    def close(self) -> None:
        """Write what is still in memory and let go of files."""


class NullTracker:
    """Records nothing."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Ignore the metrics."""

    def close(self) -> None:
        """Nothing to close."""


class TensorBoardTracker:
    """Writes scalar events that `tensorboard --logdir` shows; needs the package tensorboard, but no torch.

    Args:
        folder: receives one event file per tracker opened on it.
        resumed_after: the last step that a resumed run keeps; TensorBoard then hides the older events after it.

    Raises:
        UserError: tensorboard is not installed, or the disk is full.
    """

    def __init__(self, folder: Path, resumed_after: int | None = None) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ModuleNotFoundError as error:
            raise missing_extra("tensorboard", "tensorboard", "The TensorBoard tracker") from error
        self.folder = folder
        self._event = Event
        self._summary = Summary
        folder.mkdir(parents=True, exist_ok=True)
        with naming_a_full_disk(folder):
            self._writer = EventFileWriter(str(folder))
            if resumed_after is not None:
                start = SessionLog(status=SessionLog.START)
                self._writer.add_event(Event(wall_time=time.time(), step=resumed_after + 1, session_log=start))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record the metrics of one step under their own names."""
        values = [self._summary.Value(tag=name, simple_value=float(value)) for name, value in metrics.items()]
        with naming_a_full_disk(self.folder):
            self._writer.add_event(self._event(wall_time=time.time(), step=step, summary=self._summary(value=values)))

    def close(self) -> None:
        """Write the events still queued and close the file."""
        with naming_a_full_disk(self.folder):
            self._writer.close()
