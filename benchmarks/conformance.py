"""Do the graders decide as the official ones? One table: BFCL, IFEval, LiveBench and QwQ's mathematics grader.

The first three have scripts of their own, which this one runs; QwQ's grader is compared here, on golds of data sets
with right and wrong answers in many notations, and apart from these on cases written to be hard. Shares of verdicts
that agree, in percent.

Run: python benchmarks/conformance.py --data FOLDER --json benchmarks/results/conformance.json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from _peers import HERE, OUT, Peer, checkout, environment
from _writing import write_json
from darkhorse.verify.math.qwen import grade

ADDRESS, COMMIT = "https://github.com/QwenLM/QwQ", "620a5eadc89ff464d339367dd9c9973a93215c81"
PACKAGES = (
    "--no-deps", "latex2sympy2==1.5.4", "antlr4-python3-runtime==4.7.2", "sympy==1.14.0", "mpmath==1.3.0", "regex",
    "word2number==1.1",
)  # fmt: skip
WANTED = {"bfcl": 99.9, "ifeval": 100.0, "livebench": 100.0, "qwq": 99.5}
"""Agreement that is asked for, in percent."""
BATCH = 50


def pairs(data: Path, count: int, seed: int) -> list[tuple[str, str]]:
    """Golds and responses: of the mathematics benchmark, and answers to AIME and GSM8K in several forms."""
    os.environ.setdefault("DARKHORSE_DATA", str(data))
    from _mathematics import mixed  # reads that variable

    rng = random.Random(seed)
    found = [(str(one.gold), one.response) for one in rng.sample(mixed(4000), count)]
    golds = [str(json.loads(line)["answer"]) for line in (data / "qwq_eval" / "aime24.jsonl").open()]
    words = [json.loads(line)["answer"] for line in (data / "gsm8k" / "test.jsonl").open()][:100]
    golds += [text.rpartition("####")[2].strip() for text in words]
    for gold in golds:
        wrong = str(int(gold.replace(",", "")) + rng.choice((-1, 1, 10)))
        for answer in (gold, wrong):
            found += [
                (gold, f"So it is \\boxed{{{answer}}}."), (gold, f"The answer is {answer}."), (gold, f"n = {answer}"),
                (gold, f"\\boxed{{{answer}\\text{{ apples}}}}"), (gold, f"Thus $x = {answer}$. \\boxed{{x={answer}}}"),
            ]  # fmt: skip
    return found


def hard_pairs(data: Path) -> list[tuple[str, str]]:
    """Cases written to be hard for graders."""
    rows = [json.loads(line) for line in (data / "verifier_cases" / "math_cases.jsonl").open()]
    return [(row["gold"], row["pred"]) for row in rows if row["category"] not in ("dos", "injection")]


def qwq(options: argparse.Namespace) -> dict[str, Any]:
    """Agreement with QwQ's grader, on answers to benchmarks and on hard cases."""
    source = options.qwq or checkout("qwq-source", ADDRESS, COMMIT)
    python = environment("qwq", PACKAGES)
    peer = Peer("qwq", [python, "-W", "ignore", str(HERE / "_qwq_peer.py"), str(source / "eval" / "eval")])
    usual = _compared(peer, pairs(options.data, options.pairs, seed=3))
    hard = _compared(peer, hard_pairs(options.data))
    peer.stop()
    return {**usual, "hard": hard}


def _compared(peer: Peer, listed: list[tuple[str, str]]) -> dict[str, Any]:
    agree, disagreements = 0, []
    for start in range(0, len(listed), BATCH):
        part = listed[start : start + BATCH]
        for (gold, response), wanted in zip(part, peer.ask({"pairs": part})["verdicts"], strict=True):
            found, _ = grade(response, gold)
            agree += found == wanted
            if found != wanted:
                disagreements.append({"gold": gold, "response": response[-200:], "public": wanted, "ours": found})
    return {"answers": len(listed), "agreement": agree / len(listed), "disagreements": disagreements}


def script(name: str, path: str, *words: str) -> dict[str, Any]:
    """The figures of another script of this folder."""
    target = OUT / f"conformance-{name}.json"
    subprocess.run([sys.executable, str(HERE / path), *words, "--json", str(target)], check=False)
    figures: dict[str, Any] = json.loads(target.read_text())
    return figures


def held(path: str) -> dict[str, Any]:
    """Figures that a script has left in `benchmarks/results`."""
    figures: dict[str, Any] = json.loads((HERE / "results" / path).read_text())
    return figures


def main() -> int:
    """Command line; the exit status says whether all agree as much as is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--livebench", type=Path, help="LiveBench's repository, where there is one already")
    parser.add_argument("--qwq", type=Path, help="QwQ's repository, where there is one already")
    parser.add_argument("--pairs", type=int, default=1500, help="mathematics answers, besides the hard cases")
    parser.add_argument("--held", nargs="*", default=[], help="parts whose figures in benchmarks/results are taken")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    data = ["--data", str(options.data)]
    source = ["--livebench", str(options.livebench)] if options.livebench else []
    bfcl = held("bfcl_conformance.json") if "bfcl" in options.held else script("bfcl", "bfcl_conformance.py")
    ifeval = (
        held("instruction_conformance.json")
        if "ifeval" in options.held
        else script("ifeval", "instruction_conformance.py", *data)
    )
    livebench = (
        held("livebench_conformance.json")
        if "livebench" in options.held
        else script("livebench", "livebench_conformance.py", *data, *source)
    )
    mathematics = qwq(options)
    figures = {
        "bfcl": 100 * bfcl["total"]["agreement"],
        "ifeval": ifeval["ifeval"]["prompts"]["same_libraries"],
        "livebench": 100 * livebench["total"]["agreement"],
        "qwq": 100 * mathematics["agreement"],
    }
    counts = {
        "bfcl": bfcl["total"]["answers"],
        "ifeval": ifeval["ifeval"]["prompts"]["verdicts"],
        "livebench": livebench["total"]["answers"],
        "qwq": mathematics["answers"],
    }
    print(f"{'grader':10} {'verdicts':>9} {'agreement':>10} {'asked for':>10}")
    for name, share in figures.items():
        print(f"{name:10} {counts[name]:9} {share:9.3f}% {WANTED[name]:9}%")
    hard = mathematics["hard"]
    print(f"QwQ's grader on {hard['answers']} hard cases: {100 * hard['agreement']:.2f}%")
    details = {
        "verdicts": counts,
        "qwq_hard": mathematics["hard"],
        "qwq_disagreements": mathematics["disagreements"],
        "livebench_disagreements": livebench["disagreements"],
        "bfcl_disagreements": bfcl["disagreements"],
    }
    write_json(options.json, {**figures, "details": details})
    return 0 if all(share >= WANTED[name] for name, share in figures.items()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
