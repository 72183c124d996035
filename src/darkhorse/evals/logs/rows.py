"""A sample row made of what another harness recorded."""

from __future__ import annotations

from typing import Any

from darkhorse.chat.reasoning import split_reasoning


def sample_row(
    model: str, suite: str, task_id: str, number: int, prompt: list[dict[str, Any]], text: str, score: float | None
) -> dict[str, Any]:
    """A row in the shape of ours; what a foreign log does not say is left empty."""
    return {
        "stage": model,
        "mode": "benchmark",
        "suite": suite,
        "category": "",
        "task_id": task_id,
        "sample": number,
        "source": suite,
        "verifier": "",
        "prompt": prompt,
        "tools": [],
        "turns": [{"role": "assistant", "content": text}],
        "truth": None,
        "verdict": "abstained" if score is None else "scored",
        "score": score,
        "kind": None,
        "reason": "imported",
        "vote": None,
        "no_answer": not text.strip(),
        "closed": split_reasoning(text).closed,
        "tokens": 0,
        "prompt_tokens": 0,
        "finish_reason": "stop",
    }


def answer_text(row: dict[str, Any]) -> str:
    """What the model wrote last."""
    said = [turn["content"] for turn in row["turns"] if turn["role"] == "assistant"]
    return str(said[-1]) if said else ""
