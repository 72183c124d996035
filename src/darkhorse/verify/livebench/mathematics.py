"""LiveBench's mathematics: multiple choice, three-digit numbers, the order of a proof, expressions."""

from __future__ import annotations

import re
from typing import Any, cast

from darkhorse.verify.livebench.boxes import bare, edit_distance, last_box
from darkhorse.verify.math.extraction import Found
from darkhorse.verify.math.verifier import MathVerifier, verify_math
from darkhorse.verify.verdict import Scored, Verdict

_MAX_NUMBERS = 500
_NO_ANSWER = "NO ANSWER"
_OPTION = re.compile(r"\\textbf{\(([A-E])\)\s?}(.*?)(?:\\qquad|\$)")
_FIRST_DIGITS = re.compile(r"\d+")
_DROPPED_BY_AMPS = (
    ("+C", ""), ("+ C", ""), ("+ c", ""), ("+c", ""), ("\\\\fbox{", "\\\\boxed{"), ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"), ("\\left", ""), ("\\right", ""), ("\\bigl", ""), ("\\bigr", ""), ("\\Bigl", ""),
    ("\\Bigr", ""), ("\\,", ""), ("\\;", ""), ("\n", ""), ("\\cdot", "*"),
)  # fmt: skip


def contest_choice(gold: str, answer: str, question: str) -> float:
    """A letter: four times over, in a tag, in a box, as the option's own value at the end, or on the last line."""
    tags = re.findall(r"<solution>(.*?)</solution>", answer)
    if tags and set(tags[-1].lower()) == {gold.lower()} and len(set(tags[-1])) == 1:
        return 1.0
    if gold * 4 in answer:
        return 1.0
    box = last_box(answer.replace("\\\\fbox{", "\\\\boxed{"))
    if box is not None and bare(box).lower() == gold.lower():
        return 1.0
    options = {letter: value.strip() for letter, value in _OPTION.findall(question)}
    value = (options.get(gold) or "FAILURE").strip().strip("$").strip("~")
    if value in answer.replace("\\\\fbox{", "\\\\boxed{")[-20 - len(value) :]:
        return 1.0
    last = answer.strip().split("\n")[-1]
    if last.strip().replace("*", "").lower() == gold.lower():
        return 1.0
    if "(" in last and ")" in last:
        return float(last.split("(")[1].split(")")[0].lower() == gold.lower())
    return 0.0


def contest_number(gold: str, answer: str) -> float:
    """The number among the last 50 characters, or a tag of one repeated character that is the number."""
    tags = re.findall(r"<solution>(.*?)</solution>", answer)
    if tags and len(set(tags[-1])) == 1 and tags[-1][0].lower() == gold.lower():
        return 1.0
    return float(gold in answer[-50:])


def proof_order(gold: str, answer: str) -> float:
    """One minus the edit distance between the lists of numbers, as a share of the longer one."""
    wanted: list[object] = [int(number) for number in gold.split(",")]
    found = _numbers(answer)
    longest = max(len(wanted), len(found))
    return 1 - edit_distance(found, wanted) / longest if longest else 0.0


def _numbers(answer: str) -> list[object]:
    """The list after "answer:", else in the last box, else on the last line, else after the last "answer:"."""
    for read in (_declared, _boxed, _on_last_line):
        numbers = read(answer)
        if numbers and set(numbers) != {_NO_ANSWER}:
            return numbers[:_MAX_NUMBERS]
    return _loose(answer)[:_MAX_NUMBERS]


def _declared(answer: str) -> list[object]:
    lines = answer.lower().strip().split("\n")
    places = [place for place, line in enumerate(lines) if "answer:" in line]
    if not places:
        return []

    def cleaned(text: str) -> str:
        return text.replace("answer:", "").replace("**", "").replace(".", "").strip()

    stated = cleaned(lines[places[-1]].split("answer:")[1])
    if not stated and places[-1] < len(lines) - 1:
        stated = cleaned(lines[places[-1] + 1])
    return [_integer(re.sub(r"[${}\\<>]|boxed", "", _last_word(part))) for part in stated.split(",")]


def _last_word(text: str) -> str:
    return text.strip().split(" ")[-1]


def _boxed(answer: str) -> list[object]:
    if "\\boxed" not in answer:
        return []
    box = last_box(answer)
    return [_integer(part.strip()) for part in bare(answer if box is None else box).strip().split(",")]


def _on_last_line(answer: str) -> list[object]:
    parts = answer.strip().lower().split("\n")[-1].strip().split(",")
    digits = [_FIRST_DIGITS.search(part) for part in parts]
    return [_integer(found[0]) for found in digits if found is not None]


def _loose(answer: str) -> list[object]:
    numbers: list[object] = []
    for place, part in enumerate(answer.lower().split("answer:")[-1].split(",")):
        text = part.strip()
        found = _FIRST_DIGITS.search(text)
        if found is not None:
            numbers.append(int(found[0][:400]))
        if place > 0 and len(text) - (len(found[0]) if found else 0) > 0:
            break
    return numbers


def _integer(text: str) -> object:
    try:
        return int(text[:400])
    except ValueError:
        return _NO_ANSWER


def is_amps(task: str, group: str) -> bool:
    """Whether a task is of AMPS_Hard."""
    return "amps_hard" in task.lower() or "amps_hard" in group.lower()


async def amps_hard(gold: Any, answer: str) -> Verdict:
    """The last box, else the last formula of the last line, against the gold expression.

    LiveBench parses both with SymPy, simplifies the difference and asks a model where that is not zero; here the
    mathematics verifier compares them, and no model is asked.
    """
    truth = str(gold[-1] if isinstance(gold, list) else gold)
    for old, new in (("\\left", ""), ("\\right", ""), (" ^", "^"), ("\\ ", "*")):
        truth = truth.replace(old, new)
    for old, new in _DROPPED_BY_AMPS:
        answer = answer.replace(old, new)
    try:
        box = last_box(answer)
    except ValueError:
        return Scored(0.0, "The box cannot be read.", kind="unparseable_prediction")
    stated = box if box else _last_formula(answer)
    if stated is None:
        ends = answer.removesuffix(".").endswith(truth)
        return Scored(float(ends), "The answer ends with the true expression." if ends else "No answer is stated.")
    return await cast(MathVerifier, verify_math).judge(truth, Found(_normal(stated), "LiveBench's rule"))


def _last_formula(answer: str) -> str | None:
    last = answer.split("\n")[-1]
    if last.count("$") < 2:
        return None
    close = last.rfind("$")
    close -= last[close - 1] == "$"
    formula = last[last.rfind("$", 0, close) + 1 : close]
    if "=" in formula:
        return formula.split("=")[-1].strip()
    return formula.split("\\quad \\text{or} \\quad")[-1].strip()


def _normal(expression: str) -> str:
    """Minerva's normalisation: what follows the last equals sign, without text, bold and thousands separators."""
    text = expression.split("=")[-1]
    for command in ("text", "textbf", "overline"):
        text = re.sub(rf"\\{command}\{{(.*?)\}}", r"\1", text)
    text = re.sub(r"frac([^{])(.)", r"frac{\1}{\2}", text)
    text = re.sub(r"sqrt([^{\[])", r"sqrt{\1}", text).replace("$", "")
    return text.replace(",", "") if text.replace(",", "").isdigit() else text
