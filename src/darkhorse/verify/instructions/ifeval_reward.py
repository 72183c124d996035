"""IFEval's checks corrected for rewards: what a person means, hard to satisfy by accident or by trick.

Every difference from the published check is listed in `docs/verifiers-instructions.md`. Pure functions of the text that
need no other package, but for languages beyond those of `languages.KNOWN`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from darkhorse.tasks import texts
from darkhorse.verify.instructions import ifeval_parameters as p
from darkhorse.verify.instructions import libraries
from darkhorse.verify.instructions.ifeval_compat import OPTIONS
from darkhorse.verify.instructions.languages import KNOWN, is_written_in
from darkhorse.verify.instructions.specs import NoParameters, compared

_COMMAS = frozenset(",，、،﹐﹑︐︑՝߸᠂")
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "「": "」", "『": "』"}
_CLOSING_MARKS = " \n\t\"'”’*_`»"
_PLACEHOLDER = re.compile(r"\[([^\[\]\n]{1,60})\](?!\()")
_EMPHASIS = re.compile(r"(?<!\*)(\*{1,3})(?![\s*])([^*\n]+)(?<!\s)\1(?!\*)")
_BULLET_STAR = re.compile(r"^([ \t]*)[*•-](?=[ \t])", re.MULTILINE)
_DIVIDER = re.compile(r"^[ \t]*\*\*\*[ \t]*$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_PIECE_END = re.compile(r"\n|(?<=[.!?…])[ \t]+")
_SPACED_INITIAL = re.compile(r"(?<=\b[Pp]\.) (?=[PpSs]\b)")
_DECORATION = " \t#*_>\"'“”‘’`-"


def keywords(text: str, given: p.Keywords) -> bool:
    """Each keyword occurs as a whole word, taken literally."""
    return all(texts.count_phrase(text, keyword) for keyword in given.keywords)


def keyword_frequency(text: str, given: p.KeywordFrequency) -> bool:
    """The keyword occurs so often as a whole word, taken literally."""
    return compared(texts.count_phrase(text, given.keyword), given.relation, given.frequency)


def forbidden_words(text: str, given: p.ForbiddenWords) -> bool:
    """No keyword occurs as a whole word, taken literally."""
    return not any(texts.count_phrase(text, word) for word in given.forbidden_words)


def letter_frequency(text: str, given: p.LetterFrequency) -> bool:
    """The letter occurs so often, in either case."""
    return compared(text.casefold().count(given.letter.casefold()), given.let_relation, given.let_frequency)


def language(text: str, given: p.Language) -> bool:
    """The letters stand in the language's script, and its words speak for it more than for any other language."""
    if given.language not in KNOWN:
        return libraries.language(text) == given.language
    return is_written_in(text, given.language)


def sentences(text: str, given: p.Sentences) -> bool:
    """So many sentences, however one counts lines that end without a mark."""
    least, most = texts.sentence_range(text)
    return most < given.num_sentences if given.relation == "less than" else least >= given.num_sentences


def words(text: str, given: p.Words) -> bool:
    """So many words between spaces: `don't` and `well-known` are one."""
    return compared(texts.count_words(text), given.relation, given.num_words)


def paragraphs(text: str, given: p.Paragraphs) -> bool:
    """So many paragraphs with words in them, parted by lines that hold `***` and nothing else."""
    parts = _DIVIDER.split(text)
    inner = [bool(texts.words(part)) for part in parts]
    if inner and not inner[0] and not parts[0].strip():
        inner = inner[1:]
    if inner and not inner[-1] and not parts[-1].strip():
        inner = inner[:-1]
    return all(inner) and len(inner) == given.num_paragraphs


def nth_paragraph(text: str, given: p.NthParagraph) -> bool:
    """So many paragraphs between empty lines, and this one begins with the word."""
    parts = [part for part in _BLANK_LINES.split(text.strip()) if texts.words(part)]
    if len(parts) != given.num_paragraphs or given.nth_paragraph > len(parts):
        return False
    beginning = texts.plain(parts[given.nth_paragraph - 1].lstrip(_DECORATION))
    word = texts.plain(given.first_word)
    return beginning.startswith(word) and texts.count_phrase(beginning[: len(word) + 1], word) == 1


def placeholders(text: str, given: p.Placeholders) -> bool:
    """So many `[names]` with a letter in them, on one line, that are no links."""
    found = (match[1] for match in _PLACEHOLDER.finditer(text))
    return sum(any(map(str.isalpha, name)) and name not in ("x", "X") for name in found) >= given.num_placeholders


def postscript(text: str, given: p.Postscript) -> bool:
    """A line or sentence behind the first third of the text begins with the marker, and words follow it."""
    wanted = _squeezed(given.postscript_marker)
    pieces = [piece for piece in _PIECE_END.split(_SPACED_INITIAL.sub("", text)) if texts.words(piece)]
    for index, piece in enumerate(pieces):
        body = _after(piece.lstrip(_DECORATION), wanted)
        if body is not None and index and index * 3 >= len(pieces):
            return bool(texts.words(body)) or index + 1 < len(pieces)
    return False


def _squeezed(marker: str) -> str:
    """The marker's letters and digits: `P.S.`, `P.S`, `P. S.` and `PS:` are one marker."""
    return "".join(character for character in marker.casefold() if character.isalnum())


def _after(line: str, marker: str) -> str | None:
    """What follows the marker at a line's beginning; None where the line does not begin with it."""
    for index, character in enumerate(line):
        if not marker:
            return None if character.isalnum() else line[index:]
        if character.isalnum():
            if character.casefold() != marker[0]:
                return None
            marker = marker[1:]
        elif character not in ". ":
            return None
    return None if marker else ""


def bullets(text: str, given: p.BulletPoints) -> bool:
    """So many list lines with words in them; rules such as `---` and negative numbers are none."""
    return len(texts.bullets(text)) == given.num_bullets


def constrained_response(text: str, given: NoParameters) -> bool:
    """One of the three phrases occurs, and no other of them."""
    return sum(texts.count_phrase(text, option) > 0 for option in OPTIONS) == 1


def highlights(text: str, given: p.Highlights) -> bool:
    """So many parts in one, two or three asterisks, each counted once; bullets and products are none."""
    found = (match[2] for match in _EMPHASIS.finditer(_BULLET_STAR.sub(r"\1", text)))
    return sum(bool(texts.words(part)) for part in found) >= given.num_highlights


def sections(text: str, given: p.Sections) -> bool:
    """Lines begin with the word and 1, 2, 3 and so on, at least so many in a row, with words under each."""
    opener = given.section_spliter.strip()
    pattern = re.compile(rf"^[ \t#*_>\"“(\[-]*{re.escape(opener)}[ \t]?(\d{{1,4}})(?!\d)(.*)", re.MULTILINE)
    found = list(pattern.finditer(text))
    wanted, best = 1, 0
    for match, following in zip(found, [*found, None][1:], strict=True):
        content = match[2] + text[match.end() : following.start() if following else len(text)]
        number = int(match[1])
        if number == 1:
            wanted = 1
        if number != wanted or not texts.words(content):
            continue
        best, wanted = max(best, wanted), wanted + 1
    return best >= given.num_sections


def json_format(text: str, given: NoParameters) -> bool:
    """The whole text is one JSON object or list, in a code fence or not; no NaN, no bare number."""

    def reject(constant: str) -> Any:
        raise ValueError(constant)

    try:
        value = json.loads(texts.unfenced(text), parse_constant=reject)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict | list) and bool(value)


def title(text: str, given: NoParameters) -> bool:
    """A title with a word in it between `<<` and the next `>>`, on one line."""
    for line in text.splitlines():
        for part in line.split("<<")[1:]:
            inner, mark, _ = part.partition(">>")
            if mark and texts.words(inner):
                return True
    return False


def two_responses(text: str, given: NoParameters) -> bool:
    """Two texts with words in them, parted by `******` once, that differ in more than case and spacing."""
    parts = text.split("******")
    filled = [texts.plain(part) for part in parts if texts.words(part)]
    stray = any(part.strip("* \n\t") and not texts.words(part) for part in parts)
    inner_empty = any(not texts.words(part) for part in parts[1:-1])
    return len(filled) == 2 and filled[0] != filled[1] and not inner_empty and not stray


def repeat_prompt(text: str, given: p.RepeatPrompt) -> bool:
    """The response begins with the prompt, whatever its case and spacing, and an answer follows."""
    found, wanted = texts.plain(text), texts.plain(given.prompt_to_repeat)
    return found.startswith(wanted) and bool(texts.words(found[len(wanted) :]))


def end_phrase(text: str, given: p.EndPhrase) -> bool:
    """The last words are the phrase, whatever the case; closing quotes and asterisks may follow."""
    found = texts.plain(text.rstrip(_CLOSING_MARKS))
    wanted = texts.plain(given.end_phrase.rstrip(_CLOSING_MARKS))
    before = found[: len(found) - len(wanted)]
    return bool(wanted) and found.endswith(wanted) and not (before[-1:].isalnum() and wanted[0].isalnum())


def capital_words(text: str, given: p.CapitalWords) -> bool:
    """So many words of at least two letters in capitals: `I` is none, `CAN'T` is one."""
    pieces = (piece.strip(".,;:!?\"'“”‘’()[]{}<>*_#-") for piece in text.split())
    count = sum(piece.isupper() and sum(map(str.isalpha, piece)) > 1 for piece in pieces)
    return compared(count, given.capital_relation, given.capital_frequency)


def english_capital(text: str, given: NoParameters) -> bool:
    """No lowercase letter, and no language but English; names alone are no other language."""
    return text.isupper() and is_written_in(text, "en", evidence=False)


def english_lowercase(text: str, given: NoParameters) -> bool:
    """No capital letter, and no language but English; names alone are no other language."""
    return text.islower() and is_written_in(text, "en", evidence=False)


def no_comma(text: str, given: NoParameters) -> bool:
    """No comma of any script."""
    return not _COMMAS.intersection(text)


def quotation(text: str, given: NoParameters) -> bool:
    """Double quotes, straight or typographic, around everything, and words inside."""
    text = text.strip()
    return len(text) > 2 and _QUOTES.get(text[0]) == text[-1] and bool(texts.words(text[1:-1]))
