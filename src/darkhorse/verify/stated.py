"""Where a response states its final answer: a box, a tag, bold text, JSON, the last line, or all of it.

Tags are those of LiveBench (`<solution>`) and of R1-style prompts (`<answer>`); bold is LiveBench's form.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal, TypeAlias

from darkhorse.tasks.texts import unfenced
from darkhorse.verify.math.extraction import last_boxed

Form: TypeAlias = Literal["any", "boxed", "tag", "bold", "json", "last_line"]

TAGS = re.compile(r"<(answer|solution)>", re.IGNORECASE)
_BOLD = re.compile(r"\*\*([^*\n]{1,500})\*\*")
_FENCE = re.compile(r"^[ \t]*```[^\n`]*$", re.MULTILINE)
_MAX_JSON = 100_000  # characters
_MAX_TAGS = 100


def stated_answer(text: str, form: Form = "any") -> str | None:
    r"""The final answer of a response, None if it is not stated in that form or is stated twice differently.

    Args:
        text: the response after its thinking.
        form: `boxed` the last `\boxed{}`; `tag` the content of `<answer>` or `<solution>`; `bold` the last bold text;
            `json` the field `answer` of the response's JSON object; `last_line` the last line that is not empty;
            `any` a box, else a tag, else the whole text.
    """
    if form == "boxed":
        return last_boxed(text) or None
    if form == "tag":
        return tagged(text)
    if form == "bold":
        bold = _BOLD.findall(text)
        return bold[-1].strip() or None if bold else None
    if form == "json":
        return _json_answer(text)
    if form == "last_line":
        return text.strip().rpartition("\n")[2].strip() or None
    boxed = last_boxed(text)
    if boxed:
        return boxed
    return tagged(text) if TAGS.search(text) else text


def tagged(text: str) -> str | None:
    """The content of the `<answer>` or `<solution>` tags; None if there is none, or if several differ."""
    openings = list(TAGS.finditer(text))
    if len(openings) > _MAX_TAGS:
        return None
    contents = []
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow when lowered
        lowered = text
    for opening in openings:
        end = lowered.find(f"</{opening[1].lower()}>", opening.end())
        if end < 0:
            return None
        contents.append(text[opening.end() : end].strip())
    return contents[0] if contents and len({" ".join(one.split()) for one in contents}) == 1 else None


def _json_answer(text: str) -> str | None:
    value = json_object(text)
    answer = value.get("answer") if isinstance(value, dict) else None
    if isinstance(answer, str) or answer is None:
        return answer
    try:
        return json.dumps(answer)
    except RecursionError:
        return None


def json_object(text: str) -> Any:
    """The JSON value of a response: all of it, a tag's content, the last fenced block, or from first to last brace.

    None if there is none, if it is longer than 100,000 characters, or if an object gives a key twice.
    """
    candidates = [unfenced(text), tagged(text), last_fenced(text), _between(text, "{", "}"), _between(text, "[", "]")]
    for candidate in candidates:
        if candidate is None or len(candidate) > _MAX_JSON:
            continue
        try:
            return strict_json(unfenced(candidate))
        except (ValueError, RecursionError):
            continue
    return None


def strict_json(text: str) -> Any:
    """JSON without NaN or Infinity, and without a key given twice.

    Raises:
        ValueError: if the text is anything else, or holds an integer too long to read.
        RecursionError: if it nests too deeply.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key is given twice")
        return result

    def reject(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=reject, object_pairs_hook=unique)


def last_fenced(text: str) -> str | None:
    """The content of the last fenced block that closes; None without one."""
    fences = list(_FENCE.finditer(text))
    if len(fences) < 2:
        return None
    last = len(fences) // 2 * 2 - 1
    return text[fences[last - 1].end() : fences[last].start()].strip()


def _between(text: str, opening: str, closing: str) -> str | None:
    start, end = text.find(opening), text.rfind(closing)
    return text[start : end + 1] if 0 <= start < end else None
