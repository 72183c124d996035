"""Comparing single items of lists and tables: numbers by value, text by its loose form."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Any

from darkhorse.verify.truths import folded

_NUMBER = re.compile(r"([-+]?)(\d{1,60}(?:\.\d{0,60})?|\.\d{1,60})(?:[eE]([-+]?\d{1,3}))?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3}){1,20}(?:\.\d{0,60})?")
_FRACTION = re.compile(r"([-+]?\d{1,60})\s*/\s*(\d{1,60})")
_MARKS = " \t\r\n*_`\"'"


def same_cell(found: Any, wanted: Any, tolerance: float = 0.0) -> bool:
    """Whether two items are the same: numbers by value, all else by its text without case, spaces and marks around it.

    Args:
        found: the model's item.
        wanted: the true one.
        tolerance: how far a number may lie from the true one, as a share of it.
    """
    if isinstance(wanted, bool) or isinstance(found, bool) or wanted is None or found is None:
        return cell_text(found) == cell_text(wanted)
    number = cell_number(wanted)
    if number is None:
        return cell_text(found) == cell_text(wanted)
    other = cell_number(found)
    if other is None:
        return False
    if isinstance(wanted, str) and not tolerance and _keeps_zeros(wanted):
        return cell_text(found) == cell_text(wanted)
    return abs(other - number) <= abs(number) * Fraction(tolerance)


def cell_number(value: Any) -> Fraction | None:
    """The exact number a cell holds: decimals, thousands separators, fractions; None if it holds none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Fraction(value)
    if isinstance(value, float):
        return Fraction(repr(value)) if value == value and abs(value) != float("inf") else None
    if not isinstance(value, str):
        return None
    text = _bare(value)
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if number := _NUMBER.fullmatch(text):
        size = Fraction(number[2]) * Fraction(10) ** int(number[3] or 0)
        return -size if number[1] == "-" else size
    if ratio := _FRACTION.fullmatch(text):
        return Fraction(int(ratio[1]), int(ratio[2])) if int(ratio[2]) else None
    return None


def cell_text(value: Any) -> str:
    """The loose form of a cell: Unicode-normalised, without case, repeated spaces and marks around it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "\0nested"  # equals no cell, and its text could be too deep to write
    if isinstance(value, int) and abs(value) >= 10**60:
        return "\0huge"  # Python refuses to print what is longer than a few thousand digits
    return folded(_bare(str(value)))


def _bare(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip(_MARKS)


def _keeps_zeros(text: str) -> bool:
    """Whether a text such as `007` is a code rather than a number."""
    digits = _bare(text).lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits.isdigit()
