"""Which kinds may be asked for together. What the table lets through is still proved, by writing a text that obeys."""

from __future__ import annotations

import random

from darkhorse.tasks.synthetic.composed.wording import MAKERS

# Each kind claims parts of the text; two kinds that claim the same part do not go together.
_CLAIMS: dict[str, str] = {
    "body": "bullets numbered_steps labels json_keys parts divided headings table acrostic line_count paragraph_count",
    "start": "starts_with first_line title json_keys labels acrostic quoted tag headings numbered_steps",
    "end": "ends_with last_line postscript ending_mark json_keys labels acrostic hashtags code_block table tag quoted",
    "case": "lowercase uppercase capital_words",
    "names": "uppercase lowercase json_keys tag code_block",
    "length": "word_count sentence_length",
    "sentences": "sentence_count sentence_length different_openers json_keys labels table code_block title acrostic",
    "sentence ends": "sentence_mark ending_mark mark_count no_mark",
    "unended lines": "sentence_mark sentence_count first_line last_line title postscript headings hashtags table "
    "code_block",
    "sentences in lines": "sentence_count sentence_length numbered_steps bullets",
    "openers": "different_openers starts_with first_line last_line title postscript",
    "every line": "line_prefix bullets numbered_steps labels json_keys parts divided headings table tag quoted "
    "code_block paragraph_count acrostic first_line last_line title postscript",
    "lines": "line_count first_line last_line title postscript code_block table",
    "digits": "no_digits number date numbered_steps",
    "hyphens": "date word_length",
    "colons": "no_mark labels json_keys table asides date",
    "quotes": "quoted json_keys",
    "commas": "no_commas json_keys",
    "asterisks": "bold parts json_keys",
    "brackets": "asides json_keys",
    "tables": "table no_doubles forbidden line_prefix",
    "phrases": "refrain keyword_count forbidden first_line last_line",
}
_SPELLED = (
    "starts_with ends_with keywords keyword_count placeholder json_keys postscript word_order refrain first_line "
    "last_line labels tag code_block table acrostic hashtags capital_words title headings bold number date "
    "sentence_length different_openers"
)
_PAIRS = {frozenset((one, other)) for one in ("no_letter", "word_length") for other in _SPELLED.split()}
CLASHES: frozenset[frozenset[str]] = frozenset(
    _PAIRS
    | {frozenset(("no_letter", "word_length"))}
    | {
        frozenset((one, other))
        for kinds in _CLAIMS.values()
        for one in kinds.split()
        for other in kinds.split()
        if one != other
    }
)
"""Pairs that are never asked for together."""


def choose(rng: random.Random, count: int) -> list[str]:
    """`count` kinds of which no two clash, each drawn evenly from those still possible."""
    while True:
        chosen: list[str] = []
        while len(chosen) < count:
            left = [kind for kind in MAKERS if kind not in chosen and compatible(kind, chosen)]
            if not left:
                break
            chosen.append(rng.choice(left))
        if len(chosen) == count:
            return chosen


def compatible(kind: str, others: list[str]) -> bool:
    """Whether a kind clashes with none of the others."""
    return all(frozenset((kind, other)) not in CLASHES for other in others)
