"""The bytes of a token alone, which need not be whole characters."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from transformers.convert_slow_tokenizer import bytes_to_unicode

_FALLBACK = re.compile(r"<0x([0-9A-F]{2})>")


def token_bytes(tokenizer: Any, token: int) -> bytes | None:
    """The UTF-8 bytes of a token.

    Args:
        tokenizer: a Hugging Face tokenizer: byte-level, or with tokens such as `<0xF0>` for single bytes.
        token: its id.

    Returns:
        None for half a character in a tokenizer that does not say which half.
    """
    text = str(tokenizer.decode([token], skip_special_tokens=False))
    if "\ufffd" not in text:
        return text.encode()
    piece = str(tokenizer.convert_ids_to_tokens(token))
    if single := _FALLBACK.fullmatch(piece):
        return bytes.fromhex(single[1])
    known = _bytes_of_letters()
    return bytes(known[letter] for letter in piece) if all(letter in known for letter in piece) else None


@cache
def _bytes_of_letters() -> dict[str, int]:
    """The bytes that the letters of a byte-level vocabulary stand for (GPT-2's table)."""
    return {letter: byte for byte, letter in bytes_to_unicode().items()}
