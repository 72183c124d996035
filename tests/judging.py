"""Asking a verifier for its verdict in a test."""

from __future__ import annotations

import asyncio
from typing import Any

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context, Verifier
from darkhorse.verify.verdict import Scored, Verdict


def judge(verifier: Verifier, truth: Any, answer: str) -> Verdict:
    """The verdict on an answer."""

    async def verdict() -> Verdict:
        return await verifier(Task("t", (), "x", truth), Response("", answer, True), Context())

    return asyncio.run(verdict())


def score(verifier: Verifier, truth: Any, answer: str) -> float:
    """The score of an answer that must be scored."""
    verdict = judge(verifier, truth, answer)
    assert isinstance(verdict, Scored), verdict
    return verdict.score
