"""Finding the final answer in a response, and the gold answer in a data set's field. Linear in the text's length."""

from __future__ import annotations

import re

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])")
_BARE_BOX = re.compile(r"\s*([^\s${}\\]+)")
_BOLD_TAIL = re.compile(r"\*\*([^*\n]{1,200})\*\*[.\s]*\Z")


def last_boxed(text: str) -> str | None:
    r"""Content of the last `\boxed{...}` (braces balanced, escaped ones ignored), of `\boxed 5` its one word.

    A box inside a box gives the inner one. None if there is no box or the last one never closes.
    """
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return None
    start = boxes[-1].end()
    opening = start + len(text[start:]) - len(text[start:].lstrip(" "))
    if not text.startswith("{", opening):
        bare = _BARE_BOX.match(text, start)
        return bare.group(1).rstrip(".,;") if bare else None
    depth, position = 0, opening
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return text[opening + 1 : position].strip()
        position += 1
    return None


def unboxed_answer(text: str) -> str | None:
    """The answer of a response that need not box it: after the last `####`, in a bold tail, or a lone last line."""
    if "####" in text:
        return text.rpartition("####")[2].strip() or None
    if bold := _BOLD_TAIL.search(text[-400:]):
        return bold.group(1).strip()
    line = text.strip().rpartition("\n")[2].strip().strip("$").rstrip(".")
    return line if line and not re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", line) else None


def gold_answer(field: str) -> str:
    r"""The answer of a data set's solution field: after GSM8K's `####`, inside its last `\boxed{}`, else all of it."""
    if "####" in field:
        return field.rpartition("####")[2].strip()
    boxed = last_boxed(field)
    return field.strip() if boxed is None else boxed
