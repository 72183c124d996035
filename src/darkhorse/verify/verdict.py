"""The outcome of a verification: scored, or abstained with a reason. An abstention is never a score."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ScoredKind: TypeAlias = Literal["correct", "partial", "wrong", "no_answer", "unparseable_prediction"]
AbstainedKind: TypeAlias = Literal["unparseable_gold", "timeout", "infrastructure"]


@dataclass(frozen=True)
class Scored:
    """A decision about the model's work.

    Attributes:
        score: in [0, 1].
        reason: one sentence a person reads in the report.
        detail: machine-readable extras (JSON-serialisable).
        kind: what `reason` says, in one word for programs; by default it follows from the score.
    """

    score: float
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)
    kind: ScoredKind | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"score must lie in [0, 1], got {self.score}")
        if self.kind is None:
            kind = "correct" if self.score == 1.0 else "wrong" if self.score == 0.0 else "partial"
            object.__setattr__(self, "kind", kind)


@dataclass(frozen=True)
class Abstained:
    """No decision: our fault or the data's (server down, bad gold, our timeout). Masked and counted, never 0.

    Attributes:
        reason: one sentence a person reads in the report.
        detail: machine-readable extras (JSON-serialisable).
        kind: whose fault it is, in one word for programs.
    """

    reason: str
    detail: dict[str, Any] = field(default_factory=dict)
    kind: AbstainedKind = "infrastructure"


Verdict: TypeAlias = Scored | Abstained
