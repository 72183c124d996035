"""What a text says behind disguises: look-alike letters, invisible characters, entities, spaced letters, base64."""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata

_LOOK_ALIKES = str.maketrans(
    "аԁеһіјкӏморѕтухԛԝсАВЕЅІЈКМНОРСТУХαεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧıօս",
    "adehijklmopstyxqwcABESIJKMHOPCTYXaeikvoptuxABEZHIKMNOPTYXiou",
)
"""Letters of other scripts that a reader takes for Latin ones."""
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Characters without a picture that are no format characters by their category."""
_DRESSED = re.compile(r"[*_`~\\]+|(?<=\b\w) (?=\w\b)")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{20,}={0,2}")


def undisguised(text: str) -> str:
    """The text as a reader or a model takes it, and below it what it says without emphasis and spaces between single
    letters, and what its base64 holds.
    """
    plain = unicodedata.normalize("NFKD", html.unescape(text))
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn" and not _invisible(c)).translate(_LOOK_ALIKES)
    return "\n".join([plain, _DRESSED.sub("", plain), *_decoded(plain)])


def count_hidden(text: str) -> int:
    """Invisible characters that write no language: those behind an ASCII character or another invisible one, or at the
    start. Behind others they belong to the spelling (Persian) or hold an emoji together.
    """
    pairs = zip(" " + text, text, strict=False)
    return sum(_invisible(own) and (before.isascii() or _invisible(before)) for before, own in pairs)


def _invisible(character: str) -> bool:
    return not character.isascii() and (unicodedata.category(character) == "Cf" or character in _FILLERS)


def _decoded(text: str) -> list[str]:
    found = []
    for match in _BASE64.finditer(text):
        digits = match[0].rstrip("=")
        try:
            found.append(base64.b64decode(digits + "=" * (-len(digits) % 4)).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return found
