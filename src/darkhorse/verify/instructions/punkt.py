"""Sentence boundaries as the published checkers draw them, where NLTK's trained model is not at hand.

The method is Punkt's (Kiss and Strunk 2006, "Unsupervised Multilingual Sentence Boundary Detection"): a final stop ends
a sentence unless its word is an abbreviation, an initial or a number whose successor does not look like a beginning.
Punkt learns abbreviations and beginnings from a corpus; here they are short lists, so boundaries after rare
abbreviations may differ from NLTK's.
"""

# ruff: noqa: SIM905 (words read better in a row than each in quotes)

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from itertools import pairwise

from darkhorse.verify.instructions.lexicon import STOP_WORDS

_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st sr jr vs v inc ltd co corp cos bros gen col lt maj adm rep reps sen messrs cie ave ft yr "
    "ct ok jan feb aug sept sep oct nov dec tues wed fri a.m p.m u.s u.k u.n u.s.a u.s.s.r d.c n.y n.j l.a n.h n.c "
    "s.c n.m n.d r.i w.va ph.d a.d j.p s.a n.v calif ariz conn fla ga ill kan ky mich minn nev okla ore pa tenn va "
    "vt wash wis ala colo mg".split()
)
# Words that often begin sentences, and further function words: a capital makes a beginning of the former alone, since
# the latter are capitalised in titles too.
_STARTERS = frozenset(
    "although among both but despite even he however i if in indeed instead it many meanwhile moreover most "
    "nevertheless nor since so some the there these they this though thus under when while yet".split()
)
_FUNCTION_WORDS = _STARTERS | frozenset(
    "also maybe his its before by because you she no several at on after few once an those every their and each for or "
    "my that to now what as we where perhaps our why how let with who not from a then here".split()
)
_MARKS = (";", ":", ",", ".", "!", "?")
_END = re.compile(r"[.?!](?=([)\";}\]*:@'({\[!?])|\s+(\S+))")
_CLOSING = re.compile(r"[\"')\]}]+?(?:\s+|(?=--)|$)", re.MULTILINE)
_TOKEN = re.compile(
    r"-{2,}|\.{2,}|(?:\.\s){2,}\."
    r"|(?=[^(\"`{\[:;&#*@)}\]\-,])\S+?(?=\s|$|[)\";}\]*:@'({\[!?]|-{2,}|\.{2,}|,(?:$|\s|[)\";}\]*:@'({\[!?]))"
    r"|\S"
)
_NUMBER = re.compile(r"-?[.,]?\d[\d,.-]*\.?")
_INITIAL = re.compile(r"[^\W\d]\.")
_LONGEST_CONTEXT = 400  # characters of a word looked at: longer ones are no words


def split(text: str) -> list[str]:
    """The sentences of an English text, without the whitespace between them."""
    return [text[start:end] for start, end in _realigned(text, list(_spans(text))) if text[start:end]]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Sentences as they end, closing quotes and brackets still with their successors."""
    start = 0
    for word, end, mark in _candidates(text):
        after = mark[1] or f" {mark[2][:_LONGEST_CONTEXT]}"
        if _breaks(text[max(word, end - _LONGEST_CONTEXT) : end] + after):
            yield start, end
            start = mark.start(2) if mark[2] else end
    stop = len(text.rstrip())
    yield start, max(start, stop)


def _candidates(text: str) -> Iterator[tuple[int, int, re.Match[str]]]:
    """Where a sentence may end: the start of the word before, the end of the mark, and the match. Of several marks in
    one word (`?!`) only the last counts."""
    held: tuple[int, int, re.Match[str]] | None = None
    begin = stop = 0
    for match in _END.finditer(text):
        space = _last_space(text, stop, match.start())
        word = space + 1 if space > stop else begin
        if held and stop <= word:
            yield held
        held, begin, stop = (word, match.end(), match), word, match.start()
    if held:
        yield held


def _last_space(text: str, start: int, end: int) -> int:
    for place in range(end - 1, start - 1, -1):
        if text[place] in string.whitespace:
            return place
    return -1


def _breaks(context: str) -> bool:
    """Whether a sentence ends inside a context: a word that ends in a mark, and what follows it."""
    tokens = _TOKEN.findall(context)
    return any(_ends(token, following) for token, following in pairwise(tokens))


def _ends(token: str, following: str) -> bool:
    if token in (".", "?", "!"):
        return True
    if not token.endswith("."):
        return False
    ellipsis = token.endswith("..")
    body = token[:-1].lower()
    abbreviated = not ellipsis and (body in _ABBREVIATIONS or body.rsplit("-", 1)[-1] in _ABBREVIATIONS)
    initial = _INITIAL.fullmatch(token) is not None
    if (ellipsis or abbreviated) and not initial:
        if not following[0].isupper():
            return False
        return _lowered(following) in _STARTERS or (ellipsis and _lowered(following) not in _FUNCTION_WORDS)
    if _NUMBER.fullmatch(token) or initial:
        if following in _MARKS or following[0].islower():
            return False
        known = len(following) == 1 or _lowered(following) in _FUNCTION_WORDS | STOP_WORDS
        return not initial or not following[0].isupper() or known
    return not ellipsis


def _lowered(token: str) -> str:
    return token.lower().rstrip(".")


def _realigned(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Closing quotes and brackets go to the sentence that they close."""
    shift = 0
    for index, (start, end) in enumerate(spans):
        start += shift
        shift = 0
        if index + 1 < len(spans):
            following, last = spans[index + 1]
            match = _CLOSING.match(text, following, last)
            if match:
                yield start, following + len(match[0].rstrip())
                shift = match.end() - following
                continue
        yield start, end
