"""Whether Java or JavaScript source text can be an expression: a coarse grammar of operands and operators."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from darkhorse.verify.bfcl.tokens import tokens

_PREFIXES = frozenset(("await", "typeof", "void", "async", "delete", "final"))
_MAKERS = frozenset(("new", "function"))
_PATTERN = re.compile(r"\s*/[^/\n]{1,500}/[a-z]*\s*")  # a regular expression of JavaScript
_INFIXES = frozenset(("instanceof", "in", "of"))


@dataclass
class _Level:
    """Where one looks between two brackets.

    Attributes:
        ended: whether an operand has just ended.
        cast: whether that was a bracket of its own, which may cast the operand that follows.
        created: whether `new` or `function` makes it, so that a body in braces may follow.
        empty: whether nothing has been read.
        called: whether the opening bracket followed an operand.
        conditions: question marks whose colon has not come.
    """

    ended: bool = False
    cast: bool = False
    created: bool = False
    empty: bool = True
    called: bool = False
    conditions: int = 0


def check_expression(text: str) -> None:
    """Refuse a text that is no expression. What stands in braces is not looked into.

    Raises:
        ValueError: if two operands stand side by side, an operator has none, or brackets do not match.
    """
    if _PATTERN.fullmatch(text):
        return
    levels = [_Level()]
    braces = 0
    for before, token in pairwise(["", *_words(text)]):
        level = levels[-1]
        if token in ("{", "}") or braces:
            if braces == 0 and (token == "}" or (level.ended and not level.created)):
                raise ValueError("braces follow an operand")
            braces += (token == "{") - (token == "}")
            level.ended, level.empty, level.cast = True, False, False
        elif token in ("(", "["):
            levels.append(_Level(called=level.ended))
        elif token in (")", "]"):
            if len(levels) == 1 or not (level.ended or level.empty):
                raise ValueError("an expression has no end")
            levels.pop()
            levels[-1].ended, levels[-1].empty = True, False
            levels[-1].cast = token == ")" and not level.called
        elif token.startswith("<") and len(token) > 1:
            continue  # type parameters end no operand
        elif token in _MAKERS:
            level.created, level.empty = True, False
        elif token in _PREFIXES:
            level.empty = False
        elif token in _INFIXES or not (token[0].isalnum() or token[0] in "_$\"'`"):
            level.conditions += (token == "?") - (token == ":")
            if level.conditions < 0:
                raise ValueError("a colon stands alone")
            level.ended = level.cast = level.empty = False
        else:
            if (level.ended and not level.cast) or (before == "." and token[0].isdigit()):
                raise ValueError("two operands stand side by side")
            level.ended, level.cast, level.empty = True, False, False
    if braces or len(levels) > 1 or not levels[0].ended:
        raise ValueError("an expression has no end")


def _words(text: str) -> Iterator[str]:
    """Strings, words and numbers, and other characters; spaces are left out."""
    word = ""
    # A method's reference is a member like any other; steps up and down leave an operand what it is.
    for _, token in tokens(text.replace("::", ".").replace("++", "").replace("--", "")):
        word_goes_on = token == "." and word.isdigit()
        if word_goes_on or (len(token) == 1 and (token.isalnum() or token in "_$")):
            word += token
            continue
        if word:
            yield word
            word = ""
        if not token.isspace():
            yield token
    if word:
        yield word
