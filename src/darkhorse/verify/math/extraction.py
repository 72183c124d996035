r"""Finding the final answer in a response, and the gold answer in a data set's field. Linear in the text's length.

The ladder, from the strictest form to the loosest: the last `\boxed{}` (neighbouring ones are a list), what follows
`####`, what is stated ("the answer is ..."), a bold last phrase, the last formula, the last line, its last number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])")
_BARE_BOX = re.compile(r"\s*([^\s${}\\]+)")
_JOINT = re.compile(r"(?:[\s$,;.&~]|\\[\[\](),;:! ]|\\(?:quad|qquad|text|mbox|textrm)(?![A-Za-z])|[{}])+")
_NAMED = re.compile(r"\\?[A-Za-z]{1,2}(?:_\{?\w\}?)?\s*(?:=|\\in)")
_JOINT_WORDS = 4
_MAX_JOINT = 80
_MAX_BOXES = 40
_TAIL = 4_000  # characters at the end in which an answer that is not boxed is looked for
_STATED = re.compile(
    r"\b(?:answer|result|solution)s?\b[*_\s]*(?:(?:is|are|was|equals|becomes|would be|must be|should be)\b|[:=])"
    r"[*_\s:]*",
    re.IGNORECASE,
)
_DISCLAIMED = re.compile(r"(?:incorrect|wrong|unknown|unclear|provided|correct)\b", re.IGNORECASE)
_HEDGED = re.compile(r"\b(?:or|maybe|perhaps|either|possibly|probably|might)\b", re.IGNORECASE)
_NEGATED = re.compile(r"\b(?:not|never|neither|nor|cannot|no)\b|n't\b", re.IGNORECASE)
_MATH = re.compile(
    r"\$\$((?s:.){1,1000}?)\$\$|\\\[((?s:.){1,1000}?)\\\]|\\\((.{1,1000}?)\\\)"
    r"|(?<!\\)\$((?:\\\$|[^$\n]){1,1000}?)(?<!\\)\$"
)
_FINAL = re.compile(r"\bfinal answer\b", re.IGNORECASE)
_TRAILER = re.compile(r"\s*I hope (?:it|this) is correct\W*\Z", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<!\d)[.;!?](?=\s|\Z)|(?<=\d)[.;!?](?=\s+[A-Z]|\s*\Z)|\n|<\|")
_COUNTED = re.compile(
    r"\b(?:step|case|part|problem|question|method|attempt|option|equation|page|line)\s*\Z", re.IGNORECASE
)
_SO = re.compile(r"\A(?:so|thus|hence|then|therefore)\b[\s,:]*", re.IGNORECASE)
_QUOTES = re.compile(r"\A(?:\\?[\"'*_])+|(?:\\?[\"'*_])+\Z")
_TEXTED = re.compile(r"\\(?:text|mbox|textbf|mathrm|textnormal|operatorname)\s*\{[^{}]*\}")
_WORD = re.compile(r"(?<![\\A-Za-z])(?!and\b|or\b|percent\b|pct\b)[A-Za-z]{2,}")
_BOLD_TAIL = re.compile(r"\*\*([^*\n]{1,200})\*\*[.\s]*\Z")
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,} +[A-Za-z]{2,}")
_NUMBER = re.compile(
    r"(?<![\w.,\\])[-+−]?(?:[$€£¥]\s?)?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:[.,]\d+)?(?:\s*/\s*\d+)?(?<=\d)"
    r"(?:\s?(?:\\?%|percent\b|pct\b|[€£¥$°]|m²))?(?![\w])"
)
_LINE_STATES = re.compile(r"(?:\b(?:is|are|equals|get|have|be|was)\b|=)\s*:?\s*(?=\S)", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """An extracted answer.

    Attributes:
        answer: its text; None if there is none.
        how: where it stood, or why there is none.
    """

    answer: str | None
    how: str


def last_boxed(text: str) -> str | None:
    r"""Content of the last `\boxed{...}` (braces balanced, escaped ones ignored), of `\boxed 5` its one word.

    A box inside a box gives the inner one. None if there is no box or the last one never closes.
    """
    boxes = _boxes(text)
    return boxes[-1][2] if boxes else None


def strict_answer(text: str) -> Found:
    r"""The last `\boxed{}` and nothing else."""
    boxed = last_boxed(text)
    return Found(boxed, r"the last \boxed{}" if boxed is not None else r"no \boxed{} answer")


def lenient_answer(text: str) -> Found:
    """The answer by the whole ladder; hedges and denials give none."""
    boxes = _boxes(text)
    if boxes:
        after = text[boxes[-1][1] :][-_TAIL:]
        overruled = _stated(after) if boxes[-1][2] is not None and _FINAL.search(after) else None
        return _boxed_answer(text, boxes) if overruled is None or overruled.answer is None else overruled
    tail = text[-_TAIL:]
    if "####" in tail:
        after = tail.rpartition("####")[2].strip()
        return Found(after.partition("\n")[0].strip() or None, "after ####")
    return _stated(tail) or _at_the_end(tail) or Found(None, "no final answer found")


def gold_answer(field: str) -> str:
    r"""The answer of a data set's solution field.

    After GSM8K's `####`, inside its last `\boxed{}` (or neighbouring ones), the one formula of a field that is prose,
    else all of it.
    """
    if "####" in field:
        return field.rpartition("####")[2].strip()
    boxes = _boxes(field)
    if boxes and boxes[-1][2] is not None:
        return _boxed_answer(field, boxes).answer or field.strip()
    if _PROSE.search(_TEXTED.sub("", field)) and _MATH.search(field):
        return lenient_answer(field).answer or field.strip()
    return field.strip()


def _boxes(text: str) -> list[tuple[int, int, str | None]]:
    """Start, end and content of each box; the content of one that never closes is None."""
    found: list[tuple[int, int, str | None]] = []
    starts = [match.span() for match in _BOX.finditer(text)]
    for start, end in starts[-_MAX_BOXES:]:
        content, stop = _content(text, end)
        while found and found[-1][1] >= stop and content is not None:
            found.pop()  # the box around this one
        found.append((start, stop, content))
    return found


def _content(text: str, end: int) -> tuple[str | None, int]:
    opening = end
    while opening < len(text) and text[opening] in " \n":
        opening += 1
    if not text.startswith("{", opening):
        bare = _BARE_BOX.match(text, end)
        return (bare.group(1).rstrip(".,;"), bare.end()) if bare else (None, end)
    depth, position = 0, opening
    limit = min(len(text), opening + 20_000)
    while position < limit:
        character = text[position]
        if character == "\\":
            position += 1
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return text[opening + 1 : position].strip(), position + 1
        position += 1
    return None, len(text)


def _boxed_answer(text: str, boxes: list[tuple[int, int, str | None]]) -> Found:
    """The last box, with those right before it that only commas, `and`, `or` and a few words part from it."""
    chosen = [boxes[-1]]
    if chosen[0][2] is None:
        return Found(None, r"the last \boxed{} never closes")
    for box in reversed(boxes[:-1]):
        if box[2] is None or not _joined(text[box[1] : chosen[0][0]]):
            break
        chosen.insert(0, box)
    contents = [content for _, _, content in chosen if content]
    if len(set(contents)) <= 1:
        return _with_unit(text, chosen[-1])
    return Found(", ".join(contents), rf"{len(contents)} neighbouring \boxed{{}}")


def _with_unit(text: str, box: tuple[int, int, str | None]) -> Found:
    percent = re.match(r"\$?\s*(?:\\?%|percent\b|pct\b)", text[box[1] : box[1] + 20])
    suffix = r"\%" if percent and box[2] and box[2][-1].isdigit() else ""
    return Found(None if box[2] is None else box[2] + suffix, r"the last \boxed{}")


def _joined(between: str) -> bool:
    """Whether two boxes with this between them make a list."""
    if len(between) > _MAX_JOINT or "\n\n" in between:
        return False
    words = _JOINT.sub(" ", _NAMED.sub(" ", between)).split()
    if not words:
        return True
    return (
        ("and" in words or "or" in words)
        and len(words) <= _JOINT_WORDS
        and all(word.isalpha() or "(" in word for word in words)
    )


def _stated(text: str) -> Found | None:
    """What the last "the answer is ..." states."""
    for match in reversed(list(_STATED.finditer(text))):
        phrase = _phrase(text, match.end())
        if not phrase or _DISCLAIMED.match(phrase):
            continue
        return _settled(phrase, "the stated answer")
    return None


def _phrase(text: str, start: int) -> str:
    """From a position to the end of the sentence; formulas are not cut."""
    opening = re.match(r"[\"'*\s]*", text[start : start + 20])
    position = start + (opening.end() if opening else 0)
    pieces_end = position
    while True:
        formula = _MATH.match(text, pieces_end)
        if formula:
            pieces_end = formula.end()
            continue
        stop = _SENTENCE_END.search(text, pieces_end)
        following = _MATH.search(text, pieces_end, stop.start() if stop else len(text))
        if following is None:
            return text[position : stop.start() if stop else len(text)].strip()
        pieces_end = following.end()


def _at_the_end(text: str) -> Found | None:
    """A bold last phrase, a last formula, or what the last sentence says."""
    if bold := _BOLD_TAIL.search(text[-400:]):
        return _settled(bold.group(1).strip(), "the bold end")
    body = _TRAILER.sub("", text.partition("<|")[0]).strip()
    if not body:
        return None
    start = max((match.end() for match in _MATH.finditer(body)), default=0)
    if start < len(body.rstrip(" .")):  # the last sentence, in which formulas are not cut
        ends = [match.end() for match in _SENTENCE_END.finditer(body, start) if match.end() < len(body)]
        start = ends[-1] if ends else _sentence_start(body, start)
    else:
        start = _sentence_start(body, start)
    return _settled(body[start:], "the last sentence")


def _sentence_start(body: str, position: int) -> int:
    """Where the sentence begins whose last formula ends at a position."""
    formulas = [match.span() for match in _MATH.finditer(body, 0, position)]
    for end in reversed([match.end() for match in _SENTENCE_END.finditer(body, 0, position)]):
        inside = any(first < end <= last for first, last in formulas)
        if not inside and body[end:position].strip(" .\n"):
            return end
    return 0


def _settled(phrase: str, where: str) -> Found:
    """The answer in a phrase; none if it denies or hedges."""
    phrase = _SO.sub("", _QUOTES.sub("", phrase.strip()).strip())
    formulas = list(_MATH.finditer(phrase))
    around = _TEXTED.sub("", _MATH.sub(" ", phrase))
    if not (_PROSE.search(around) or _NEGATED.search(around) or (formulas and _WORD.search(around))):
        return Found(_unwrapped(phrase).strip() or None, where)
    if _HEDGED.search(around):
        return Found(None, f"{where} hedges")
    if formulas and not any(character.isdigit() for character in phrase[formulas[-1].end() :]):
        last = formulas[-1]
        if _denied(phrase, last.start(), last.end()):
            return Found(None, f"{where} denies it")
        unit = re.match(r"\s*(?:\\?%|percent\b|pct\b)", phrase[last.end() :])
        content = next(group for group in last.groups() if group is not None)
        return Found(content.strip() + (r"\%" if unit else ""), f"the last formula of {where}")
    numbers = [
        match
        for match in _NUMBER.finditer(phrase)
        if not _COUNTED.search(phrase, max(0, match.start() - 20), match.start())
    ]
    states = list(_LINE_STATES.finditer(phrase))
    rest = phrase[states[-1].end() :].strip() if states else ""
    if rest and not _PROSE.search(rest) and not _NEGATED.search(rest) and any(c.isdigit() for c in rest):
        start, end, answer, how = states[-1].end(), states[-1].end(), rest, f"what {where} says it is"
    elif numbers:
        start, end = numbers[-1].span()
        answer, how = numbers[-1].group(), f"the last number of {where}"
    else:
        return Found(None, f"no answer in {where}")
    since = max((number.end() for number in numbers if number.end() <= start), default=0)
    return Found(None, f"{where} denies it") if _denied(phrase, start, end, since) else Found(answer, how)


def _counts(phrase: str, position: int) -> bool:
    """Whether the number at a position counts steps, cases and the like."""
    return _COUNTED.search(phrase, max(0, position - 20), position) is not None


def _denied(phrase: str, start: int, end: int, since: int = 0) -> bool:
    """Whether what stands from `start` to `end` is denied before it, or after it."""
    return bool(_NEGATED.search(phrase, since, start) or _NEGATED.search(phrase, end))


def _unwrapped(phrase: str) -> str:
    """A phrase that is one formula, or formulas joined by `and` or `or`, without the delimiters."""
    return _MATH.sub(lambda match: next(group for group in match.groups() if group is not None), phrase)
