"""Verifier of open-ended answers: the rules that apply to them, and a reference answer for whoever scores the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context, get, names, register
from darkhorse.verify.truths import bad_truth, read_truth
from darkhorse.verify.verdict import Abstained, Verdict

NAME = "open_ended"
_NEEDS_SCORER = {"needs": "scorer"}


class Rule(BaseModel):
    """A verifier and the truth it needs."""

    model_config = ConfigDict(extra="forbid")
    verifier: str
    truth: Any


class OpenEnded(BaseModel):
    """What is known of a good answer.

    Attributes:
        reference: a good answer; one that is as good scores one half.
        rules: what any answer must obey.
    """

    model_config = ConfigDict(extra="forbid")
    reference: Annotated[str, Field(min_length=1)] | None = None
    rules: Annotated[list[Rule], Field(max_length=20)] = []


_TRUTH = TypeAdapter(OpenEnded)


@register(NAME)
async def open_ended(task: Task, response: Response, context: Context) -> Verdict:
    """The first rule's verdict that is not a full score, else the last rule's. Without rules it abstains: only a reward
    model or a judge can say more (`rewards.compose` asks one).
    """
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    unknown = [rule.verifier for rule in truth.rules if rule.verifier not in names() or rule.verifier == NAME]
    if unknown:
        return bad_truth(task, f"rules: there is no verifier '{unknown[0]}' for a rule")
    verdict: Verdict = Abstained("No rule applies; a reward model or a judge must score the answer.", _NEEDS_SCORER)
    failed: Verdict | None = None
    for rule in truth.rules:
        verdict = await get(rule.verifier)(replace(task, verifier=rule.verifier, truth=rule.truth), response, context)
        if isinstance(verdict, Abstained):
            return verdict
        failed = failed or (verdict if verdict.score < 1.0 else None)
    return failed or verdict


def needs_scorer(verdict: Verdict | None) -> bool:
    """Whether the verifier abstained only because no rule applies."""
    return isinstance(verdict, Abstained) and verdict.detail == _NEEDS_SCORER


def reference_of(task: Task) -> str | None:
    """The reference answer of an open-ended task."""
    return task.truth.get("reference") if task.verifier == NAME and isinstance(task.truth, dict) else None
