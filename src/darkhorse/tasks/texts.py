"""Cutting a text into words, sentences, bullets and items, the same way everywhere it is counted."""

# ruff: noqa: SIM905 (words read better in a row than each in quotes)

from __future__ import annotations

import re

_BARE_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++[\"'”’)\]]*+(?=\s|\Z)")  # possessive: linear on hostile runs
_STRAIGHT = str.maketrans("‘’“”", "''\"\"")
_LIST_ITEM = re.compile(r"(?:[-*•+]|\d{1,4}[.)]|[A-Za-z]\))[ \t]+")
_PROSE_END = re.compile(r"(?<![.!?…])(?:[.!?…]++[\"'”’)\]*_]*+(?=\s|\Z)|[。！？।۔؟])")
_END_MARKS = frozenset(".!?…。！？।۔؟")
_TITLES = frozenset("mr mrs ms dr prof st sr jr vs e.g i.e gen col lt sgt capt rev hon no fig u.s u.k a.m p.m".split())
_BULLET = re.compile(r"[ \t]*[-*•][ \t]+(.*)")
# Letters and digits, and the marks inside words that `\w` leaves out (Indic vowel signs, Arabic and Hebrew points).
_LETTER = r"[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u200c\u200d]"
_PIECE = re.compile(rf"(?:{_LETTER})+(?:['’-](?:{_LETTER})+)*")
_IN_WORD = re.compile(_LETTER)
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")  # Thai, Japanese, Chinese


def words(text: str) -> list[str]:
    """Whitespace-separated pieces that hold a letter or digit, as a person counts words."""
    return [piece for piece in text.split() if any(character.isalnum() for character in piece)]


def bare_words(text: str) -> list[str]:
    """Words casefolded and without punctuation; apostrophes and hyphens inside a word stay."""
    return _BARE_WORD.findall(text.casefold())


def word_pieces(text: str) -> list[str]:
    """Like `bare_words`, in any script: the vowel signs and points inside a word belong to it."""
    return _PIECE.findall(text.casefold())


def count_words(text: str) -> int:
    """Number of words as a person counts them; in scripts without spaces every Chinese or Japanese character is one."""
    return len(words(text)) if not _UNSPACED.search(text) else len(words(_UNSPACED.sub(" x ", text)))


def plain(text: str) -> str:
    """Normal form for finding phrases: casefolded, straight quotation marks, whitespace as single spaces."""
    return " ".join(text.translate(_STRAIGHT).casefold().split())


def count_phrase(text: str, phrase: str) -> int:
    """How often a word or phrase occurs, whatever the case, as whole words and without overlaps.

    Args:
        text: where to look.
        phrase: what to look for, taken literally; an empty one never occurs.
    """
    text, phrase = plain(text), plain(phrase)
    if not phrase:
        return 0
    bound_left, bound_right = _bounds(phrase[0]), _bounds(phrase[-1])
    count, start = 0, text.find(phrase)
    while start >= 0:
        end = start + len(phrase)
        inside = (bound_left and start > 0 and _IN_WORD.match(text[start - 1])) or (
            bound_right and end < len(text) and _IN_WORD.match(text[end])
        )
        count += not inside
        start = text.find(phrase, start + 1 if inside else end)
    return count


def _bounds(character: str) -> bool:
    """Whether a phrase that ends in this character must end where a word does."""
    return bool(_IN_WORD.match(character)) and not _UNSPACED.match(character)


def sentences(text: str) -> list[str]:
    """Pieces ended by `.`, `!` or `?` before a space or the end; an unended last piece counts too."""
    return [piece.strip() for piece in _SENTENCE_END.split(text) if words(piece)]


def filled_lines(text: str, least: int = 1) -> list[str]:
    """The lines with at least so many words in them, without the spaces around them."""
    return [line.strip() for line in text.splitlines() if line.strip() and len(words(line)) >= least]


def prose_sentences(text: str) -> list[str]:
    """Sentences of a formatted text. They end at `.`, `!`, `?` and their like, at an empty line and at a list item, but
    not after `Dr.`, initials and the number of a list item. Headings are none; what ends without a mark is one."""
    blocks, _ = _blocks(text)
    return [sentence for block in blocks for sentence in _block_sentences(block)]


def sentence_range(text: str) -> tuple[int, int]:
    """How many sentences a text has at least, counting only what ends in a mark, and at most, headings among them."""
    blocks, headings = _blocks(text)
    found = [sentence for block in blocks for sentence in _block_sentences(block)]
    ended = sum(sentence.rstrip("\"'”’)]*_ ")[-1:] in _END_MARKS for sentence in found)
    return ended, len(found) + headings


def _blocks(text: str) -> tuple[list[str], int]:
    """The texts between empty lines, list items and headings, and the number of headings."""
    blocks: list[list[str]] = [[]]
    headings = 0
    for line in text.splitlines():
        content = line.strip()
        item = _LIST_ITEM.match(content)
        heading = bool(words(content)) and _is_heading(content)
        headings += heading
        if not content or heading or item:
            blocks.append([])
        if content and not heading:
            blocks[-1].append(content[item.end() :] if item else content)
    return [" ".join(block) for block in blocks if block], headings


def _is_heading(line: str) -> bool:
    """Whether a line is marked as a heading and holds no more than one sentence."""
    marked = line.startswith("#") or (line[:2] + line[-2:] in ("****", "<<>>"))
    return marked and len(_block_sentences(line)) < 2


def _block_sentences(block: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    for match in _PROSE_END.finditer(block):
        if not _is_end(block, start, match):
            continue
        pieces.append(block[start : match.end()].strip())
        start = match.end()
    pieces.append(block[start:].strip())
    return [piece for piece in pieces if words(piece)]


def _is_end(block: str, start: int, match: re.Match[str]) -> bool:
    """Whether a mark ends a sentence: not behind a title or an initial, not inside a sentence that goes on."""
    mark = match[0].rstrip("\"'”’)]*_")
    following = block[match.end() : match.end() + 2].strip()[:1]
    if following.islower() and (match[0] != mark or mark.endswith(("…", ".."))):
        return False
    word = block[max(start, match.start() - 20) : match.start()].rsplit(None, 1)[-1:]
    bare = word[0].strip("(\"'“‘[*_").casefold() if word else ""
    return mark != "." or not (bare in _TITLES or (len(bare) == 1 and bare.isalpha() and bare != "i"))


def bullets(text: str) -> list[str]:
    """Contents of the non-empty bullet lines (`- `, `* ` or `• `)."""
    found = (_BULLET.fullmatch(line) for line in text.splitlines())
    return [match[1].strip() for match in found if match and words(match[1])]


def items(text: str) -> list[str]:
    """Items of a list, casefolded: its bullet lines, or else what commas separate; quotes and final stops fall away."""
    pieces = bullets(text) or text.split(",")
    return [piece.strip(" \t\n\r.\"'“”").casefold() for piece in pieces]


def unfenced(text: str) -> str:
    """The text without a surrounding Markdown code fence."""
    lines = text.strip().splitlines()
    if len(lines) >= 2 and lines[0].startswith("```") and lines[-1].strip() == "```":
        return "\n".join(lines[1:-1])
    return text.strip()
