"""Pairs of gold and response for the mathematics verifier: data sets, Math-Verify's own tests, hostile text."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from _peers import OUT

MATH_VERIFY = "math-verify[antlr4_13_2]==0.9.0"
DATA = Path(os.environ.get("DARKHORSE_DATA", ""))
# two tests compare with an option set that is not the default, one of them against the same pair with it unset
OPTIONAL = ("test_strict_variable_comparison",)


@dataclass(frozen=True)
class Pair:
    """A response to judge.

    Attributes:
        gold: as a data set holds it.
        response: what the model said.
        right: the score it deserves.
        source: where the pair comes from.
    """

    gold: str
    response: str
    right: int = 1
    source: str = ""


def hard_cases() -> list[tuple[Pair, bool]]:
    """The collected cases, each with whether it is a choice of policy."""
    lines = (DATA / "verifier_cases" / "math_cases.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        (Pair(row["gold"], row["pred"], row["expected"], f"{row['id']} {row['category']}"), "note" in row)
        for row in rows
    ]


def worked_answers() -> dict[str, list[Pair]]:
    """The worked solutions of each data set as responses to its own golds."""
    gsm8k = [json.loads(line) for part in ("test", "train") for line in _lines("gsm8k", f"{part}.jsonl")]
    math500 = [json.loads(line) for line in _lines("math500", "math500.jsonl")]
    rows = json.loads((DATA / "math_train_rl" / "math_train_7474.json").read_text(encoding="utf-8"))
    train = [row for row in rows if row["answer"]]  # a few rows hold no answer
    return {
        "gsm8k": [Pair(row["answer"], row["answer"], 1, "gsm8k") for row in gsm8k],
        "math500": [Pair(row["answer"], row["solution"], 1, "math500") for row in math500],
        "math_train_rl": [Pair(row["answer"], rf"\boxed{{{row['answer']}}}", 1, "math_train_rl") for row in train],
    }


def _lines(*parts: str) -> list[str]:
    return DATA.joinpath(*parts).read_text(encoding="utf-8").splitlines()


def rewritten(gold: str) -> str:
    """The gold in another spelling: fractions and roots as plain text, decimals with a zero, sums with brackets."""
    text = gold.replace(r"\dfrac", r"\frac").replace(r"\left", "").replace(r"\right", "")
    if text.isdigit():
        return f"{int(text):,}.0"
    return f"\\displaystyle {text.replace(chr(92) + 'frac', chr(92) + 'tfrac')}"


def mixed(size: int) -> list[Pair]:
    """GSM8K and MATH answers in turn: one half right, in another spelling, the other half a neighbour's."""
    sets = worked_answers()
    golds = [pair.gold.rpartition("####")[2].strip() for pair in sets["gsm8k"]][: size // 4]
    golds += [pair.gold for pair in sets["math_train_rl"]][: size // 4]
    pairs = []
    for index, gold in enumerate(golds):
        other = golds[(index + 1) % len(golds)]
        pairs.append(Pair(gold, f"So the answer is $\\boxed{{{rewritten(gold)}}}$.", 1))
        pairs.append(Pair(gold, f"So the answer is $\\boxed{{{rewritten(other)}}}$.", int(other == gold)))
    return pairs


HOSTILE = (
    "9**9**9**9", "9^{9^{9^{9}}}", "e^{e^{e^{e^{79}}}}", "99999999!", r"\binom{10^9}{5\cdot10^8}", "(" * 1500,
    r"\frac{1}{" * 200 + "2" + "}" * 200, "1+" * 900 + "1", "(x+1)^{5000}(y-2)^{5000}", "2" * 1900,
    "__import__('os').system('true')", "\\" * 1500, "x^" * 700 + "x", r"\{\pm " * 300 + "1" + r"\}" * 300,
    r"\sum_{n=1}^{\infty} \frac{\sin(n^n)}{n!^n}", r"\int_0^{\infty} e^{-x^{x^{x}}} dx",
    r"\lim_{x \to 0} \frac{\sin(\sin(\sin(\sin x)))^{\tan x}}{x^{x^{x}}}",
    r"\prod_{n=1}^{100000000} n", "," * 1900, r"2\frac{" * 300,
    "1/3^{20000}+1/5^{15000}+1/7^{14000}+1/11^{11000}", "\u202e\u0000\ud7ff" * 300,
)  # fmt: skip


def suite() -> list[Pair]:
    """The cases of Math-Verify's own tests that give a gold, a prediction and a verdict, from its source package."""
    folder = OUT / "math_verify_source"
    if not list(folder.glob("*.tar.gz")):
        folder.mkdir(parents=True, exist_ok=True)
        name = MATH_VERIFY.replace("[antlr4_13_2]", "")
        arguments = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(folder), name]
        subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)
    pairs: list[Pair] = []
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        for member in archive:
            if "/tests/test_" in member.name and (file := archive.extractfile(member)) is not None:
                pairs += _cases(ast.parse(file.read()))
    return pairs


def _cases(tree: ast.Module) -> Iterator[Pair]:
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        if function.name in OPTIONAL:
            continue
        for decorator in function.decorator_list:
            if not isinstance(decorator, ast.Call) or len(decorator.args) < 2:
                continue
            names = _literal(decorator.args[0])
            columns = [name.strip() for name in names.split(",")] if isinstance(names, str) else []
            if columns[:2] != ["gold", "pred"] or not isinstance(decorator.args[1], ast.List):
                continue
            for number, element in enumerate(decorator.args[1].elts):
                values = _literal(element)
                if values is None:
                    continue
                row = dict(zip(columns, values, strict=False))
                right = row.get("expected", row.get("result"))
                yield Pair(row["gold"], row["pred"], int(right), f"{function.name} {number}")


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
