"""Word tokens as the published checkers count them: the Penn Treebank conventions, as NLTK's `word_tokenize` has them.

Contractions come apart (`CAN'T` is `CA` and `N'T`), punctuation stands alone, a full stop leaves its word only at the
end of a sentence. Source: the Treebank's tokenization rules (Marcus et al. 1993) and their extension in NLTK.
"""

from __future__ import annotations

import re

_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # opening quotes
        (r"[«“‘„]|`+", r" \g<0> "),
        (r"\A\"", "``"),
        (r"``", " `` "),
        (r"([ (\[{<])(?:\"|'')", r"\1 `` "),
        (r"(?i)'(?!re|ve|ll|m|t|s|d|n)(\w)\b", r"' \1"),
        # punctuation; the final stop first with the closing marks behind it
        (r"([^.])\.([\])}>\"'»”’ ]*)\s*\Z", r"\1 . \2 "),
        (r"([:,])(\D)", r" \1 \2"),
        (r"[:,]\Z", r" \g<0> "),
        (r"\.{2,}", r" \g<0> "),
        (r"[;@#$%&?!]", r" \g<0> "),
        (r"([^'])' ", r"\1 ' "),
        (r"[*\]\[(){}<>]", r" \g<0> "),
        (r"--", " -- "),
    )
)
_ENDINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[»”’]", r" \g<0> "),
        (r"''|\"", " '' "),
        (r"\s+", " "),
        (r"([^' ])('[sS]|'[mM]|'[dD]|') ", r"\1 \2 "),
        (r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", r"\1 \2 "),
        (r"(?i)\b(can)(not)\b|\b(d)('ye)\b|\b(gim)(me)\b|\b(gon)(na)\b|\b(got)(ta)\b|\b(lem)(me)\b|\b(more)('n)\b", ""),
        (r"(?i)\b(wan)(na)(?=\s)", ""),
        (r"(?i) ('t)(is|was)\b", ""),
    )
)


def tokens(sentence: str) -> list[str]:
    """The word and punctuation tokens of one sentence."""
    for pattern, replacement in _RULES:
        sentence = pattern.sub(replacement, sentence)
    sentence = f" {sentence} "
    for pattern, replacement in _ENDINGS:
        sentence = pattern.sub(replacement or _halves, sentence)
    return sentence.split()


def _halves(match: re.Match[str]) -> str:
    return " " + " ".join(group for group in match.groups() if group) + " "
