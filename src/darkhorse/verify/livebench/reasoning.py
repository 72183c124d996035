"""LiveBench's reasoning: spatial puzzles, webs of lies, zebra puzzles."""

from __future__ import annotations

import itertools
import re

from darkhorse.verify.livebench.boxes import last_box, solutions

_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_WORTH = {word: str(number) for number, word in enumerate(_NUMBERS)}
_SOLIDS = ("tetrahedra", "tetrahedron", "triangle", "square")
_LIES = ("yes", "no", "unknown")


def spatial(gold: str, answer: str) -> float:
    """One of the last three bold words, a number in words too; else the last box."""
    if answer == gold:
        return 1.0
    wanted = gold.strip().lower()
    for bold in re.findall(r"\*\*([^\*]+)\*\*", answer)[-3:]:
        word = bold.strip().lower()
        shape = wanted in _SOLIDS and wanted in word and len(word) < 2 * len(wanted) + 5
        if word == wanted or _WORTH.get(word) == wanted or shape:
            return 1.0
    box = last_box(answer.replace("\\\\fbox{", "\\\\boxed{"))
    if not box:
        return 0.0
    return float(re.sub(r"\\(?:textbf|mathbf|text)\{|\}", "", box) == gold)


def web_of_lies(gold: str, answer: str) -> float:
    """Three words of yes, no and unknown: in a tag, in bold, in a box, or as the last such list."""
    tags = solutions(answer)
    stated: str | None = tags[-1] if tags else _bold_lies(answer)
    if stated is None or not stated.strip():
        text = answer.replace("\\\\boxed{\\\\textbf{", "\\\\boxed{").replace("\\\\fbox{", "\\\\boxed{")
        box = last_box(text.replace("\\textbf{", "\\boxed{"))
        stated = stated if box is None else box
    if stated is None:
        stated = _listed_lies(answer.replace("\\textbf{", "\\boxed{"))
    if not stated:
        return 0.0
    count = sum(stated.count(word) for word in _LIES)
    return float(stated == gold.lower() or (count == len(_LIES) and gold.lower() in stated))


def _bold_lies(answer: str) -> str | None:
    """The last three such words in bold text."""
    found: list[str] = []
    for bold in re.findall(r"\*\*(.*?)\*\*", answer):
        for word in bold.split():
            bare = word.lower().strip().replace(",", "").replace(".", "")[: max(len(bold), 3)]
            if bare in _LIES:
                found.append(bare)
    return ", ".join(found[-3:]) if found else None


def _listed_lies(answer: str) -> str | None:
    text = answer.lower()
    lists = [", ".join(words) for words in itertools.product(_LIES, repeat=3)]
    place, last = max((text.find(words), -number) for number, words in enumerate(lists))
    return lists[-last] if place >= 0 else None


def zebra(gold: str, answer: str, old: bool) -> float:
    """The share of right answers and whether all are, averaged; in the first release one word in bold italics."""
    return _zebra_word(gold, answer) if old else _zebra_list(gold, answer)


def _zebra_word(gold: str, answer: str) -> float:
    bold = re.findall(r"\*\*\*(\w+)\*\*\*", answer)
    words = bold or re.findall(r"\b\w+\b", answer)
    last = words[-1] if words else ""
    spelled = _NUMBERS[int(last)] if last in "123456789" and len(last) == 1 else None
    return float(gold.lower() in (last.lower(), spelled, f"{last.lower()} movies"))


def _zebra_list(gold: str, answer: str) -> float:
    wanted = gold.split(",")
    found = solutions(answer)
    if not found:
        box = last_box(answer.replace("\\\\fbox{", "\\\\boxed{"))
        if box is not None:
            found = [box.replace("\\text{", "").replace("}", "").replace("\\", "")]
    if not found:
        last = answer.strip().split("\n")[-1]
        if last.count(",") == len(wanted) - 1:
            found = [last]
    if not found:
        return 0.0
    words = [word for one in found for word in one.split(",")]
    words = words[-len(wanted) :] if len(found) > 1 else words
    right = sum(_plain(one) in _plain(other).replace("position", "") for one, other in zip(wanted, words, strict=False))
    return ((right == len(wanted)) + right / len(wanted)) / 2


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", " ")
