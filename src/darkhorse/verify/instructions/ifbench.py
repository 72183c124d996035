"""The 58 instruction types of IFBench (Pyatkin et al. 2025, arXiv:2507.02833), each with its two checks."""

from __future__ import annotations

from typing import Any

from darkhorse.verify.instructions import ifbench_compat as compat
from darkhorse.verify.instructions import ifbench_parameters as p
from darkhorse.verify.instructions import ifbench_reward as reward
from darkhorse.verify.instructions.specs import Instruction, NoParameters

INSTRUCTIONS: dict[str, Instruction[Any]] = {
    "count:word_count_range": Instruction(p.WordRange, compat.word_count_range, reward.word_count_range),
    "count:unique_word_count": Instruction(p.Number, compat.unique_word_count, reward.unique_word_count),
    "count:conjunctions": Instruction(p.SmallNumber, compat.conjunctions, reward.conjunctions),
    "count:person_names": Instruction(p.Number, compat.person_names, reward.person_names),
    "count:numbers": Instruction(p.Number, compat.numbers, reward.numbers),
    "count:punctuation": Instruction(NoParameters, compat.punctuation, reward.punctuation),
    "count:words_japanese": Instruction(p.Position, compat.words_japanese, reward.words_japanese),
    "count:pronouns": Instruction(p.Number, compat.pronouns, reward.pronouns),
    "count:keywords_multiple": Instruction(p.FiveKeywords, compat.keywords_multiple, reward.keywords_multiple),
    "ratio:stop_words": Instruction(p.Percentage, compat.stop_words, reward.stop_words),
    "ratio:sentence_type": Instruction(NoParameters, compat.sentence_type, reward.sentence_type),
    "ratio:sentence_balance": Instruction(NoParameters, compat.sentence_balance, reward.sentence_balance),
    "ratio:sentence_words": Instruction(NoParameters, compat.sentence_words, reward.sentence_words),
    "ratio:overlap": Instruction(p.Overlap, compat.overlap, compat.overlap),
    "words:alphabet": Instruction(NoParameters, compat.alphabet, reward.alphabet),
    "words:vowel": Instruction(NoParameters, compat.vowel, reward.vowel),
    "words:consonants": Instruction(NoParameters, compat.consonants, reward.consonants),
    "words:palindrome": Instruction(NoParameters, compat.palindrome, reward.palindrome),
    "words:prime_lengths": Instruction(NoParameters, compat.prime_lengths, reward.prime_lengths),
    "words:start_verb": Instruction(NoParameters, compat.start_verb, reward.start_verb),
    "words:repeats": Instruction(p.SmallNumber, compat.repeats, reward.repeats),
    "words:odd_even_syllables": Instruction(NoParameters, compat.odd_even_syllables, reward.odd_even_syllables),
    "words:last_first": Instruction(NoParameters, compat.last_first, reward.last_first),
    "words:paragraph_last_first": Instruction(NoParameters, compat.paragraph_last_first, reward.paragraph_last_first),
    "words:no_consecutive": Instruction(NoParameters, compat.no_consecutive, reward.no_consecutive),
    "words:keywords_specific_position": Instruction(
        p.KeywordPosition, compat.keywords_specific_position, reward.keywords_specific_position
    ),
    "words:words_position": Instruction(p.Keyword, compat.words_position, reward.words_position),
    "sentence:alliteration_increment": Instruction(
        NoParameters, compat.alliteration_increment, reward.alliteration_increment
    ),
    "sentence:keyword": Instruction(p.SentenceKeyword, compat.sentence_keyword, reward.sentence_keyword),
    "sentence:increment": Instruction(p.SmallNumber, compat.increment, reward.increment),
    "format:parentheses": Instruction(NoParameters, compat.parentheses, reward.parentheses),
    "format:quotes": Instruction(NoParameters, compat.quotes, reward.quotes),
    "format:options": Instruction(p.Options, compat.options, reward.options),
    "format:newline": Instruction(NoParameters, compat.newline, reward.newline),
    "format:emoji": Instruction(NoParameters, compat.emoji, reward.emoji),
    "format:line_indent": Instruction(NoParameters, compat.line_indent, reward.line_indent),
    "format:quote_unquote": Instruction(NoParameters, compat.quote_unquote, reward.quote_unquote),
    "format:list": Instruction(p.Separator, compat.list_marker, reward.list_marker),
    "format:thesis": Instruction(NoParameters, compat.thesis, reward.thesis),
    "format:sub-bullets": Instruction(NoParameters, compat.sub_bullets, reward.sub_bullets),
    "format:no_bullets_bullets": Instruction(NoParameters, compat.no_bullets_bullets, reward.no_bullets_bullets),
    "format:title_case": Instruction(NoParameters, compat.title_case, reward.title_case),
    "format:output_template": Instruction(NoParameters, compat.output_template, reward.output_template),
    "format:no_whitespace": Instruction(NoParameters, compat.no_whitespace, reward.no_whitespace),
    "custom:multiples": Instruction(NoParameters, compat.multiples, reward.multiples),
    "custom:mcq_count_length": Instruction(NoParameters, compat.mcq_count_length, reward.mcq_count_length),
    "custom:reverse_newline": Instruction(NoParameters, compat.reverse_newline, reward.reverse_newline),
    "custom:word_reverse": Instruction(NoParameters, compat.word_reverse, reward.word_reverse),
    "custom:character_reverse": Instruction(NoParameters, compat.character_reverse, reward.character_reverse),
    "custom:sentence_alphabet": Instruction(NoParameters, compat.sentence_alphabet, reward.sentence_alphabet),
    "custom:european_capitals_sort": Instruction(
        NoParameters, compat.european_capitals_sort, reward.european_capitals_sort
    ),
    "custom:csv_city": Instruction(NoParameters, compat.csv_city, reward.csv_city),
    "custom:csv_special_character": Instruction(
        NoParameters, compat.csv_special_character, reward.csv_special_character
    ),
    "custom:csv_quotes": Instruction(NoParameters, compat.csv_quotes, reward.csv_quotes),
    "custom:date_format_list": Instruction(NoParameters, compat.date_format_list, reward.date_format_list),
    "repeat:repeat_change": Instruction(p.Repeat, compat.repeat_change, reward.repeat_change),
    "repeat:repeat_simple": Instruction(NoParameters, compat.repeat_simple, reward.repeat_simple),
    "repeat:repeat_span": Instruction(p.RepeatSpan, compat.repeat_span, reward.repeat_span),
}
"""Checks by instruction id."""
