"""What the published checkers take from other packages, here with a small rule in the place of each one not installed.

Used by the `compat` modes alone; rewards never depend on what is installed. Nothing is ever downloaded: NLTK's data
counts as installed only where it lies on disk already.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

from darkhorse.verify.instructions import languages, lexicon, punkt, treebank


def sentences(text: str) -> list[str]:
    """NLTK's `sent_tokenize`, English."""
    tokenizer = _punkt()
    return list(tokenizer(text)) if tokenizer else punkt.split(text)


def tokens(text: str) -> list[str]:
    """NLTK's `word_tokenize`, English."""
    return [token for sentence in sentences(text) for token in treebank.tokens(sentence)]


def language(text: str) -> str | None:
    """What `langdetect.detect` says, seeded; None where it finds nothing to go by."""
    detect = _langdetect()
    if detect:
        return detect(text)
    return languages.language_of(text) or ("und" if any(map(str.isalpha, text)) else None)


def syllables(word: str) -> int:
    """`syllapy.count`."""
    count = _syllapy()
    return count(word) if count else lexicon.syllables(word)


def begins_with_verb(text: str) -> bool:
    """Whether NLTK's tagger calls the first token a verb."""
    tagger = _tagger()
    found = tokens(text)
    if not found:
        return False
    return "VB" in tagger(found)[0][1] if tagger else lexicon.is_verb(found[0])


def installed() -> dict[str, bool]:
    """Which of the packages (and their data) are in use."""
    return {
        "nltk_punkt": _punkt() is not None,
        "nltk_tagger": _tagger() is not None,
        "langdetect": _langdetect() is not None,
        "syllapy": _syllapy() is not None,
    }


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


@cache
def _punkt() -> Callable[[str], list[str]] | None:
    if _module("nltk") is None:
        return None
    try:
        return _module("nltk.tokenize.punkt").PunktTokenizer("english").tokenize  # type: ignore[no-any-return]
    except (LookupError, OSError, AttributeError):
        return None


@cache
def _tagger() -> Callable[[list[str]], list[tuple[str, str]]] | None:
    nltk = _module("nltk")
    if nltk is None:
        return None
    try:
        nltk.pos_tag(["word"])
    except (LookupError, OSError):
        return None
    return nltk.pos_tag  # type: ignore[no-any-return]


@cache
def _langdetect() -> Callable[[str], str | None] | None:
    package = _module("langdetect")
    if package is None:
        return None
    package.DetectorFactory.seed = 0

    def detect(text: str) -> str | None:
        try:
            return str(package.detect(text))
        except package.LangDetectException:
            return None

    return detect


@cache
def _syllapy() -> Callable[[str], int] | None:
    package = _module("syllapy")
    return package.count if package else None
