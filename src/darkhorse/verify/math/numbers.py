"""Plain numbers read exactly, and the rule for when a rounded number stands for an exact one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_DIGITS = 400
MIN_DIGITS_OF_ROUNDED_ANSWER = 6
MIN_DIGITS_OF_ROUNDED_GOLD = 3

_UNSIGNED = r"(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+"
_DECIMAL = re.compile(
    rf"([-+]?)\s*({_UNSIGNED})\s*"
    r"(?:(?:[eE]|(?:\\times|\\cdot|\*)\s*10\s*(?:\^|\*\*)\s*)\{?\s*([-+]?\d{1,3})\s*\}?)?"
)
_PRODUCT_WITH_E = re.compile(r"[-+]?\d+e-\d")  # `3e-2` is 3e minus 2; `3.0e-2`, `3E-2` and `3e-02` are numbers
_NUMERAL_NAMES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMERALS = {word: value for value, word in enumerate(_NUMERAL_NAMES.split())}
NUMERALS |= {word: 10 * tens for tens, word in enumerate(_TENS.split(), 2)}
_DECIMAL_COMMA = re.compile(r"[-+]?(?:0,\d+|\d+,\d{2}|\d+,\d{4,})")  # 1,5 is a list, 1,234 a thousand
_SPACED_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_INTEGER = r"\s*([-+]?\d+)\s*"


@dataclass(frozen=True)
class Number:
    """An exact value, and how many decimals it was written with (0 for integers and fractions)."""

    value: Fraction
    decimals: int = 0


def read_number(text: str, loose: bool = False) -> Number | None:
    """The number a normalised answer is: integer, decimal, scientific, fraction or mixed number; else None.

    Numbers of more than `MAX_DIGITS` digits are None too: turning digits into an integer costs quadratic time.

    Args:
        text: a normalised answer without its unit.
        loose: whether spellings with a second meaning are read as numbers too, for a text that is compared with a
            plain number: `1e-3`, `1000,99`, `1 000` and `five`.
    """
    text = text.strip()
    if len(text) > MAX_DIGITS:
        return None
    if loose and text[:1].isalpha() and (written := spelled(text)) is not None:
        return Number(Fraction(written))
    if loose and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    elif loose and _SPACED_THOUSANDS.fullmatch(text):
        text = text.replace(" ", "")
    elif not loose and _PRODUCT_WITH_E.fullmatch(text):
        return None
    if match := _DECIMAL.fullmatch(text):
        sign, digits, exponent = match.groups()
        digits = digits.replace(",", "")
        value = Fraction(f"{sign}{'0' if digits.startswith('.') else ''}{digits.rstrip('.')}")
        return Number(value * Fraction(10) ** int(exponent or 0), len(digits.partition(".")[2]))
    return _read_fraction(text)


def spelled(text: str) -> int | None:
    """A whole number below a hundred in words."""
    tens, _, ones = text.casefold().replace("-", " ").partition(" ")
    if not ones:
        return NUMERALS.get(tens)
    pair = NUMERALS.get(tens, 0), NUMERALS.get(ones, 0)
    return sum(pair) if pair[0] >= 20 and 0 < pair[1] < 10 else None


def _read_fraction(text: str) -> Number | None:
    mixed = re.fullmatch(r"([-+]?)\s*(\d+)\s*(\\frac.*)|([-+]?)\s*(\d+) (\d+\s*/\s*\d+)", text)
    sign, whole, rest = "", "0", text
    if mixed:
        sign, whole, rest = (group for group in mixed.groups() if group is not None)
    elif text[:1] in ("-", "+"):
        sign, rest = text[0], text[1:]
    match = re.fullmatch(
        rf"\s*(?:\\frac\s*(?:\{{{_INTEGER}\}}|(\d))\s*(?:\{{{_INTEGER}\}}|(\d))|([-+]?\d+)\s*/\s*([-+]?\d+))", rest
    )
    if match is None:
        return None
    numerator, denominator = (int(group) for group in match.groups() if group is not None)
    if denominator == 0 or (whole != "0" and (numerator < 0 or denominator < 0)):
        return None
    value = int(whole) + Fraction(numerator, denominator)
    return Number(-value if sign == "-" else value)


def most_decimals(text: str) -> int:
    """The most decimals any number in the text is written with: the precision its author chose."""
    return max((len(digits) for digits in re.findall(r"\d*\.(\d+)", text)), default=0)


def terminates(value: Fraction, decimals: int) -> bool:
    """Whether the value can be written exactly with that many decimals."""
    return bool(10**decimals % value.denominator == 0)


def significant_digits(value: Fraction, decimals: int) -> int:
    """Digits from the first non-zero one to the last decimal."""
    return len(str(abs(round(value * 10**decimals)))) if value else 0


def stands_for(gold: Fraction, gold_decimals: int, answer: Fraction, answer_decimals: int) -> bool:
    """Whether one of two different rationals is a fair rounding of the other.

    Either the answer writes an endless gold (1/12) with at least six significant digits, or the gold is a decimal
    with at least three and the answer is the exact value behind it: an endless fraction, or at least four more
    decimals. A nearby exact number (2023.1 for 2023, 12.46 for 12.5) never passes.
    """
    limit = 60  # decimals beyond any honest answer
    if gold_decimals > limit or answer_decimals > limit:
        return False
    gold_exact, answer_exact = terminates(gold, gold_decimals), terminates(answer, answer_decimals)
    if not gold_exact and answer_exact:
        enough = significant_digits(answer, answer_decimals) >= MIN_DIGITS_OF_ROUNDED_ANSWER
        return enough and abs(gold - answer) < Fraction(1, 10**answer_decimals)
    if gold_decimals > 0 and gold_exact:
        finer = not terminates(answer, limit) or not terminates(answer, gold_decimals + 3)
        enough = significant_digits(gold, gold_decimals) >= MIN_DIGITS_OF_ROUNDED_GOLD
        return finer and enough and abs(gold - answer) <= Fraction(1, 2 * 10**gold_decimals)
    return False
