"""Early stop: a stage ends when what an earlier one taught falls below where it stood, and goes back to its best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from darkhorse.observe.measured import Measured


@dataclass
class Watch:
    """Measures a stage while it runs.

    Attributes:
        measure: measures the policy as it is.
        floors: of each watched suite, the lower end of the interval it had at the start; of one that could not be
            measured then (no verdict came back), the one it had when it first could.
        best: step of the best checkpoint so far, 0 for the start.
        fallen: suites below their floor when last measured.
    """

    measure: Callable[[], Measured]
    floors: dict[str, float] = field(default_factory=dict)
    best: int = 0
    fallen: list[str] = field(default_factory=list)
    _best_mean: float | None = None

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint remembers."""
        return {"floors": self.floors, "best": self.best, "best_mean": self._best_mean}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.floors, self.best, self._best_mean = dict(state["floors"]), state["best"], state["best_mean"]

    def start(self) -> None:
        """Measure before the first step."""
        measured = self.measure()
        self.floors, self.best, self._best_mean = dict(measured.lows), 0, measured.improved

    def check(self, step: int) -> dict[str, float]:
        """Measure after a step, and note whether a suite has fallen or the step is the best so far. Returns metrics."""
        measured = self.measure()
        self.floors = {**measured.lows, **self.floors}
        self.fallen = [suite for suite, mean in measured.means.items() if mean < self.floors[suite]]
        better = measured.improved is None or self._best_mean is None or measured.improved > self._best_mean
        if not self.fallen and better:
            self.best, self._best_mean = step, measured.improved
        metrics = {f"watch/{suite}": mean for suite, mean in measured.means.items()}
        metrics |= {f"watch/{suite}/floor": self.floors[suite] for suite in measured.means}
        if measured.improved is not None:
            metrics["watch/improved"] = measured.improved
        return metrics | {"watch/fallen": float(len(self.fallen)), "watch/best_step": float(self.best)}
