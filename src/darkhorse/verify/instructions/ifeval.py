"""The 25 instruction types of IFEval (Zhou et al. 2023, arXiv:2311.07911), each with its two checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from darkhorse.verify.instructions import ifeval_compat as compat
from darkhorse.verify.instructions import ifeval_parameters as p
from darkhorse.verify.instructions import ifeval_reward as reward
from darkhorse.verify.instructions import languages, libraries
from darkhorse.verify.instructions.specs import Instruction, Mode, NoParameters, Parameters, Unavailable


def _require_patterns(field: str) -> Callable[[Any, Mode], None]:
    """The published checks take these parameters as regular expressions."""

    def require(given: Parameters, mode: Mode) -> None:
        values = getattr(given, field)
        for source in (values,) if isinstance(values, str) else values:
            if mode == "compat":
                compat.pattern(source)

    return require


def _require_language(given: p.Language, mode: Mode) -> None:
    if mode == "reward" and given.language not in languages.KNOWN and not libraries.installed()["langdetect"]:
        raise Unavailable(f"telling the language '{given.language}' needs the extra darkhorse[languages]")


INSTRUCTIONS: dict[str, Instruction[Any]] = {
    "keywords:existence": Instruction(p.Keywords, compat.keywords, reward.keywords, _require_patterns("keywords")),
    "keywords:frequency": Instruction(
        p.KeywordFrequency, compat.keyword_frequency, reward.keyword_frequency, _require_patterns("keyword")
    ),
    "keywords:forbidden_words": Instruction(
        p.ForbiddenWords, compat.forbidden_words, reward.forbidden_words, _require_patterns("forbidden_words")
    ),
    "keywords:letter_frequency": Instruction(p.LetterFrequency, compat.letter_frequency, reward.letter_frequency),
    "language:response_language": Instruction(p.Language, compat.language, reward.language, _require_language),
    "length_constraints:number_sentences": Instruction(p.Sentences, compat.sentences, reward.sentences),
    "length_constraints:number_paragraphs": Instruction(p.Paragraphs, compat.paragraphs, reward.paragraphs),
    "length_constraints:number_words": Instruction(p.Words, compat.words, reward.words),
    "length_constraints:nth_paragraph_first_word": Instruction(
        p.NthParagraph, compat.nth_paragraph, reward.nth_paragraph
    ),
    "detectable_content:number_placeholders": Instruction(p.Placeholders, compat.placeholders, reward.placeholders),
    "detectable_content:postscript": Instruction(
        p.Postscript, compat.postscript, reward.postscript, _require_patterns("postscript_marker")
    ),
    "detectable_format:number_bullet_lists": Instruction(p.BulletPoints, compat.bullets, reward.bullets),
    "detectable_format:constrained_response": Instruction(
        NoParameters, compat.constrained_response, reward.constrained_response
    ),
    "detectable_format:number_highlighted_sections": Instruction(p.Highlights, compat.highlights, reward.highlights),
    "detectable_format:multiple_sections": Instruction(
        p.Sections, compat.sections, reward.sections, _require_patterns("section_spliter")
    ),
    "detectable_format:json_format": Instruction(NoParameters, compat.json_format, reward.json_format),
    "detectable_format:title": Instruction(NoParameters, compat.title, reward.title),
    "combination:two_responses": Instruction(NoParameters, compat.two_responses, reward.two_responses),
    "combination:repeat_prompt": Instruction(p.RepeatPrompt, compat.repeat_prompt, reward.repeat_prompt),
    "startend:end_checker": Instruction(p.EndPhrase, compat.end_phrase, reward.end_phrase),
    "startend:quotation": Instruction(NoParameters, compat.quotation, reward.quotation),
    "change_case:capital_word_frequency": Instruction(p.CapitalWords, compat.capital_words, reward.capital_words),
    "change_case:english_capital": Instruction(NoParameters, compat.english_capital, reward.english_capital),
    "change_case:english_lowercase": Instruction(NoParameters, compat.english_lowercase, reward.english_lowercase),
    "punctuation:no_comma": Instruction(NoParameters, compat.no_comma, reward.no_comma),
}
"""Checks by instruction id."""
