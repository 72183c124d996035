"""How right, how fast and how hard to bring down the mathematics verifier is, beside Math-Verify.

Judges a collection of hard cases, the cases of Math-Verify's own tests, and the worked answers of GSM8K, MATH-500 and a
MATH training set against themselves; measures verdicts a second on GSM8K and MATH answers, one process each, in turn;
and reaches 20,000 verdicts of which one in twenty is on hostile text, counting workers afterwards. Math-Verify lives in
an environment that this script makes.

    DARKHORSE_DATA=... python benchmarks/math_verifier.py --json benchmarks/results/math_verifier.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from _mathematics import HOSTILE, MATH_VERIFY, Pair, hard_cases, mixed, suite, worked_answers
from _peers import HERE, Peer, environment
from _writing import write_json
from darkhorse.chat.reasoning import Response, split_reasoning
from darkhorse.tasks.task import Task
from darkhorse.verify.math import MathVerifier
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Scored, Verdict

PARTS = ("cases", "suite", "worked", "throughput", "endurance")
ROUNDS = 5
VERDICTS_A_ROUND = 1_000
ENDURANCE = 20_000
AT_ONCE = 64


async def judge(verifier: MathVerifier, pair: Pair) -> tuple[Verdict, float]:
    """A verdict and its seconds."""
    text = pair.response
    response = split_reasoning(text) if "</think>" in text else Response("", text, True)
    began = time.perf_counter()
    verdict = await verifier(Task("benchmark", (), "math", pair.gold), response, Context())
    return verdict, time.perf_counter() - began


async def score_all(verifier: MathVerifier, pairs: Sequence[Pair]) -> tuple[list[float | None], list[float]]:
    """Scores, None where the verifier abstains, and seconds; one after another."""
    scores, seconds = [], []
    for pair in pairs:
        verdict, took = await judge(verifier, pair)
        scores.append(verdict.score if isinstance(verdict, Scored) else None)
        seconds.append(took)
    return scores, seconds


def compared(pairs: Sequence[Pair], scores: Sequence[float | None], seconds: Sequence[float]) -> dict[str, Any]:
    """How often the scores are the deserved ones."""
    outcomes = list(zip(pairs, scores, strict=True))
    return {
        "cases": len(pairs),
        "right": sum(score == pair.right for pair, score in outcomes),
        "false_positives": sum(score == 1 and pair.right == 0 for pair, score in outcomes),
        "false_negatives": sum(score != 1 and pair.right == 1 for pair, score in outcomes),
        "slowest_s": round(max(seconds), 3),
        "over_1s": sum(second > 1 for second in seconds),
    }


async def cases(verifier: MathVerifier, peer: Peer) -> dict[str, Any]:
    """The collected hard cases, by both."""
    known = hard_cases()
    pairs = [pair for pair, _ in known]
    scores, seconds = await score_all(verifier, pairs)
    found = compared(pairs, scores, seconds)
    found["false_positives_outside_policy"] = sum(
        score == 1 and pair.right == 0 and not policy for (pair, policy), score in zip(known, scores, strict=True)
    )
    found["disagreements"] = _disagreements(pairs, scores)
    theirs = peer.ask({"pairs": [[pair.gold, pair.response] for pair in pairs]})
    found["math_verify"] = compared(pairs, theirs["scores"], theirs["seconds"])
    return found


def _disagreements(pairs: Sequence[Pair], scores: Sequence[float | None]) -> list[dict[str, Any]]:
    return [
        {
            "case": pair.source,
            "gold": pair.gold[-80:],
            "response": pair.response[-80:],
            "deserved": pair.right,
            "given": score,
        }
        for pair, score in zip(pairs, scores, strict=True)
        if score != pair.right
    ]


async def own_tests(verifier: MathVerifier, peer: Peer) -> dict[str, Any]:
    """Math-Verify's own tests."""
    pairs = suite()
    scores, seconds = await score_all(verifier, pairs)
    return {**compared(pairs, scores, seconds), "disagreements": _disagreements(pairs, scores)}


async def worked(verifier: MathVerifier, peer: Peer) -> dict[str, Any]:
    """Worked answers against themselves."""
    found = {}
    for name, pairs in worked_answers().items():
        scores, seconds = await score_all(verifier, pairs)
        found[name] = compared(pairs, scores, seconds)
    return found


async def throughput(verifier: MathVerifier, peer: Peer) -> dict[str, Any]:
    """Verdicts a second on GSM8K and MATH answers, in rounds that alternate; the ratio is taken within a round."""
    pairs = mixed(ROUNDS * VERDICTS_A_ROUND)
    random.Random(0).shuffle(pairs)
    ours, theirs, right = [], [], Counter[str]()
    for start in range(0, len(pairs), VERDICTS_A_ROUND):
        chosen = pairs[start : start + VERDICTS_A_ROUND]
        began = time.perf_counter()
        scores, _ = await score_all(verifier, chosen)
        ours.append(len(chosen) / (time.perf_counter() - began))
        answer = peer.ask({"pairs": [[pair.gold, pair.response] for pair in chosen]})
        theirs.append(len(chosen) / sum(answer["seconds"]))
        right["ours"] += sum(score == pair.right for pair, score in zip(chosen, scores, strict=True))
        right["theirs"] += sum(score == pair.right for pair, score in zip(chosen, answer["scores"], strict=True))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "verdicts": len(pairs),
        "per_second": round(statistics.median(ours)),
        "math_verify_per_second": round(statistics.median(theirs)),
        "ratio": round(statistics.median(ratios), 1),
        "smallest_ratio": round(min(ratios), 1),
        "right": right["ours"],
        "math_verify_right": right["theirs"],
    }


async def endurance(verifier: MathVerifier, peer: Peer, verdicts: int = ENDURANCE) -> dict[str, Any]:
    """Many verdicts at once, one in twenty on hostile text; what became of the workers."""
    rng = random.Random(1)
    ordinary = mixed(4_000)
    pairs = [
        Pair("2", rf"\boxed{{{rng.choice(HOSTILE)}}}", 0) if number % 20 == 0 else rng.choice(ordinary)
        for number in range(verdicts)
    ]
    gate = asyncio.Semaphore(AT_ONCE)
    kinds: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    wrong = 0

    async def one(pair: Pair) -> float:
        nonlocal wrong
        async with gate:
            verdict, took = await judge(verifier, pair)
        kinds[str(verdict.kind)] += 1
        killed.update(["worker"] if "no result within" in verdict.reason or verdict.kind == "timeout" else [])
        wrong += isinstance(verdict, Scored) and verdict.score != pair.right
        return took

    began = time.perf_counter()
    seconds = await asyncio.gather(*(one(pair) for pair in pairs))
    took = time.perf_counter() - began
    await verifier.prepare()
    alive = sum(worker.process.poll() is None for worker in verifier.pool._live)
    after, _ = await judge(verifier, Pair("1/2", r"\boxed{\int_0^1 x\,dx}"))
    return {
        "verdicts": verdicts,
        "seconds": round(took, 1),
        "kinds": dict(kinds),
        "wrong_scores": wrong,
        "median_s": round(statistics.median(seconds), 5),
        "workers_killed": killed["worker"],
        "workers": verifier.pool.workers,
        "workers_alive_afterwards": alive,
        "answers_afterwards": isinstance(after, Scored) and after.score == 1.0,
    }


STEPS = {"cases": cases, "suite": own_tests, "worked": worked, "throughput": throughput, "endurance": endurance}


async def main_async(parts: Sequence[str], known: dict[str, Any]) -> dict[str, Any]:
    """The figures of some parts, added to those known."""
    python = environment("math_verify", [MATH_VERIFY])
    peer = Peer("math_verify", [python, str(HERE / "_math_verify_worker.py")])
    verifier = MathVerifier()
    await verifier.prepare()
    try:
        for part in parts:
            known[part] = await STEPS[part](verifier, peer)
    finally:
        peer.stop()
        verifier.pool.close()
    return known


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """The figures that others read."""
    top: dict[str, Any] = {}
    if "cases" in found:
        top["accuracy"] = round(found["cases"]["right"] / found["cases"]["cases"], 4)
        top["false_positives"] = found["cases"]["false_positives"]
        top["slowest_s"] = found["cases"]["slowest_s"]
    if "throughput" in found:
        top["vs_math_verify"] = found["throughput"]["ratio"]
    return top


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="parts to measure; others are kept")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not os.environ.get("DARKHORSE_DATA"):
        print("DARKHORSE_DATA names no folder with the data sets: nothing is judged.")
        return
    kept = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    found = asyncio.run(main_async(options.only, {part: kept[part] for part in PARTS if part in kept}))
    table = Table("part", "figures")
    for part, figures in found.items():
        shown = {key: value for key, value in figures.items() if key != "disagreements"}
        table.add_row(part, json.dumps(shown))
    Console().print(table)
    for part in ("cases", "suite"):
        for one in found.get(part, {}).get("disagreements", []):
            print(part, one, file=sys.stderr)
    write_json(options.json, {**summary(found), **found})


if __name__ == "__main__":
    main()
