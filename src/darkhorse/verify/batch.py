"""Verdicts outside training: on one response, or on a file of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, StrictStr, ValidationError

from darkhorse.chat.reasoning import THINK_CLOSE, THINK_OPEN, Response, split_reasoning
from darkhorse.errors import UserError
from darkhorse.tasks.sources import load_rows
from darkhorse.tasks.task import Task
from darkhorse.types import Message
from darkhorse.verify import registry
from darkhorse.verify.verdict import Scored, Verdict


class BatchRow(BaseModel):
    """One response to judge; other columns of a row are ignored.

    Attributes:
        response: the model's text, with or without its thinking.
        truth: what the verifier needs.
        prompt: the user's, for verifiers that read it.
    """

    response: StrictStr
    truth: Any
    prompt: StrictStr | list[Message] = ""


def read_batch(path: Path) -> list[BatchRow]:
    """The rows of a JSONL, JSON or Parquet file.

    Raises:
        UserError: if the file cannot be read or a row is not one; names the row and the field.
    """
    rows = []
    for number, row in enumerate(load_rows(path), start=1):
        try:
            rows.append(BatchRow.model_validate(row))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise UserError(
                f"{path}, row {number}: '{field}': {first['msg']}, found {row.get(field)!r:.80}.",
                'A row is {"response": text, "truth": what the verifier needs}, and "prompt" if it reads that.',
            ) from error
    return rows


async def judge_one(verifier: str, row: BatchRow, context: registry.Context) -> Verdict:
    """The verdict on one response.

    Raises:
        UserError: if there is no such verifier.
    """
    prompt = row.prompt if isinstance(row.prompt, list) else [{"role": "user", "content": row.prompt}]
    return await registry.judge(Task("row", tuple(prompt), verifier, row.truth), _response(row.response), context)


async def judge_all(
    verifier: str, rows: list[BatchRow], context: registry.Context, at_once: int
) -> AsyncIterator[dict[str, Any]]:
    """Judge rows, some at once.

    Yields:
        For each row, in order: `score` (None if the verifier abstained), `reason` (one word, `Verdict.kind`),
        `explanation` and `seconds`.

    Raises:
        UserError: if there is no such verifier.
    """
    prepare = getattr(registry.get(verifier), "prepare", None)
    if prepare is not None:
        await prepare()
    turns = asyncio.Semaphore(at_once)

    async def judged(row: BatchRow) -> dict[str, Any]:
        async with turns:
            started = time.perf_counter()
            verdict = await judge_one(verifier, row, context)
            seconds = time.perf_counter() - started
        score = verdict.score if isinstance(verdict, Scored) else None
        return {
            "score": score,
            "reason": verdict.kind,
            "explanation": verdict.reason,
            "seconds": round(seconds, 6),
        }

    tasks = [asyncio.create_task(judged(row)) for row in rows]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()


def _response(text: str) -> Response:
    """A text without any sign of thinking is all answer."""
    if THINK_CLOSE in text or text.lstrip().startswith(THINK_OPEN):
        return split_reasoning(text)
    return Response("", text.strip(), closed=True)
