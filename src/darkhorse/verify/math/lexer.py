"""Cutting a normalised answer into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from darkhorse.verify.math.tree import Unreadable

_FUNCTION_NAMES = (
    "arcsin arccos arctan arccot arcsec arccsc asin acos atan sinh cosh tanh coth sin cos tan cot sec csc ln lg log "
    "exp sqrt abs floor ceil gcd lcm max min"
)
FUNCTIONS = tuple(_FUNCTION_NAMES.split())
CONSTANTS = ("infinity", "infty", "oo", "pi")
_NAMES = "|".join(sorted((*FUNCTIONS, *CONSTANTS), key=len, reverse=True))
_TOKEN = re.compile(
    rf"""(?P<space>\s+)
    |(?P<row>\\\\)
    |(?P<environment>\\(?:begin|end)\s*\{{[A-Za-z]+\}})
    |(?P<text>\\text\s*\{{[^{{}}]*\}})
    |(?P<word>\b(?:and|or)\b)
    |(?P<command>\\[A-Za-z]+|\\[{{}}|])
    |(?P<number>\d+\.\d+[eE][-+]?\d+|\d+[eE]\+?\d+|\d+E-\d+|\d+e-\d\d+|\d+\.?\d*|\.\d+)
    |(?P<name>{_NAMES})
    |(?P<letter>[A-Za-z])
    |(?P<operator>\*\*|<=|>=|!=|:=|[-+*/^_=<>(){{}}\[\],;:|!'&])""",
    re.VERBOSE,
)
_SAME_AS = {
    r"\{": "{set", r"\}": "set}", r"\le": "<=", r"\ge": ">=", r"\ne": "!=", ":=": "=", r"\equiv": "=", r"\times": "*",
    r"\cdot": "*", r"\ast": "*", r"\div": "/", "**": "^", r"\approx": "~", r"\mid": "|", r"\vert": "|", r"\lvert": "|",
    r"\rvert": "|", r"\backslash": r"\setminus", r"\lbrack": "[", r"\rbrack": "]", r"\colon": ":",
    r"\rightarrow": r"\to", r"\mod": r"\bmod",
    r"\gets": "=", r"\implies": ";", r"\Vert": "|", r"\lVert": "|", r"\rVert": "|", r"\|": "|",
}  # fmt: skip


@dataclass(frozen=True)
class Token:
    """`kind` is row, environment, and (a separator in words), command, number, name, letter, operator or end."""

    kind: str
    text: str


def tokenize(text: str) -> list[Token]:
    """The tokens, closed by one of kind `end`.

    Raises:
        Unreadable: at a character or at words that are no mathematics.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(f"unexpected {text[position]!r}")
        position = match.end()
        kind, word = str(match.lastgroup), match.group()
        if kind == "text":
            content = word[word.index("{") + 1 : -1].strip(" ,.")
            if content in ("and", "or"):
                kind, word = "word", content
            elif content:
                raise Unreadable(f"words: {content[:40]}")
            else:
                continue
        if kind == "word":
            if tokens and tokens[-1].text in (",", ";"):
                tokens.pop()  # "a, b, and c" is one list
            tokens.append(Token("and", ";"))
        elif kind == "environment":
            tokens.append(Token(kind, word.replace(" ", "")))
        elif word in _SAME_AS:
            tokens.append(Token("operator", _SAME_AS[word]))
        elif kind == "command" and word[1:] in (*FUNCTIONS, *CONSTANTS):
            tokens.append(Token("name", word[1:]))
        elif kind != "space":
            tokens.append(Token(kind, word))
    tokens.append(Token("end", ""))
    return tokens
