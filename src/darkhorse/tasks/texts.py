"""Cutting a text into words, sentences, bullets and items, the same way everywhere it is counted."""

from __future__ import annotations

import re

_BARE_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++[\"'”’)\]]*+(?=\s|\Z)")  # possessive: linear on hostile runs
_BULLET = re.compile(r"[ \t]*[-*•][ \t]+(.*)")


def words(text: str) -> list[str]:
    """Whitespace-separated pieces that hold a letter or digit, as a person counts words."""
    return [piece for piece in text.split() if any(character.isalnum() for character in piece)]


def bare_words(text: str) -> list[str]:
    """Words casefolded and without punctuation; apostrophes and hyphens inside a word stay."""
    return _BARE_WORD.findall(text.casefold())


def sentences(text: str) -> list[str]:
    """Pieces ended by `.`, `!` or `?` before a space or the end; an unended last piece counts too."""
    return [piece.strip() for piece in _SENTENCE_END.split(text) if words(piece)]


def bullets(text: str) -> list[str]:
    """Contents of the non-empty bullet lines (`- `, `* ` or `• `)."""
    found = (_BULLET.fullmatch(line) for line in text.splitlines())
    return [match[1].strip() for match in found if match and words(match[1])]


def items(text: str) -> list[str]:
    """Items of a list, casefolded: its bullet lines, or else what commas separate; quotes and final stops fall away."""
    pieces = bullets(text) or text.split(",")
    return [piece.strip(" \t\n\r.\"'“”").casefold() for piece in pieces]


def unfenced(text: str) -> str:
    """The text without a surrounding Markdown code fence."""
    lines = text.strip().splitlines()
    if len(lines) >= 2 and lines[0].startswith("```") and lines[-1].strip() == "```":
        return "\n".join(lines[1:-1])
    return text.strip()
