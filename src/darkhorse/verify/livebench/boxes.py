"""Answers in boxes and tags, as LiveBench finds them."""

from __future__ import annotations

import re


def last_box(text: str) -> str | None:
    r"""The content of the last `\boxed{}` or `\fbox{}`; None if there is none or it never closes.

    Raises:
        ValueError: where the public function raises: a command that is no box with a brace.
    """
    spaced = "\\boxed "
    if spaced in text:
        return text.rpartition(spaced)[2].partition("$")[0]
    start = text.rfind("\\boxed")
    if start < 0:
        start = text.rfind("\\fbox")
    if start < 0:
        return None
    depth = 0
    for position in range(start, len(text)):
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                found = text[start : position + 1].replace("$", "").replace("fbox", "boxed")
                if not found.startswith("\\boxed{"):
                    raise ValueError("no brace after the box")
                return found[len("\\boxed{") : -1]
    return None


def solutions(text: str, across_lines: bool = False) -> list[str]:
    """The contents of `<solution>` tags; where there is none, those of tags that were opened by a closing one.

    Args:
        text: of the answer.
        across_lines: also look with the line ends removed.
    """
    for opening in ("<solution>", "</solution>"):
        pattern = re.compile(f"{opening}(.*?)</solution>")
        for form in (text, text.replace("\n", "")) if across_lines else (text,):
            found: list[str] = pattern.findall(form)
            if found:
                return found
    return []


def bare(text: str) -> str:
    r"""Text without `\text{`, closing braces and backslashes."""
    return text.replace("\\text{", "").replace("}", "").replace("\\", "")


def edit_distance(first: list[object], second: list[object]) -> int:
    """Levenshtein's distance between two sequences, insertions, deletions and replacements counting one each."""
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(second, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != other))
    return row[-1]
