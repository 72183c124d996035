"""What a learned reward did in a batch: its figures, the alarm over them, and an audit by a judge."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from darkhorse.config.rewards import LearnedRewardConfig
from darkhorse.rewards.drift import DriftWatch
from darkhorse.rewards.scorer import Ask, Scorer
from darkhorse.rollout.trajectory import Group, Trajectory
from darkhorse.verify.open_ended import reference_of
from darkhorse.verify.verdict import Scored


@dataclass
class LearnedMetrics:
    """Metrics of answers that a reward model or judge scored.

    Attributes:
        settings: share of audited prompts and the alarm's window.
        audit: a judge that has no say in the reward.
    """

    settings: LearnedRewardConfig
    audit: Scorer | None = None
    _rules: DriftWatch = field(init=False)
    _audited: DriftWatch = field(init=False)

    def __post_init__(self) -> None:
        self._rules, self._audited = DriftWatch(self.settings.drift_window), DriftWatch(self.settings.drift_window)

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint remembers."""
        return {"rules": self._rules.pairs, "audited": self._audited.pairs}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._rules.pairs = [(learned, other) for learned, other in state["rules"]]
        self._audited.pairs = [(learned, other) for learned, other in state["audited"]]

    async def of(self, groups: Sequence[Group], seed: int) -> dict[str, float]:
        """Metrics of a batch; empty where nothing was scored.

        Args:
            groups: judged and rewarded.
            seed: decides what is audited.
        """
        scored = [(group, t) for group in groups for t in group.trajectories if t.learned is not None]
        if not scored:
            return {}
        learned = [t.learned.score for _, t in scored if isinstance(t.learned, Scored)]
        metrics = {
            "learned/mean": fmean(learned) if learned else 0.0,
            "learned/abstained": float(len(scored) - len(learned)),
            "learned/guarded": float(sum(_guarded(t) for _, t in scored)),
        }
        both = [
            (t.learned.score, t.verdict.score)
            for group, t in scored
            if isinstance(t.learned, Scored) and isinstance(t.verdict, Scored)
        ]
        watched = self._rules.add(*_means(both))
        metrics |= {f"drift/rules/{name}": value for name, value in watched.items()}
        alarms = [watched.get("alarm", 0.0)]
        if self.audit is not None:
            audited = await self._audit(scored, random.Random(seed))
            metrics["learned/audited"] = float(len(audited))
            watched = self._audited.add(*_means(audited))
            metrics |= {f"drift/audit/{name}": value for name, value in watched.items()}
            alarms.append(watched.get("alarm", 0.0))
        return metrics | {"drift/alarm": max(alarms)}

    async def _audit(self, scored: Sequence[tuple[Group, Trajectory]], rng: random.Random) -> list[tuple[float, float]]:
        """The learned score beside the judge's, of one answer of some groups."""
        assert self.audit is not None
        firsts = {id(group): (group, t) for group, t in reversed(scored) if _plain(t)}
        chosen = [pair for pair in reversed(firsts.values()) if rng.random() < self.settings.audit_share]
        asks = [
            Ask(group.task.prompt, [t.response.answer if t.response else ""], reference_of(group.task))
            for group, t in chosen
        ]
        verdicts = await self.audit.score(asks) if asks else []
        return [
            (t.learned.score, verdict.score)
            for (_, t), (verdict,) in zip(chosen, verdicts, strict=True)
            if isinstance(verdict, Scored) and isinstance(t.learned, Scored)
        ]


def _guarded(trajectory: Trajectory) -> bool:
    return trajectory.learned is not None and trajectory.learned.detail.get("gate") == "guard"


def _plain(trajectory: Trajectory) -> bool:
    return isinstance(trajectory.learned, Scored) and not _guarded(trajectory)


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    if not pairs:
        return None, None
    return fmean(first for first, _ in pairs), fmean(second for _, second in pairs)
