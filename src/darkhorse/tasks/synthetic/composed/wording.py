"""Every kind of the training registry: its parameters drawn, its wordings in a prompt, its note in the thinking.

The wordings are our own: none repeats a sentence of IFEval's or IFBench's prompts, so that training on them teaches the
skill and not the test.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

from darkhorse.tasks import constraints as c
from darkhorse.tasks.synthetic import wordlists as w
from darkhorse.tasks.synthetic.instruction_rules import Instruction

Maker = Callable[[random.Random], Instruction]

_RELATIONS: tuple[c.Relation, ...] = ("exactly", "at_least", "at_most")
_SAID = {"exactly": "precisely", "at_least": "no fewer than", "at_most": "no more than"}
_TITLED = {"!": "exclamation mark", "?": "question mark", ";": "semicolon", ":": "colon", "(": "opening bracket"}
_GREETINGS = ("Dear reader", "Hello there", "To whom it may interest", "A short note", "From my desk")
_FAREWELLS = ("Yours truly", "With warm wishes", "Until next time", "That is all", "Goodbye for now")
_REFRAINS = ("so it goes", "as ever", "and that is that", "once more", "you see")
_LABELS = ("Who", "Where", "When", "Why", "Mood", "Colour", "Sound", "Smell")
_ACROSTICS = ("sun", "moon", "leaf", "rain", "bird", "path", "snow", "wind", "star")
_TAGS = ("note", "story", "reply", "entry", "memo")
_CODE = ("text", "yaml", "python", "bash")


def _quoted(words: list[str]) -> str:
    return " and ".join(f'"{word}"' for word in words)


def _made(rng: random.Random, rule: c.Rule, note: str, *wordings: str) -> Instruction:
    return Instruction(rule, rng.choice(wordings), note)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def lowercase(rng: random.Random) -> Instruction:
    """No capitals."""
    return _made(
        rng, c.Lowercase(), "small letters", "Keep every letter small.", "Type it all without touching the shift key."
    )


def uppercase(rng: random.Random) -> Instruction:
    """Capitals alone."""
    return _made(rng, c.Uppercase(), "capitals", "Shout: every letter is a capital.", "Type it with caps lock on.")


def no_commas(rng: random.Random) -> Instruction:
    """No commas."""
    return _made(
        rng, c.NoCommas(), "no commas", "The comma key is broken; do without it.", "Leave commas out entirely."
    )


def word_count(rng: random.Random) -> Instruction:
    """Words in all."""
    relation = rng.choice(_RELATIONS)
    count = rng.randint(*{"exactly": (12, 40), "at_least": (20, 60), "at_most": (15, 60)}[relation])
    said = f"{_SAID[relation]} {count}"
    return _made(
        rng,
        c.WordCount(relation=relation, count=count),
        f"{said} words",
        f"Its length is {said} words in total.",
        f"Count your words: {said} of them, headings and all.",
    )


def sentence_count(rng: random.Random) -> Instruction:
    """Sentences in all."""
    count = rng.randint(2, 6)
    return _made(
        rng,
        c.SentenceCount(relation="exactly", count=count),
        f"{count} sentences",
        f"Say it in {count} sentences, neither more nor fewer.",
        f"The text runs to precisely {count} sentences.",
    )


def starts_with(rng: random.Random) -> Instruction:
    """First word."""
    word = rng.choice(w.OPENERS)
    return _made(
        rng,
        c.StartsWith(word=word),
        f"open with {word}",
        f'Open with "{word}" as the very first word.',
        f'Let "{word}" lead the text.',
    )


def ends_with(rng: random.Random) -> Instruction:
    """Last word."""
    word = rng.choice(w.CLOSERS)
    return _made(
        rng,
        c.EndsWith(word=word),
        f"close with {word}",
        f'Close on the word "{word}".',
        f'"{word}" has the last word, quite literally.',
    )


def keywords(rng: random.Random) -> Instruction:
    """Words to use."""
    chosen = rng.sample(w.EXTRAS, rng.randint(1, 3))
    return _made(
        rng,
        c.Keywords(words=chosen),
        f"use {', '.join(chosen)}",
        f"Work {_quoted(chosen)} into the text.",
        f"Somewhere the text has to say {_quoted(chosen)}.",
    )


def keyword_count(rng: random.Random) -> Instruction:
    """A word so often."""
    word, count = rng.choice(w.EXTRAS), rng.randint(2, 4)
    return _made(
        rng,
        c.KeywordCount(word=word, count=count),
        f"{word} {count} times",
        f'"{word}" turns up {count} times, not once more or less.',
        f'Say "{word}" on {count} occasions, precisely.',
    )


def forbidden(rng: random.Random) -> Instruction:
    """Words to avoid."""
    chosen = rng.choice((["is"], ["it"], ["we"], ["near"], ["and"], ["of"], ["very", "really"], ["I", "we"]))
    return _made(
        rng,
        c.Forbidden(words=chosen),
        f"not {', '.join(chosen)}",
        f"Banned vocabulary: {_quoted(chosen)}.",
        f"Get by without saying {_quoted(chosen)}.",
    )


def word_order(rng: random.Random) -> Instruction:
    """One word before another."""
    first, second = rng.sample(w.EXTRAS, 2)
    return _made(
        rng,
        c.WordOrder(first=first, second=second),
        f"{first} before {second}",
        f'Bring in "{first}" and, later on, "{second}".',
        f'The word "{second}" shows up only after "{first}" has.',
    )


def no_doubles(rng: random.Random) -> Instruction:
    """No word twice in a row."""
    return _made(
        rng,
        c.NoDoubles(),
        "no doubled word",
        "Never write the same word twice in a row.",
        "No word may stand right beside its twin.",
    )


def word_length(rng: random.Random) -> Instruction:
    """Short words."""
    count = rng.randint(7, 9)
    return _made(
        rng,
        c.WordLength(count=count),
        f"words up to {count} letters",
        f"Pick short words: {count} letters is the limit for each.",
        f"Any word longer than {count} letters is too long.",
    )


def capital_words(rng: random.Random) -> Instruction:
    """Words in capitals."""
    count = rng.randint(1, 3)
    said = _plural(count, "word")
    return _made(
        rng,
        c.CapitalWords(relation="exactly", count=count),
        f"{said} in capitals",
        f"For emphasis put {said}, and no others, in capitals.",
        f"Just {said} should be shouted LIKE THIS.",
    )


def refrain(rng: random.Random) -> Instruction:
    """A phrase so often."""
    phrase, count = rng.choice(_REFRAINS), rng.randint(2, 3)
    return _made(
        rng,
        c.Refrain(phrase=phrase, count=count),
        f"'{phrase}' {count} times",
        f'Use "{phrase}" as a refrain, {count} times.',
        f'Let the phrase "{phrase}" return so that it is there {count} times.',
    )


def no_letter(rng: random.Random) -> Instruction:
    """A letter to avoid."""
    letter = rng.choice("bcdfgjkpqvwxz")
    return _made(
        rng,
        c.NoLetter(letter=letter),
        f"no letter {letter}",
        f'Pretend the letter "{letter}" does not exist.',
        f'Choose words without any "{letter}" in them.',
    )


def ending_mark(rng: random.Random) -> Instruction:
    """The last mark."""
    if rng.random() < 0.5:
        return _made(rng, c.EndingMark(mark="?"), "end on ?", "Leave the reader with a question at the close.")
    return _made(rng, c.EndingMark(mark="!"), "end on !", 'The final character is "!".')


def number(rng: random.Random) -> Instruction:
    """A number."""
    value = rng.randint(2, 99)
    return _made(
        rng,
        c.Number(value=value),
        f"number {value}",
        f"The figure {value} turns up, as digits.",
        f"Slip in the number {value} (digits, please).",
    )


def no_mark(rng: random.Random) -> Instruction:
    """A mark to avoid."""
    mark: c.Mark = rng.choice(("!", "?", ";", ":", "("))
    name = _TITLED[mark]
    return _made(
        rng,
        c.NoMark(mark=mark),
        f"no {mark}",
        f'Not a single {name} ("{mark}") anywhere.',
        f'The sign "{mark}" is off limits.',
    )


def mark_count(rng: random.Random) -> Instruction:
    """A mark so often."""
    mark: c.Mark = rng.choice(("!", "?", ";"))
    count = rng.randint(1, 3)
    name = _TITLED[mark]
    return _made(
        rng,
        c.MarkCount(mark=mark, relation="exactly", count=count),
        f"{count} {mark}",
        f"The text contains precisely {_plural(count, name)}.",
        f'Spend the sign "{mark}" {_times(count)}, no more and no less.',
    )


def no_digits(rng: random.Random) -> Instruction:
    """No digits."""
    return _made(rng, c.NoDigits(), "no digits", "Spell out any number; digits are out.", "Keep it free of digits.")


def character_count(rng: random.Random) -> Instruction:
    """Length in characters."""
    if rng.random() < 0.5:
        count = rng.randrange(80, 300, 10)
        return _made(
            rng,
            c.CharacterCount(relation="at_least", count=count),
            f"{count}+ characters",
            f"Fill {count} characters or more, spaces included.",
        )
    count = rng.randrange(200, 500, 10)
    return _made(
        rng,
        c.CharacterCount(relation="at_most", count=count),
        f"up to {count} characters",
        f"It has to fit in {count} characters, spaces included.",
    )


def date(rng: random.Random) -> Instruction:
    """A date."""
    return _made(
        rng,
        c.Date(),
        "a date",
        "Give some date in the form 2031-05-17.",
        "Have a calendar date in it, written year-month-day like 1999-12-31.",
    )


def hashtags(rng: random.Random) -> Instruction:
    """Hashtags."""
    count = rng.randint(1, 4)
    return _made(
        rng,
        c.Hashtags(count=count),
        _plural(count, "hashtag"),
        f"Tag it with {_plural(count, 'hashtag')}, each of its own.",
        f"Put in {_plural(count, 'different hashtag')}.",
    )


def sentence_length(rng: random.Random) -> Instruction:
    """Length of each sentence."""
    relation = rng.choice(_RELATIONS)
    count = rng.randint(*{"exactly": (7, 10), "at_least": (6, 9), "at_most": (9, 14)}[relation])
    said = f"{_SAID[relation]} {count}"
    return _made(
        rng,
        c.SentenceLength(relation=relation, count=count),
        f"{said} words a sentence",
        f"Give each sentence {said} words.",
        f"Sentence by sentence, {said} words apiece.",
    )


def different_openers(rng: random.Random) -> Instruction:
    """Different first words."""
    return _made(
        rng,
        c.DifferentOpeners(),
        "different openers",
        "Begin every sentence with another word than the others; write two at the very least.",
        "Write several sentences, none opening with a word that already opened one.",
    )


def sentence_mark(rng: random.Random) -> Instruction:
    """One mark for all sentences."""
    mark: Literal["!", "?"] = rng.choice(("!", "?"))
    name = "an exclamation" if mark == "!" else "a question"
    return _made(
        rng,
        c.SentenceMark(mark=mark),
        f"all end on {mark}",
        f'Make each sentence {name}: it closes with "{mark}".',
        f'The only way to finish a sentence here is "{mark}".',
    )


def paragraph_count(rng: random.Random) -> Instruction:
    """Paragraphs."""
    count = rng.randint(2, 4)
    return _made(
        rng,
        c.ParagraphCount(relation="exactly", count=count),
        f"{count} paragraphs",
        f"Break it into {count} paragraphs by leaving an empty line between them.",
        f"Set it as {count} blocks of text with blank lines in between.",
    )


def line_count(rng: random.Random) -> Instruction:
    """Lines."""
    count = rng.randint(3, 7)
    return _made(
        rng,
        c.LineCount(relation="exactly", count=count),
        f"{count} lines",
        f"Lay it out on {count} lines.",
        f"It takes up {count} lines, blank ones not counted.",
    )


def bullets(rng: random.Random) -> Instruction:
    """Bullets."""
    count = rng.randint(2, 6)
    return _made(
        rng,
        c.Bullets(count=count),
        f"{count} bullets",
        f'Make a list with {count} different entries, each on a line led by "- ".',
        f"Bulleted, please: {count} entries, no two alike.",
    )


def numbered_steps(rng: random.Random) -> Instruction:
    """Numbered steps."""
    count = rng.randint(2, 6)
    return _made(
        rng,
        c.NumberedSteps(count=count),
        f"steps 1 to {count}",
        f'Number your lines "1." through "{count}."',
        f"Put it as {count} numbered steps (1. 2. and so forth), one to a line.",
    )


def labels(rng: random.Random) -> Instruction:
    """Labelled lines."""
    chosen = rng.sample(_LABELS, rng.randint(2, 4))
    return _made(
        rng,
        c.Labels(labels=chosen),
        f"lines {', '.join(chosen)}",
        f"Fill in this form, one line for each label, as in Label: words. The labels are {', '.join(chosen)}.",
    )


def quoted(rng: random.Random) -> Instruction:
    """Quotes around all."""
    return _made(
        rng,
        c.Quoted(),
        "all in quotes",
        "Present the entire thing as a quotation between double quotes.",
        'Both the first and the last character are ".',
    )


def title(rng: random.Random) -> Instruction:
    """A title."""
    return _made(
        rng,
        c.Title(),
        "title in << >>",
        "Give it a name between << and >>, on a single line.",
        "Include a caption set off like <<this one>>.",
    )


def placeholder(rng: random.Random) -> Instruction:
    """A placeholder."""
    name = rng.choice(w.PLACEHOLDERS)
    return _made(
        rng,
        c.Placeholder(name=name),
        f"slot [{name}]",
        f"Leave a slot marked [{name}] for me to fill.",
        f"Where the {name} belongs, type [{name}].",
    )


def json_keys(rng: random.Random) -> Instruction:
    """A JSON object."""
    keys = rng.sample(w.JSON_KEYS, rng.randint(1, 3))
    return _made(
        rng,
        c.JsonKeys(keys=keys),
        f"JSON: {', '.join(keys)}",
        f"A program will parse it: return one JSON object whose keys include {_quoted(keys)}.",
    )


def postscript(rng: random.Random) -> Instruction:
    """A postscript."""
    return _made(
        rng,
        c.Postscript(),
        "a P.S.",
        'Tack on an afterthought that is introduced by "P.S."',
        "Sign off, then add a P.S.",
    )


def parts(rng: random.Random) -> Instruction:
    """Parts between asterisks."""
    return _made(
        rng,
        c.Parts(count=2),
        "two parts, *** between",
        "Halve the text with a line of three asterisks.",
        "Two parts, kept apart by *** on its own line.",
    )


def divided(rng: random.Random) -> Instruction:
    """Parts between other marks."""
    mark, count = rng.choice(("---", "~~~", "+++", "===")), rng.randint(2, 4)
    return _made(
        rng,
        c.Divided(mark=mark, count=count),
        f"{count} parts, {mark} between",
        f'Cut it into {count} parts with a line "{mark}" wherever one part gives way to the next.',
    )


def headings(rng: random.Random) -> Instruction:
    """Markdown headings."""
    level, count = rng.randint(1, 3), rng.randint(1, 3)
    return _made(
        rng,
        c.Headings(level=level, count=count),
        f"{count} headings {'#' * level}",
        f'Structure it with {_plural(count, "heading")} in Markdown ("{"#" * level} Heading"), text below each.',
    )


def bold(rng: random.Random) -> Instruction:
    """Bold parts."""
    count = rng.randint(1, 3)
    return _made(
        rng,
        c.Bold(count=count),
        f"{count} in bold",
        f"Set {_plural(count, 'expression')} in Markdown bold, **like so**.",
        f"Bold type (double asterisks) is used for {_plural(count, 'expression')}.",
    )


def code_block(rng: random.Random) -> Instruction:
    """A code block."""
    language = rng.choice(_CODE)
    return _made(
        rng,
        c.CodeBlock(language=language),
        f"a {language} block",
        f"Add one fenced code block labelled {language}.",
        f"Have one block fenced by ```{language} and ```.",
    )


def table(rng: random.Random) -> Instruction:
    """A table."""
    columns, rows = rng.randint(2, 3), rng.randint(2, 4)
    return _made(
        rng,
        c.Table(columns=columns, rows=rows),
        f"table {columns} by {rows}",
        f"Add a Markdown table: {columns} columns, a header, {rows} rows below it.",
    )


def acrostic(rng: random.Random) -> Instruction:
    """An acrostic."""
    word = rng.choice(_ACROSTICS)
    return _made(
        rng,
        c.Acrostic(word=word),
        f"acrostic {word}",
        f'Read downwards, the initial letters of your lines form "{word}".',
        f'Write an acrostic on "{word}", a line per letter.',
    )


def line_prefix(rng: random.Random) -> Instruction:
    """A mark before each line."""
    mark = rng.choice((">", "~", "|", "=>"))
    return _made(
        rng,
        c.LinePrefix(mark=mark),
        f"lines after {mark}",
        f'Put "{mark} " in front of each line.',
        f'Lines without a leading "{mark} " will be thrown away.',
    )


def first_line(rng: random.Random) -> Instruction:
    """The first line."""
    line = rng.choice(_GREETINGS)
    return _made(
        rng,
        c.FirstLine(line=line),
        f"line 1: {line}",
        f'The top line reads "{line}" and nothing else.',
        f'On a line to itself, before all else: "{line}".',
    )


def last_line(rng: random.Random) -> Instruction:
    """The last line."""
    line = rng.choice(_FAREWELLS)
    return _made(
        rng,
        c.LastLine(line=line),
        f"last line: {line}",
        f'The bottom line reads "{line}" and nothing else.',
        f'On a line to itself, after all else: "{line}".',
    )


def tag(rng: random.Random) -> Instruction:
    """Tags around all."""
    name = rng.choice(_TAGS)
    return _made(
        rng,
        c.Tag(name=name),
        f"inside <{name}>",
        f"Enclose everything in <{name}> and </{name}>.",
        f"Nothing stands outside the tags <{name}>...</{name}>.",
    )


def asides(rng: random.Random) -> Instruction:
    """Remarks in brackets."""
    count = rng.randint(1, 3)
    return _made(
        rng,
        c.Asides(count=count),
        _plural(count, "aside"),
        f"Make {_plural(count, 'aside')} in round brackets (such as this).",
        f"Round brackets enclose {_plural(count, 'remark')} in it.",
    )


MAKERS: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        *(lowercase, uppercase, no_commas, word_count, sentence_count, starts_with, ends_with, keywords, keyword_count),
        *(forbidden, word_order, no_doubles, word_length, capital_words, refrain, no_letter, ending_mark, number),
        *(no_mark, mark_count, no_digits, character_count, date, hashtags, sentence_length, different_openers),
        *(sentence_mark, paragraph_count, line_count, bullets, numbered_steps, labels, quoted, title, placeholder),
        *(json_keys, postscript, parts, divided, headings, bold, code_block, table, acrostic, line_prefix),
        *(first_line, last_line, tag, asides),
    )
}
"""How an instruction of each kind is drawn."""
