"""IFEval's checks as published (Zhou et al. 2023, arXiv:2311.07911; google-research/instruction_following_eval).

Each function decides as the published checker does, flaws included, in linear time where the published regular
expression takes quadratic time on hostile text. Where a published check raises, the one here says no.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache

from darkhorse.verify.instructions import ifeval_parameters as p
from darkhorse.verify.instructions import libraries
from darkhorse.verify.instructions.specs import NoParameters, compared

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


@lru_cache(maxsize=1024)
def pattern(source: str) -> re.Pattern[str]:
    """A keyword taken as a regular expression, as the published checks do.

    Raises:
        ValueError: if it is none, or one that could take longer than linear time.
    """
    if len(re.findall(r"[*+{]", source)) > 2 or re.search(r"\)[?*+{]", source):
        raise ValueError(f"{source!r} is too much of a regular expression")
    try:
        return re.compile(source, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{source!r} is no regular expression: {error}") from None


def keywords(text: str, given: p.Keywords) -> bool:
    """Each keyword is found, as an unescaped regular expression."""
    return all(pattern(keyword).search(text) for keyword in given.keywords)


def keyword_frequency(text: str, given: p.KeywordFrequency) -> bool:
    """The keyword is found so often, inside words too."""
    return compared(len(pattern(given.keyword.strip()).findall(text)), given.relation, given.frequency)


def forbidden_words(text: str, given: p.ForbiddenWords) -> bool:
    """No keyword is found between word boundaries."""
    return not any(pattern(rf"\b{word}\b").search(text) for word in given.forbidden_words)


def letter_frequency(text: str, given: p.LetterFrequency) -> bool:
    """The letter occurs so often."""
    return compared(text.lower().count(given.letter.strip().lower()), given.let_relation, given.let_frequency)


def language(text: str, given: p.Language) -> bool:
    """The language is detected, or none is."""
    found = libraries.language(text)
    return found is None or found == given.language


def sentences(text: str, given: p.Sentences) -> bool:
    """NLTK counts so many sentences."""
    return compared(len(libraries.sentences(text)), given.relation, given.num_sentences)


def words(text: str, given: p.Words) -> bool:
    """So many runs of word characters: `don't` is two."""
    return compared(len(re.findall(r"\w+", text)), given.relation, given.num_words)


def paragraphs(text: str, given: p.Paragraphs) -> bool:
    """`***` anywhere parts paragraphs, none of them empty but the first and the last."""
    parts = re.split(r"\s?\*\*\*\s?", text)
    empty = [index for index, part in enumerate(parts) if not part.strip()]
    if any(0 < index < len(parts) - 1 for index in empty):
        return False
    return len(parts) - len(empty) == given.num_paragraphs


def nth_paragraph(text: str, given: p.NthParagraph) -> bool:
    """Empty paragraphs do not count, but take a place in the numbering."""
    parts = text.split("\n\n")
    count = sum(1 for part in parts if part.strip())
    if given.nth_paragraph > min(count, given.num_paragraphs) or not parts[given.nth_paragraph - 1].strip():
        return False
    word = parts[given.nth_paragraph - 1].split()[0].lstrip("'").lstrip('"')
    found = re.split(r"[.,?!'\"]", word, maxsplit=1)[0]
    return count == given.num_paragraphs and "".join(letter.lower() for letter in found) == given.first_word.lower()


def placeholders(text: str, given: p.Placeholders) -> bool:
    """So many pairs of square brackets, empty ones and links among them."""
    count = 0
    for line in text.split("\n"):
        start = line.find("[")
        while start >= 0:
            end = line.find("]", start)
            if end < 0:
                break
            count += 1
            start = line.find("[", end)
    return count >= given.num_placeholders


def postscript(text: str, given: p.Postscript) -> bool:
    """The marker occurs anywhere."""
    marker = given.postscript_marker.strip()
    known = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
    return pattern(known.get(marker, marker.lower())).search(text.lower()) is not None


def bullets(text: str, given: p.BulletPoints) -> bool:
    """So many lines that begin with `-`, or with one `*` that more follows, be it the next line."""
    lines = text.split("\n")
    count = sum(line.lstrip().startswith("-") for line in lines)
    taken = -1
    for index, line in enumerate(lines):
        content = line.lstrip()
        if index == taken or not content.startswith("*"):
            continue
        if len(content) > 1:
            count += content[1] != "*"
        elif index + 1 < len(lines):
            count, taken = count + 1, index + 1
    return count == given.num_bullets


def constrained_response(text: str, given: NoParameters) -> bool:
    """One of the three phrases occurs, whatever else does."""
    return any(option in text for option in OPTIONS)


def highlights(text: str, given: p.Highlights) -> bool:
    """So many `*…*` and `**…**` on one line each, some counted twice."""
    single = (found.strip("*").strip() for found in re.findall(r"\*[^\n*]*\*", text))
    double = (found.removeprefix("**").removesuffix("**").strip() for found in re.findall(r"\*\*[^\n*]*\*\*", text))
    return sum(map(bool, single)) + sum(map(bool, double)) >= given.num_highlights


def sections(text: str, given: p.Sections) -> bool:
    """The word and a number occur at least so often, anywhere."""
    return len(re.findall(rf"(?:{given.section_spliter.strip()})\s?\d+", text)) >= given.num_sections


def json_format(text: str, given: NoParameters) -> bool:
    """JSON of any kind, also a bare number, in a code fence or not."""
    text = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(text: str, given: NoParameters) -> bool:
    """Something on one line between `<<` and the last `>>`."""
    for line in text.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        if 0 <= start <= end - 3 and line[start : end + 2].lstrip("<").rstrip(">").strip():
            return True
    return False


def two_responses(text: str, given: NoParameters) -> bool:
    """Two different texts between `******`."""
    parts = text.split("******")
    if any(not part.strip() for part in parts[1:-1]):
        return False
    filled = [part.strip() for part in parts if part.strip()]
    return len(filled) == 2 and filled[0] != filled[1]


def repeat_prompt(text: str, given: p.RepeatPrompt) -> bool:
    """The response begins with the prompt, whatever the case; nothing need follow."""
    return text.strip().lower().startswith(given.prompt_to_repeat.strip().lower())


def end_phrase(text: str, given: p.EndPhrase) -> bool:
    """The response ends with the phrase, whatever the case; straight quotes may follow."""
    return text.strip().strip('"').lower().endswith(given.end_phrase.strip().lower())


def capital_words(text: str, given: p.CapitalWords) -> bool:
    """So many tokens in capitals: `I` is one, `CAN'T` is two."""
    count = sum(token.isupper() for token in libraries.tokens(text))
    return compared(count, given.capital_relation, given.capital_frequency)


def english_capital(text: str, given: NoParameters) -> bool:
    """No lowercase letter, and English is detected, or no language is."""
    return text.isupper() and libraries.language(text) in ("en", None)


def english_lowercase(text: str, given: NoParameters) -> bool:
    """No capital letter, and English is detected, or no language is."""
    return text.islower() and libraries.language(text) in ("en", None)


def no_comma(text: str, given: NoParameters) -> bool:
    """No ASCII comma."""
    return "," not in text


def quotation(text: str, given: NoParameters) -> bool:
    """The first and the last character are straight double quotes."""
    text = text.strip()
    return len(text) > 1 and text[0] == '"' == text[-1]
