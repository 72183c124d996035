"""Whether an evaluation gives the same on a checkpoint, on our server and on vLLM's server.

The same problems are asked of all three, greedily, in float32, for a few tokens. A server lays the prompt out by the
template of the checkpoint, so a difference beyond a near tie of two tokens is a mistake of one of the three. Every
difference is printed with the place where the answers part.

    DARKHORSE_DATA=... python benchmarks/eval_targets.py --json benchmarks/results/eval_targets.json
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from _models import EMBEDDED, model_folder
from _peers import OUT
from _writing import write_json
from darkhorse.evals.runner import read_samples
from serving import Server, start

SERVERS = ("darkhorse", "vllm")
SUITES = ("gsm8k", "math500", "ifeval", "bfcl")
CODE = "import sys; from darkhorse.cli import main; sys.exit(main())"


def evaluate(folder: str, server: Server | None, output: Path, options: argparse.Namespace) -> dict[Any, Any]:
    """Samples by problem; only of the checkpoint itself what the output folder holds already is not asked again."""
    if server:
        shutil.rmtree(output, ignore_errors=True)  # of a server on another port
    command = [sys.executable, "-c", CODE, "eval", server.model if server else folder, "--output", str(output)]
    command += ["--suites", ",".join(options.suites), "--data", str(options.data), "--limit", str(options.limit)]
    command += ["--samples", "1", "--temperature", "0", "--max-tokens", str(options.max_tokens)]
    command += ["--base-url", f"{server.url}/v1"] if server else ["--dtype", "float32"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows = [row for path in sorted((output / "samples").glob("*.jsonl")) for row in read_samples(path)]
    return {(row["suite"], row["task_id"], row["sample"]): row for row in rows}


def said(row: dict[str, Any]) -> str:
    """All that the model said in a sample."""
    return "\n".join(str(turn.get("content") or "") for turn in row["turns"] if turn["role"] == "assistant")


def compare(ours: dict[Any, Any], theirs: dict[Any, Any]) -> dict[str, Any]:
    """How many samples have the same score and the same words, and where the others part."""
    if ours.keys() != theirs.keys():
        raise SystemExit("the two did not answer the same problems")
    parted = []
    for key, row in ours.items():
        mine, other = said(row), said(theirs[key])
        if mine != other or row["score"] != theirs[key]["score"]:
            place = next(
                (n for n, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b), min(len(mine), len(other))
            )
            scores = row["score"], theirs[key]["score"]
            parted.append({"sample": key, "scores": scores, "at": place, "checkpoint": mine, "server": other})
    scored = sum(row["score"] == theirs[key]["score"] for key, row in ours.items())
    return {"samples": len(ours), "same_score": scored, "same_words": len(ours) - len(parted), "parted": parted}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--data", type=Path, default=os.environ.get("DARKHORSE_DATA"), help="folder of the data sets")
    parser.add_argument("--suites", nargs="+", default=list(SUITES))
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--output", type=Path, default=OUT / "eval_targets")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data (or DARKHORSE_DATA) must name the folder of the data sets")
    OUT.mkdir(exist_ok=True)
    folder = model_folder(options.model)
    ours = evaluate(folder, None, options.output / "checkpoint", options)
    found: dict[str, Any] = {}
    for name in options.servers:
        server = start(name, folder, dtype="float32")
        try:
            found[name] = compare(ours, evaluate(folder, server, options.output / name, options))
        finally:
            server.stop()
        write_json(options.json, found)
    table = Table("server", "samples", "same score", "same words", title="beside the checkpoint itself")
    for name, row in found.items():
        table.add_row(name, *(str(row[key]) for key in ("samples", "same_score", "same_words")))
    console = Console(width=120)
    console.print(table)
    for name, row in found.items():
        for part in row["parted"]:
            at = part["at"]
            console.print(f"{name}, {part['sample']}: scores {part['scores']}, from character {at}:", markup=False)
            console.print(f"  {part['checkpoint'][at : at + 60]!r}\n  {part['server'][at : at + 60]!r}", markup=False)


if __name__ == "__main__":
    main()
