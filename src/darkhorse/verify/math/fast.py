"""The decisions that need no algebra, made exactly and in microseconds inside the trainer's process."""

from __future__ import annotations

import re

from darkhorse.verify.math.normalise import compact, normalise
from darkhorse.verify.math.numbers import NUMERALS, Number, read_number, stands_for
from darkhorse.verify.math.units import Unit, factors, has_variable, split_unit

_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
_WORDS = re.compile(r"[A-Za-z ,.'\-]+")
_CHOICE = re.compile(r"\(?([A-J])\)?")
_CHOICE_AND_MORE = re.compile(r"(?:\(([A-J])\)|([A-J])[).:])\s*(\S.*)")
_OTHER_CHOICE = re.compile(r"\b(?:or|and|[A-J])\b")
_BASE = re.compile(r"\(?([0-9A-Za-z]{1,200}?)\)?(?:_\s*\{?\s*\(?|\s+base[ -]?)\s*(?:base )?(\w{1,7})\s*\)?\s*\}?")
_MATHEMATICAL = "sqrt alpha beta gamma delta theta lambda sigma omega infinity arcsin arccos arctan sinh cosh tanh"
_MATHEMATICAL_WORDS = frozenset(_MATHEMATICAL.split())


def decide_fast(gold: str, answer: str) -> tuple[bool, str] | None:
    """Whether the answer equals the gold, if both are the same string, plain numbers, times, choices or words.

    Returns:
        The decision and the rung that made it (`text` or `number`); None when it takes algebra to tell.
    """
    gold, answer = normalise(gold), normalise(answer)
    if compact(gold) == compact(answer):
        return True, "text"
    if compact(_untexted(gold)) == compact(_untexted(answer)):
        return True, "text"
    gold_base, answer_base = _in_base(gold), _in_base(answer)
    if gold_base and answer_base:
        return gold_base == answer_base, "text"
    gold_words, answer_words = words_of(gold), words_of(answer)
    if gold_words is not None:
        return gold_words == answer_words or gold_words == compact(answer).casefold(), "text"
    gold_choice, answer_choice = _CHOICE.fullmatch(_untexted(gold)), _CHOICE.fullmatch(_untexted(answer))
    if gold_choice and answer_choice:
        return gold_choice.group(1) == answer_choice.group(1), "text"
    if gold_choice and (led := _CHOICE_AND_MORE.fullmatch(_untexted(answer))):
        return gold_choice.group(1) == (led.group(1) or led.group(2)) and not _OTHER_CHOICE.search(led.group(3)), "text"
    gold_body, gold_unit = split_unit(gold)
    answer_body, answer_unit = split_unit(answer, letters=not has_variable(gold_body))
    gold_time, answer_time = _TIME.fullmatch(gold_body), _TIME.fullmatch(answer_body)
    if gold_time and answer_time:
        same = [int(part) for part in gold_time.groups()] == [int(part) for part in answer_time.groups()]
        return same and bool(factors(gold_unit, answer_unit, False)), "text"
    gold_number, answer_number = read_number(gold_body), read_number(answer_body)
    if gold_number is not None and answer_number is None:
        answer_number = read_number(_untexted(answer_body), loose=True)
    elif answer_number is not None and gold_number is None:
        gold_number = read_number(_untexted(gold_body), loose=True)
    if gold_number is None or answer_number is None:
        return None
    return same_numbers(gold_number, gold_unit, answer_number, answer_unit), "number"


def same_numbers(gold: Number, gold_unit: Unit, answer: Number, answer_unit: Unit) -> bool:
    """Whether two numbers with their units are equal, or one a fair rounding of the other."""
    pairs = factors(gold_unit, answer_unit, gold_below_one=abs(gold.value) < 1)
    return any(
        gold.value * gold_factor == answer.value * answer_factor
        or (gold_factor == answer_factor and stands_for(gold.value, gold.decimals, answer.value, answer.decimals))
        for gold_factor, answer_factor in pairs
    )


def words_of(text: str) -> str | None:
    r"""The casefolded words of a normalised answer that consists of words (`\text{Evelyn}`, `odd`), else None.

    A single letter or a run of up to three (`abc`) is a variable or product, unless it stands in `\text{}`.
    """
    plain = _untexted(text)
    if not _WORDS.fullmatch(plain):
        return None
    longest = max((len(word) for word in re.findall(r"[A-Za-z]+", plain)), default=0)
    named = any(word in _MATHEMATICAL_WORDS for word in plain.casefold().split())
    if named or not (longest >= 4 or (longest >= 2 and "\\text" in text)):
        return None
    return re.sub(r"[\s.,]+", "", plain).casefold()


def _in_base(text: str) -> tuple[str, int] | None:
    """The digits and the base of `204_5`, `(1A)_{16}`, `204_{\\text{five}}` or `204 base 5`."""
    match = _BASE.fullmatch(_untexted(text))
    if match is None:
        return None
    base = NUMERALS.get(match.group(2).casefold()) or (int(match.group(2)) if match.group(2).isdigit() else 0)
    return (match.group(1).upper().lstrip("0"), base) if base > 1 else None


def _untexted(text: str) -> str:
    if "\\text" not in text:
        return text.strip()
    return re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", text).strip()
