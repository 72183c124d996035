"""Units at the end of an answer: taking them off, and saying by which factors two answers' units compare."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Unit:
    """What stood behind a number.

    Attributes:
        dimension: what it measures, e.g. `length^2`; empty for a unit we do not know (`apples`) or a bare count.
        factor: size in the dimension's base unit; matters only against another unit of that dimension.
        scale: always multiplies the number (`million`).
    """

    dimension: str = ""
    factor: Fraction = Fraction(1)
    scale: Fraction = Fraction(1)


NONE = Unit()
PERCENT = Unit("percent", Fraction(1, 100))
DEGREE = Unit("angle")
_TABLE: dict[str, tuple[str, str]] = {}
for _dimension, _spellings in {
    "length": "m meter meters metre metres:1 cm centimeter centimeters centimetre centimetres:1/100 "
    "mm millimeter millimeters:1/1000 km kilometer kilometers kilometre kilometres:1000 "
    "in inch inches:254/10000 ft foot feet:3048/10000 yd yard yards:9144/10000 mi mile miles:1609344/1000",
    "mass": "kg kilogram kilograms:1 g gram grams:1/1000 mg milligrams:1/1000000 "
    "lb lbs pound pounds:45359237/100000000",
    "time": "s sec secs second seconds:1 min mins minute minutes:60 h hr hrs hour hours:3600 "
    "day days:86400 week weeks:604800",
    "volume": "l liter liters litre litres:1 ml milliliter milliliters:1/1000",
    "money": "dollar dollars usd:1 cent cents:1/100",
    "euro": "euro euros eur:1",
    "sterling": "sterling gbp:1",
    "yen": "yen yuan rmb:1",
    "speed": "m/s:1 km/h kph:1000/3600 mph miles/hour:1609344/3600000",
    "angle": "degree degrees deg:1",
    "percent": "percent percentage pct:1/100",
    "morning": "am:1",
    "afternoon": "pm:1",
}.items():
    for _group in re.findall(r"([^:]+):(\S+)\s*", _spellings):
        for _name in _group[0].split():
            _TABLE[_name] = (_dimension, _group[1])
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_QUALIFIERS = (
    "and or not no none nor to than least most about if when where mod half halves third thirds quarter quarters "
    "fourth fourths fifth fifths tenth tenths hundredth hundredths more less over under between either neither both "
    "otherwise except also but base for all any with without sin cos tan log exp sqrt pi theta alpha beta lambda "
    "infinity"
)
_NOT_UNITS = frozenset(_QUALIFIERS.split())
_POWER = r"(?:\s*\^\s*\{?\s*([23])\s*\}?)?"
_DEGREES = re.compile(r"\s*(?:\^\s*\{?\s*\\circ\s*\}?|\\degree)\s*(\\text\s*\{\s*[CF]\s*\}|[CF])?\Z")
_PERCENT = re.compile(r"\s*\\?%\Z")
_MODULUS = re.compile(r"\s*\(?\s*\\pmod\s*(?:\{([^{}]*)\}|(\w+))\s*\)?\Z")
_TEXT_UNIT = re.compile(r"\s*\\text\s*\{([^{}]*)\}\s*(?:/\s*\\text\s*\{([^{}]*)\}\s*)?" + _POWER + r"\Z")
_RAW_UNIT = re.compile(r"(?<=[\d}) ])([A-Za-z]+(?:[ /][A-Za-z]+){0,3})" + _POWER + r"\Z")
_TRIGONOMETRIC = re.compile(r"sin|cos|tan|cot|sec|csc")
_VARIABLE = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_PLAIN_NUMBER = re.compile(r"[-+\d.,/ :]+|[-+]?\d*\s*\\frac\s*(?:\{-?\d+\}\s*\{-?\d+\}|\d\s*\d)")


def split_unit(text: str, letters: bool = False) -> tuple[str, Unit]:
    """The normalised answer without its trailing unit, and the unit (`NONE` if it has none).

    Words that qualify or hedge rather than measure (`and`, `or`, `not`, `half`, ...) are no units and stay.

    Args:
        text: a normalised answer.
        letters: whether one letter behind a number may be a unit, as in `5 m`, rather than a variable.
    """
    if (match := _DEGREES.search(text)) and not _TRIGONOMETRIC.search(text):
        unit = Unit("temperature") if match.group(1) else DEGREE
    elif match := _PERCENT.search(text):
        unit = PERCENT
    elif match := _MODULUS.search(text):
        unit = Unit(f"mod {(match.group(1) or match.group(2)).strip()}")
    elif match := _TEXT_UNIT.search(text):
        found = _named("/".join(part for part in match.group(1, 2) if part), match.group(3))
        if found is None:
            return text, NONE
        unit = found
    elif match := _RAW_UNIT.search(text):
        found = _named(match.group(1), match.group(2))
        words = re.split(r"[ /]", match.group(1))
        known = found is not None and (found.dimension or found.scale != 1) and (letters or len(words[0]) > 1)
        spoken = text[match.start() - 1] == " " and all(len(word) >= 3 for word in words) and len(words[0]) >= 4
        if found is None or not (known or spoken) or not _PLAIN_NUMBER.fullmatch(text[: match.start()].strip()):
            return text, NONE
        unit = found
    else:
        return text, NONE
    body = text[: match.start()].strip()
    return (body, unit) if body else (text, NONE)


def has_variable(text: str) -> bool:
    """Whether a normalised answer holds a letter that stands alone."""
    return _VARIABLE.search(text) is not None


def factors(gold: Unit, answer: Unit, gold_below_one: bool) -> list[tuple[Fraction, Fraction]]:
    """Pairs to multiply gold and answer by, any of which may make them equal; empty if the units contradict.

    A unit on one side only is taken as understood on the other. A percentage also equals its bare number (`28%`
    for a gold of 28), unless the gold is a proportion below one.
    """
    if gold.dimension and answer.dimension:
        if gold.dimension != answer.dimension:
            return []
        return [(gold.factor * gold.scale, answer.factor * answer.scale)]
    pairs = [(gold.scale, answer.scale)]
    if gold is PERCENT or gold.dimension == "percent":
        pairs.append((gold.factor * gold.scale, answer.scale))
    elif answer.dimension == "percent":
        pairs = ([] if gold_below_one else pairs) + [(gold.scale, answer.factor * answer.scale)]
    return pairs


def _named(phrase: str, power: str | None) -> Unit | None:
    """The unit of a phrase such as `square cm` or `million dollars`; None if it is no unit at all."""
    words = re.sub(r"\s*/\s*", "/", phrase.replace(".", "").casefold()).split()
    if any(part in _NOT_UNITS or re.search(r"[^a-z]", part) for word in words for part in word.split("/")):
        return None
    scale = Fraction(1)
    if words and words[0] in _SCALES:
        scale = Fraction(_SCALES[words.pop(0)])
    exponent = int(power or 1)
    if words and words[0] in ("square", "sq", "cubic"):
        exponent = 3 if words.pop(0) == "cubic" else 2
    name = "/".join(words).replace("/per/", "/")
    if name not in _TABLE:
        return Unit(scale=scale)
    dimension, factor = _TABLE[name]
    return Unit(f"{dimension}^{exponent}" if exponent > 1 else dimension, Fraction(factor) ** exponent, scale)
