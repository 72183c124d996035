"""lm-evaluation-harness's `results_*.json` and `samples_*.jsonl` (github.com/EleutherAI/lm-evaluation-harness)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from darkhorse.evals.logs.rows import answer_text, sample_row
from darkhorse.observe import jsonl

Row = dict[str, Any]
METRIC = "score"


def exported(results: Mapping[str, Any], rows: Mapping[str, list[Row]]) -> Iterator[tuple[str, str]]:
    """Names and contents of the files: one of results, and one of samples for each suite.

    The harness has one document for all samples of a problem: `resps` lists them, and the metric is their mean.
    """
    suites = results["suites"]
    summary = {
        "results": {
            name: {"alias": suite["title"], f"{METRIC},none": suite["score"], f"{METRIC}_stderr,none": _error(suite)}
            for name, suite in suites.items()
        },
        "configs": {
            name: {"task": name, "repeats": suite["samples"], "generation_kwargs": suite["protocol"]}
            for name, suite in suites.items()
        },
        "n-samples": {
            name: {"original": suite["problems"], "effective": suite["problems"]} for name, suite in suites.items()
        },
        "model_name": results["target"]["model"],
        "random_seed": results["seed"],
    }
    yield "results_darkhorse.json", json.dumps(summary, indent=1)
    for suite, part in rows.items():
        problems: dict[str, list[Row]] = {}
        for row in part:
            problems.setdefault(row["task_id"], []).append(row)
        lines = [json.dumps(_document(number, name, group)) for number, (name, group) in enumerate(problems.items())]
        yield f"samples_{suite}_darkhorse.jsonl", "".join(f"{line}\n" for line in lines)


def _document(number: int, name: str, rows: list[Row]) -> Row:
    first = rows[0]
    prompt, target = json.dumps(first["prompt"]), json.dumps(first["truth"])
    scores = [row["score"] for row in rows if row["score"] is not None]
    texts = [answer_text(row) for row in rows]
    return {
        "doc_id": number,
        "doc": {"id": name, "category": first["category"], "model": first["stage"]},
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {}}},
        "resps": [texts],
        "filtered_resps": texts,
        "filter": "none",
        "metrics": [METRIC],
        "doc_hash": _hash(name),
        "prompt_hash": _hash(prompt),
        "target_hash": _hash(target),
        METRIC: sum(scores) / len(scores) if scores else None,
        f"{METRIC}s": [row["score"] for row in rows],
    }


def imported(path: Path) -> Iterator[Row]:
    """Rows of a `samples_*.jsonl`: ours, or the harness's, whose metric then counts for every sample of a document.

    Where a task has several filters, the harness writes every document once for each: the first filter's count.
    """
    suite = path.stem.removeprefix("samples_").removesuffix("_darkhorse")
    if "_20" in suite:  # the harness ends the name with a date
        suite = suite.partition("_20")[0]
    chosen: Any = None
    for document in jsonl.read(path):
        chosen = chosen or document.get("filter")
        if document.get("filter") != chosen:
            continue
        held = document["doc"] if isinstance(document["doc"], dict) else {}
        texts = [text for group in document["resps"] for text in (group if isinstance(group, list) else [group])]
        metric = document.get("metrics", [METRIC])[0]
        scores = document.get(f"{METRIC}s") or [document.get(metric)] * len(texts)
        prompt = _prompt(document.get("arguments"))
        name = str(held.get("id") or f"{suite}/{document['doc_id']}")
        for number, (text, score) in enumerate(zip(texts, scores, strict=True)):
            value = None if score is None else float(score)
            yield sample_row(str(held.get("model", "lm-eval")), suite, name, number, prompt, str(text), value)


def _prompt(arguments: Any) -> list[Row]:
    text: Any = arguments
    while isinstance(text, dict | list) and text:
        text = next(iter(text.values())) if isinstance(text, dict) else text[0]
    try:
        messages = json.loads(text)
    except (TypeError, ValueError):
        return [{"role": "user", "content": str(text)}]
    return messages if isinstance(messages, list) else [{"role": "user", "content": str(text)}]


def _error(suite: Mapping[str, Any]) -> float | None:
    if suite["low"] is None or suite["high"] is None:
        return None
    return float(suite["high"] - suite["low"]) / 2 / 1.96


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
