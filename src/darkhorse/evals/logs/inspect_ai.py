"""Inspect's logs in JSON, version 2 (inspect.aisi.org.uk/eval-logs.html); its binary `.eval` files are not read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from darkhorse.evals.logs.rows import answer_text, sample_row

Row = dict[str, Any]
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_NEVER = "1970-01-01T00:00:00+00:00"  # our samples bear no times, so that a resumed run writes the same log


def exported(results: Mapping[str, Any], rows: Mapping[str, list[Row]]) -> Iterator[tuple[str, str]]:
    """Name and content of one log for each suite."""
    for suite, part in rows.items():
        yield f"{suite}_darkhorse.json", json.dumps(_log(suite, results, part), indent=1)


def _log(suite: str, results: Mapping[str, Any], rows: list[Row]) -> Row:
    figures, model = results["suites"][suite], str(results["target"]["model"])
    identity = hashlib.sha256(f"{suite} {model}".encode()).hexdigest()[:22]
    protocol = figures["protocol"]
    generation = {key: protocol[key] for key in ("temperature", "top_p", "top_k", "max_tokens")}
    problems = len({row["task_id"] for row in rows})
    return {
        "version": 2,
        "status": "success" if not figures["missing"] else "error",
        "eval": {
            "eval_id": identity,
            "run_id": identity,
            "created": _NEVER,
            "task": suite,
            "task_id": identity,
            "task_version": 0,
            "dataset": {"name": suite, "location": figures["data"]["origin"], "samples": problems},
            "model": f"darkhorse/{model}",
            "model_generate_config": {**generation, "seed": results["seed"] & 0x7FFFFFFF},
            "config": {"epochs": figures["samples"]},
            "packages": {"darkhorse": results["darkhorse"]},
            "metadata": {"data_sha256": figures["data"]["sha256"], "metric": figures["metric"]},
        },
        "plan": {"name": "plan", "steps": [], "config": generation},
        "results": {
            "total_samples": len(rows),
            "completed_samples": len(rows),
            "scores": [
                {
                    "name": "darkhorse",
                    "scorer": "darkhorse",
                    "params": {},
                    "metrics": {"score": {"name": "score", "value": figures["score"] or 0.0, "params": {}}},
                }
            ],
        },
        "stats": {"started_at": _NEVER, "completed_at": _NEVER, "model_usage": {}},
        "samples": [_sample(row, model) for row in rows],
    }


def _sample(row: Row, model: str) -> Row:
    text = answer_text(row)
    stop = "max_tokens" if row["finish_reason"] == "length" else "stop"
    said = {"role": "assistant", "content": text}
    prompt = [{"role": one["role"], "content": str(one.get("content") or "")} for one in row["prompt"]]
    turns = [
        {"role": "assistant" if one["role"] == "assistant" else "user", "content": str(one.get("content") or "")}
        for one in row["turns"]
    ]
    scores = {}
    if row["score"] is not None:
        scores["darkhorse"] = {"value": row["score"], "answer": row["vote"], "explanation": row["reason"]}
    return {
        "id": row["task_id"],
        "epoch": row["sample"] + 1,
        "input": prompt,
        "target": json.dumps(row["truth"]),
        "messages": [*prompt, *turns],
        "output": {
            "model": f"darkhorse/{model}",
            "choices": [{"message": said, "stop_reason": stop}],
            "usage": {
                "input_tokens": row["prompt_tokens"],
                "output_tokens": row["tokens"],
                "total_tokens": row["prompt_tokens"] + row["tokens"],
            },
        },
        "scores": scores,
        "metadata": {"category": row["category"], "abstained": row["score"] is None},
        "store": {},
        "events": [],
        "model_usage": {},
        "attachments": {},
    }


def imported(path: Path) -> Iterator[Row]:
    """Rows of one log; letters of grades become numbers, and a score that is none of these abstains."""
    log = json.loads(path.read_text(encoding="utf-8"))
    suite = str(log["eval"]["task"]).rpartition("/")[2]
    model = str(log["eval"]["model"]).removeprefix("darkhorse/")
    for sample in log["samples"]:
        given = sample["input"]
        prompt = given if isinstance(given, list) else [{"role": "user", "content": str(given)}]
        choices = sample["output"]["choices"]
        text = _text(choices[0]["message"]["content"]) if choices else ""
        scores = list((sample.get("scores") or {}).values())
        score = _number(scores[0]["value"]) if scores else None
        row = sample_row(model, suite, str(sample["id"]), int(sample["epoch"]) - 1, prompt, text, score)
        usage = sample["output"].get("usage") or {}
        cut = bool(choices) and choices[0].get("stop_reason") == "max_tokens"
        yield {
            **row,
            "category": str((sample.get("metadata") or {}).get("category", "")),
            "tokens": int(usage.get("output_tokens", 0)),
            "prompt_tokens": int(usage.get("input_tokens", 0)),
            "finish_reason": "length" if cut else "stop",
        }


def _text(content: Any) -> str:
    """Text of a message, with reasoning that Inspect keeps apart put back."""
    if isinstance(content, str):
        return content
    thinking = "\n".join(part["reasoning"] for part in content if part.get("type") == "reasoning")
    text = "\n".join(part["text"] for part in content if part.get("type") == "text")
    return f"{thinking}\n</think>\n\n{text}" if thinking else text


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return _GRADES.get(value)
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) else None
