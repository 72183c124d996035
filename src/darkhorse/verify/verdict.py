"""The outcome of a verification: scored, or abstained with a reason. An abstention is never a score."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Scored:
    """A decision about the model's work.

    Attributes:
        score: in [0, 1].
        reason: one sentence a person reads in the report.
        detail: machine-readable extras (JSON-serialisable).
    """

    score: float
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"score must lie in [0, 1], got {self.score}")


@dataclass(frozen=True)
class Abstained:
    """No decision: our fault or the data's (server down, bad gold, our timeout). Masked and counted, never 0."""

    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


Verdict: TypeAlias = Scored | Abstained
