"""Constraints as a person words them, and which of them go together."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from darkhorse.tasks import constraints as c
from darkhorse.tasks.synthetic import wordlists as w
from darkhorse.tasks.synthetic.prose import Topic


@dataclass(frozen=True)
class Instruction:
    """A constraint, its wording in the prompt (a sentence) and its short note in the thinking."""

    rule: c.Rule
    wording: str
    note: str


Maker = Callable[[random.Random, Topic], Instruction]


def _lowercase(rng: random.Random, topic: Topic) -> Instruction:
    wordings = ("Use only lowercase letters.", "Write everything in lowercase.", "No capital letters.")
    return Instruction(c.Lowercase(), rng.choice(wordings), "all lowercase")


def _uppercase(rng: random.Random, topic: Topic) -> Instruction:
    wordings = ("Use only capital letters.", "Write everything in uppercase.", "Answer in all caps.")
    return Instruction(c.Uppercase(), rng.choice(wordings), "all capitals")


def _no_commas(rng: random.Random, topic: Topic) -> Instruction:
    return Instruction(c.NoCommas(), rng.choice(("Do not use commas.", "No commas.", "Avoid commas.")), "no commas")


def _word_count(rng: random.Random, topic: Topic) -> Instruction:
    relation: c.Relation = rng.choice(("exactly", "exactly", "at_least", "at_most"))
    count = {"exactly": rng.randint(5, 11), "at_least": rng.randint(10, 16), "at_most": rng.randint(5, 9)}[relation]
    words = f"{relation.replace('_', ' ')} {count} words"
    return Instruction(
        c.WordCount(relation=relation, count=count), rng.choice((f"Use {words}.", f"Write {words}.")), words
    )


def _sentence_count(rng: random.Random, topic: Topic) -> Instruction:
    count = rng.randint(2, 4)
    rule = c.SentenceCount(relation="exactly", count=count)
    wordings = (f"Write exactly {count} sentences.", f"Use {count} sentences, no more and no less.")
    return Instruction(rule, rng.choice(wordings), f"{count} sentences")


def _starts_with(rng: random.Random, topic: Topic) -> Instruction:
    word = rng.choice(w.OPENERS)
    wordings = (f'Start with the word "{word}".', f'The first word must be "{word}".', f'Begin with "{word}".')
    return Instruction(c.StartsWith(word=word), rng.choice(wordings), f"start with {word}")


def _ends_with(rng: random.Random, topic: Topic) -> Instruction:
    word = rng.choice(w.CLOSERS)
    wordings = (f'End with the word "{word}".', f'The last word must be "{word}".', f'Finish with "{word}".')
    return Instruction(c.EndsWith(word=word), rng.choice(wordings), f"end with {word}")


def _keywords(rng: random.Random, topic: Topic) -> Instruction:
    chosen = rng.sample(w.EXTRAS, rng.randint(1, 2))
    quoted = " and ".join(f'"{word}"' for word in chosen)
    plural = "s" if len(chosen) > 1 else ""
    wordings = (f"Include the word{plural} {quoted}.", f"Use the word{plural} {quoted}.")
    return Instruction(c.Keywords(words=chosen), rng.choice(wordings), f"use {' and '.join(chosen)}")


def _keyword_count(rng: random.Random, topic: Topic) -> Instruction:
    count = rng.randint(2, 3)
    wordings = (
        f'Use the word "{topic.noun}" exactly {count} times.',
        f'The word "{topic.noun}" must occur {count} times.',
    )
    return Instruction(
        c.KeywordCount(word=topic.noun, count=count), rng.choice(wordings), f"{topic.noun} {count} times"
    )


def _forbidden(rng: random.Random, topic: Topic) -> Instruction:
    chosen = rng.choice(
        (["the"], ["is"], ["it"], ["a", "an"], ["the", "is"], ["and"], [rng.choice(list(topic.adjectives))])
    )
    quoted = " or ".join(f'"{word}"' for word in chosen)
    plural = "s" if len(chosen) > 1 else ""
    wordings = (f"Do not use the word{plural} {quoted}.", f"Avoid the word{plural} {quoted}.")
    return Instruction(c.Forbidden(words=chosen), rng.choice(wordings), f"avoid {' and '.join(chosen)}")


def _quoted(rng: random.Random, topic: Topic) -> Instruction:
    wordings = ("Put your whole answer in double quotes.", "Wrap the entire answer in double quotation marks.")
    return Instruction(c.Quoted(), rng.choice(wordings), "double quotes")


def _bullets(rng: random.Random, topic: Topic) -> Instruction:
    count = rng.randint(2, 4)
    wordings = (f"Give exactly {count} bullet points.", f'Use exactly {count} bullets, each starting with "- ".')
    return Instruction(c.Bullets(count=count), rng.choice(wordings), f"{count} bullets")


def _title(rng: random.Random, topic: Topic) -> Instruction:
    wordings = ("Add a title in double angle brackets, like <<Title>>.", "Begin with a title such as <<My Title>>.")
    return Instruction(c.Title(), rng.choice(wordings), "title in << >>")


def _placeholder(rng: random.Random, topic: Topic) -> Instruction:
    name = rng.choice(w.PLACEHOLDERS)
    wordings = (f"Include the placeholder [{name}].", f"Leave a placeholder, written [{name}].")
    return Instruction(c.Placeholder(name=name), rng.choice(wordings), f"placeholder [{name}]")


def _json_keys(rng: random.Random, topic: Topic) -> Instruction:
    keys = rng.sample(w.JSON_KEYS, rng.randint(1, 2))
    quoted = " and ".join(f'"{key}"' for key in keys)
    plural = "s" if len(keys) > 1 else ""
    wordings = (
        f"Answer as a JSON object with the key{plural} {quoted}.",
        f"Reply only with JSON; use the key{plural} {quoted}.",
    )
    return Instruction(c.JsonKeys(keys=keys), rng.choice(wordings), f"JSON with {' and '.join(keys)}")


def _no_letter(rng: random.Random, topic: Topic) -> Instruction:
    letter = rng.choice([letter for letter in "abcdfghiklmnoprstuwy" if letter not in topic.noun])
    wordings = (f'Do not use the letter "{letter}".', f'Avoid the letter "{letter}" completely.')
    return Instruction(c.NoLetter(letter=letter), rng.choice(wordings), f"no letter {letter}")


def _postscript(rng: random.Random, topic: Topic) -> Instruction:
    wordings = ('Add a postscript starting with "P.S."', "End with a P.S. line.")
    return Instruction(c.Postscript(), rng.choice(wordings), "a P.S. line")


def _ending_mark(rng: random.Random, topic: Topic) -> Instruction:
    if rng.random() < 0.5:
        return Instruction(
            c.EndingMark(mark="?"), rng.choice(("End with a question.", "Finish with a question.")), "end with ?"
        )
    return Instruction(c.EndingMark(mark="!"), "End with an exclamation mark.", "end with !")


def _number(rng: random.Random, topic: Topic) -> Instruction:
    value = rng.randint(2, 99)
    wordings = (f"Mention the number {value} in digits.", f"Include the number {value}, written in digits.")
    return Instruction(c.Number(value=value), rng.choice(wordings), f"number {value}")


def _parts(rng: random.Random, topic: Topic) -> Instruction:
    wordings = ('Write two parts with a line "***" between them.', 'Give two parts, divided by a line with only "***".')
    return Instruction(c.Parts(count=2), rng.choice(wordings), "two parts, *** between")


MAKERS: dict[str, Maker] = {
    "lowercase": _lowercase,
    "uppercase": _uppercase,
    "no_commas": _no_commas,
    "word_count": _word_count,
    "sentence_count": _sentence_count,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "keywords": _keywords,
    "keyword_count": _keyword_count,
    "forbidden": _forbidden,
    "quoted": _quoted,
    "bullets": _bullets,
    "title": _title,
    "placeholder": _placeholder,
    "json_keys": _json_keys,
    "no_letter": _no_letter,
    "postscript": _postscript,
    "ending_mark": _ending_mark,
    "number": _number,
    "parts": _parts,
}

# Shapes of the whole text: one at a time, and only with rules on its words.
_SHAPES = ("bullets", "json_keys", "parts", "title", "postscript", "quoted")
_EDGES = ("starts_with", "ends_with", "ending_mark", "sentence_count")
_SPELLED = ("starts_with", "ends_with", "keywords", "placeholder", "json_keys", "postscript", "number")
CLASHES: frozenset[frozenset[str]] = frozenset(
    frozenset(pair)
    for pair in (
        ("lowercase", "uppercase"),
        ("json_keys", "uppercase"),  # would capitalise the keys
        ("json_keys", "no_commas"),
        ("ends_with", "ending_mark"),
        ("word_count", "sentence_count"),
        ("title", "keyword_count"),  # does the title count?
        ("forbidden", "keyword_count"),
        *((one, other) for one in _SHAPES for other in _SHAPES if one < other),
        *((shape, edge) for shape in _SHAPES if shape != "quoted" for edge in _EDGES),
        *((shape, "word_count") for shape in _SHAPES if shape != "quoted"),  # is a title a word of the text?
        *(("no_letter", kind) for kind in _SPELLED),  # the required words may hold the letter
    )
)


def choose_kinds(rng: random.Random, count: int) -> list[str]:
    """`count` kinds that do not clash, each drawn evenly from those still compatible."""
    kinds: list[str] = []
    while len(kinds) < count:
        left = [kind for kind in MAKERS if all(kind != one and frozenset((kind, one)) not in CLASHES for one in kinds)]
        kinds.append(rng.choice(left))
    return rng.sample(kinds, count)
