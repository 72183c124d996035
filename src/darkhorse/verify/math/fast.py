"""The decisions that need no algebra, made exactly and in microseconds inside the trainer's process."""

from __future__ import annotations

import re

from darkhorse.verify.math.normalise import compact, normalise
from darkhorse.verify.math.numbers import NUMERALS, Number, read_number, spelled, stands_for
from darkhorse.verify.math.units import Unit, factors, has_variable, split_unit

_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
_HALVES = {"morning": (0,), "afternoon": (12,)}
_WORDS = re.compile(r"[A-Za-z ,.'\-]+")
_CHOICE = re.compile(r"\(?([A-J])\)?")
_CHOICE_AND_MORE = re.compile(r"(?:\(([A-J])\)|([A-J])[).:])\s*(\S.*)")
_ARTICLE = re.compile(r"\A\s*(?:an?|the)\s+", re.IGNORECASE)
_CHOICES = re.compile(r"[A-J](?:\s*,?\s*[A-J]){1,9}")
_OPTION = re.compile(
    r"\A\s*(?:the )?(?:(?:correct )?(?:answer|option|choice)(?: is)?:?\s*)+(?=\(?[A-J]\b)", re.IGNORECASE
)
_WORDS_AND_NUMBERS = re.compile(r"[A-Za-z0-9 ,.'\-]+")
_OTHER_CHOICE = re.compile(r"\b(?:or|and|[A-J])\b")
_BASE = re.compile(r"\(?([0-9A-Za-z]{1,200}?)\)?(?:_\s*\{?\s*\(?|\s+\(?base[ -]?)\s*(?:base )?(\w{1,7})\s*\)?\s*\}?")
_SHORT_WORDS = frozenset(("yes", "no", "odd", "all", "red"))
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
    if gold_words is not None and (spelled(_untexted(gold)) is None or answer_words is not None):
        return gold_words == answer_words or gold_words == compact(answer).casefold(), "text"
    gold_phrase, answer_phrase = _phrase(gold), _phrase(answer)
    if gold_phrase is not None and answer_phrase is not None:
        return gold_phrase == answer_phrase, "text"
    if (chosen := _choices(gold, answer)) is not None:
        return chosen, "text"
    gold_body, gold_unit = split_unit(gold)
    answer_body, answer_unit = split_unit(answer, letters=not has_variable(gold_body))
    halved = bool({gold_unit.dimension, answer_unit.dimension} & _HALVES.keys())
    gold_time, answer_time = _minutes(gold_body, gold_unit, halved), _minutes(answer_body, answer_unit, halved)
    if gold_time is not None and answer_time is not None and ":" in gold_body + answer_body:
        return bool(gold_time & answer_time), "text"
    if gold_time is not None and gold_unit.dimension in _HALVES and ":" in gold_body:
        return False, "text"
    gold_number, answer_number = read_number(gold_body), read_number(answer_body)
    if gold_number is not None and answer_number is None:
        answer_number = read_number(_untexted(answer_body), loose=True)
    elif answer_number is not None and gold_number is None:
        gold_number = read_number(_untexted(gold_body), loose=True)
    if gold_number is None or answer_number is None:
        return None
    return same_numbers(gold_number, gold_unit, answer_number, answer_unit), "number"


def _choices(gold: str, answer: str) -> bool | None:
    """Whether two choices are the same, each a letter, letters, or a letter and its text (`(C) 12`); else None."""
    gold, answer = _untexted(gold), _OPTION.sub("", _untexted(answer))
    gold_choice, answer_choice = _CHOICE.fullmatch(gold), _CHOICE.fullmatch(answer)
    gold_led, answer_led = _CHOICE_AND_MORE.fullmatch(gold), _CHOICE_AND_MORE.fullmatch(answer)
    if gold_choice and answer_choice:
        return gold_choice.group(1) == answer_choice.group(1)
    if gold_choice and answer_led:
        return gold_choice.group(1) == _letter(answer_led) and not _OTHER_CHOICE.search(answer_led.group(3))
    if gold_led and gold_led.group(1) and (answer_choice or answer_led):
        named = answer_choice.group(1) if answer_choice else _letter(answer_led)
        return named == gold_led.group(1) and (answer_led is None or not _OTHER_CHOICE.search(answer_led.group(3)))
    several = [_CHOICES.fullmatch(side) for side in (gold, answer)]
    if all(several) and "," in gold + answer:
        letters = [re.findall("[A-J]", side) for side in (gold, answer)]
        if all(len(set(each)) == len(each) for each in letters):
            return sorted(letters[0]) == sorted(letters[1])
    return None


def _letter(led: re.Match[str] | None) -> str | None:
    return (led.group(1) or led.group(2)) if led else None


def _phrase(text: str) -> str | None:
    """The casefolded words of a text that holds words and numbers (`March 5`), else None."""
    plain = _untexted(text)
    if len(plain) > 200 or not _WORDS_AND_NUMBERS.fullmatch(plain) or not re.search(r"\d", plain):
        return None
    starts = re.match(r"[A-Za-z]{3,}\b", plain)
    named = any(word in _MATHEMATICAL_WORDS for word in plain.casefold().split())
    return re.sub(r"[\s,.]+", " ", plain).strip().casefold() if starts and not named else None


def _minutes(text: str, unit: Unit, halved: bool) -> set[int] | None:
    """The minutes since midnight that a clock time can mean, None if it is no clock time.

    Args:
        text, unit: `3:45` or, with `am` or `pm`, also `3`.
        halved: whether one of two times says am or pm, so that the other may mean either.
    """
    match = _TIME.fullmatch(text)
    if match is None and not (unit.dimension in _HALVES and re.fullmatch(r"1?\d", text)):
        return None
    hour, minute = (int(part) for part in match.groups()) if match else (int(text), 0)
    if not halved or not 1 <= hour <= 12:
        return {60 * (hour % 24) + minute}
    return {60 * (hour % 12 + half) + minute for half in _HALVES.get(unit.dimension, (0, 12))}


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
    short = longest >= 2 and ("\\text" in text or plain.strip(" .").casefold() in _SHORT_WORDS)
    if named or not (longest >= 4 or short):
        return None
    return re.sub(r"[\s.,]+", "", _ARTICLE.sub("", plain)).casefold()


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
