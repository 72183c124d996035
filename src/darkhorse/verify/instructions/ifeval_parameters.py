"""Parameters of IFEval's instruction types, under the names of its data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkhorse.verify.instructions.specs import CompareTo, Count, Parameters, Phrase

Phrases = Annotated[tuple[Phrase, ...], Field(min_length=1)]


class Keywords(Parameters):
    """Words that must occur."""

    keywords: Phrases


class KeywordFrequency(Parameters):
    """How often a word occurs."""

    keyword: Phrase
    frequency: Count
    relation: CompareTo


class ForbiddenWords(Parameters):
    """Words that must not occur."""

    forbidden_words: Phrases


class LetterFrequency(Parameters):
    """How often a character occurs."""

    letter: Annotated[str, Field(min_length=1, max_length=1)]
    let_frequency: Count
    let_relation: CompareTo


class Language(Parameters):
    """The language, an ISO 639-1 code."""

    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]{2})?$")]


class Sentences(Parameters):
    """How many sentences."""

    num_sentences: Count
    relation: CompareTo


class Words(Parameters):
    """How many words."""

    num_words: Count
    relation: CompareTo


class Paragraphs(Parameters):
    """How many paragraphs."""

    num_paragraphs: Count


class NthParagraph(Parameters):
    """How many paragraphs, and the first word of one of them."""

    num_paragraphs: Count
    nth_paragraph: Annotated[int, Field(ge=1)]
    first_word: Phrase


class Placeholders(Parameters):
    """How many placeholders."""

    num_placeholders: Count


class Postscript(Parameters):
    """How the postscript begins."""

    postscript_marker: Phrase


class BulletPoints(Parameters):
    """How many bullet points."""

    num_bullets: Count


class Highlights(Parameters):
    """How many highlighted parts."""

    num_highlights: Count


class Sections(Parameters):
    """How many sections, and the word that opens each."""

    section_spliter: Phrase
    num_sections: Count


class RepeatPrompt(Parameters):
    """What must be repeated."""

    prompt_to_repeat: Phrase


class EndPhrase(Parameters):
    """How the response ends."""

    end_phrase: Phrase


class CapitalWords(Parameters):
    """How many words in capitals."""

    capital_frequency: Count
    capital_relation: CompareTo
