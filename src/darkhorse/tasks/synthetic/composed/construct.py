"""Writing a text that obeys given constraints: what proves that they can be obeyed together."""

# ruff: noqa: SIM905 (words read better in a row than each in quotes)

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from darkhorse.tasks import constraints as c
from darkhorse.tasks.synthetic import prose
from darkhorse.tasks.synthetic import wordlists as w
from darkhorse.tasks.texts import words

_ATTEMPTS = 60
_TRIES = 60  # clauses drawn for one sentence
_FILLERS = (
    "quietly slowly gladly softly often daily calmly nicely gently warmly kindly boldly simply now here too again soon "
    "still also indeed today anyway nearby alone aloud"
).split()
_JOINTS = ("with a", "beside a", "by a", "past a", "without a", "under a")
_OPENERS = (*w.OPENERS, "Later", "Now", "Maybe", "Still", "Outside", "Once", "Here", "Soon")
_LETTERS = {"a": "all day", "b": "by night", "d": "during the day", "e": "every day", "f": "for now", "h": "here",
            "i": "in spring", "l": "later", "m": "maybe", "n": "now", "o": "once", "p": "perhaps", "r": "rarely",
            "s": "sometimes", "t": "today", "u": "usually", "w": "with luck"}  # fmt: skip
_LOCAL = (c.NoLetter, c.WordLength, c.Forbidden, c.NoDoubles)  # what a sentence can be tested for on its own

Rules = Mapping[type[c.Rule], Any]


@dataclass
class _Sentence:
    words: list[str]
    mark: str = "."

    def text(self) -> str:
        return prose.capitalise(" ".join(self.words)) + self.mark


def construct(rng: random.Random, topic: prose.Topic, rules: Sequence[c.Rule]) -> str | None:
    """A text on which all rules hold, or None where none was found.

    Args:
        rng: source of chance.
        topic: what the text is about; its noun occurs in it.
        rules: at most one of each kind.
    """
    by_type: dict[type[c.Rule], Any] = {type(rule): rule for rule in rules}
    for _ in range(_ATTEMPTS):
        text = _attempt(rng, topic, by_type)
        if all(rule.holds(text) for rule in rules):
            return text
    return None


def _attempt(rng: random.Random, topic: prose.Topic, rules: Rules) -> str:
    sentences = [_clause(rng, topic, rules, place) for place in range(_count(rng, rules))]
    _require(rng, topic, sentences, rules)
    _set_lengths(rng, sentences, rules)
    _set_edges(sentences, rules)
    _set_marks(rng, sentences, rules)
    text = _lay_out(rng, topic, sentences, rules)
    if c.WordCount in rules:
        missing = _missing(rng, len(words(text)), rules[c.WordCount])
        for _ in range(missing):
            _lengthen(rng, min(sentences, key=lambda sentence: len(sentence.words)), rules)
        if missing < 0:
            _shorten(sentences, -missing)
        text = _lay_out(rng, topic, sentences, rules)
    return _in_case(text, rules)


def _count(rng: random.Random, rules: Rules) -> int:
    """How many sentences: what the shape asks for, else a few."""
    shapes = (c.SentenceCount, c.Bullets, c.NumberedSteps, c.LineCount, c.ParagraphCount, c.Divided, c.Headings)
    counts: list[int] = [rules[shape].count for shape in shapes if shape in rules]
    counts += [len(rules[c.JsonKeys].keys)] if c.JsonKeys in rules else []
    counts += [len(rules[c.Labels].labels)] if c.Labels in rules else []
    counts += [len(rules[c.Acrostic].word)] if c.Acrostic in rules else []
    if counts:
        return int(rules[c.SentenceCount].count) if c.SentenceCount in rules else max(counts)
    if c.WordCount in rules:
        wanted: int = rules[c.WordCount].count
        return max(2 if c.Parts in rules else 1, wanted // (6 if rules[c.WordCount].relation != "at_most" else 9))
    if c.CharacterCount in rules:
        rule = rules[c.CharacterCount]
        return max(2, rule.count // 25 + 1) if rule.relation == "at_least" else 2
    return rng.randint(2, 4)


def _clause(rng: random.Random, topic: prose.Topic, rules: Rules, place: int, opener: bool = True) -> _Sentence:
    """A clause on which the rules that concern it alone hold, as far as luck goes."""
    local = [rules[kind] for kind in _LOCAL if kind in rules]
    found = ""
    for _ in range(_TRIES):
        found = prose.statement(rng, topic) if place == 0 or rng.random() < 0.5 else prose.follow_up(rng, topic)
        if c.DifferentOpeners in rules and opener:
            found = f"{_OPENERS[(place * 7 + rng.randrange(2)) % len(_OPENERS)]} {found}"
        if c.NoCommas in rules:
            found = found.replace(",", "")
        if all(rule.holds(found) for rule in local) and _short_enough(found, rules):
            break
    return _Sentence(found.split())


def _short_enough(clause: str, rules: Rules) -> bool:
    rule = rules.get(c.SentenceLength)
    return rule is None or rule.relation == "at_least" or len(words(clause)) <= rule.count


def _require(rng: random.Random, topic: prose.Topic, sentences: list[_Sentence], rules: Rules) -> None:
    """Words and phrases that must occur, each added to some sentence."""
    phrases: list[str] = []
    if c.Keywords in rules:
        phrases += rules[c.Keywords].words
    if c.KeywordCount in rules:
        phrases += [rules[c.KeywordCount].word] * rules[c.KeywordCount].count
    if c.CapitalWords in rules:
        phrases += [word.upper() for word in rng.sample(w.EXTRAS, rules[c.CapitalWords].count)]
    if c.Bold in rules:
        phrases += [f"**{word}**" for word in rng.sample(w.EXTRAS, rules[c.Bold].count)]
    if c.Placeholder in rules:
        phrases.append(f"[{rules[c.Placeholder].name}]")
    joints = [joint for joint in _JOINTS if all(rules[kind].holds(joint) for kind in _LOCAL if kind in rules)]
    for phrase in phrases:
        rng.choice(sentences).words += [*rng.choice(joints or ["a"]).split(), phrase]
    if c.WordOrder in rules:
        first, second = sorted(rng.choices(range(len(sentences)), k=2))
        sentences[first].words += ["with", "a", rules[c.WordOrder].first]
        sentences[second].words += ["without", "a", rules[c.WordOrder].second]
    if c.Number in rules:
        rng.choice(sentences).words += ["with", str(rules[c.Number].value), "friends"]
    if c.Date in rules:
        rng.choice(sentences).words += [
            "since",
            f"{rng.randint(1950, 2035)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        ]
    if c.Asides in rules:
        for _ in range(rules[c.Asides].count):
            rng.choice(sentences).words.append(f"({rng.choice(('I', 'we', 'they'))} think so)")
    if c.Refrain in rules:
        for _ in range(rules[c.Refrain].count):
            rng.choice(sentences).words += [",", *rules[c.Refrain].phrase.split()]
    if c.MarkCount in rules and rules[c.MarkCount].mark == ";":
        for _ in range(rules[c.MarkCount].count):
            sentence = rng.choice(sentences)
            sentence.words[-1] += ";"
            sentence.words += _clause(rng, topic, rules, 1, opener=False).words
    for sentence in sentences:  # a comma leans on the word before it, or goes
        joined = " ".join(sentence.words).replace(" ,", "" if c.NoCommas in rules else ",")
        sentence.words = joined.split()


def _set_lengths(rng: random.Random, sentences: list[_Sentence], rules: Rules) -> None:
    rule = rules.get(c.SentenceLength)
    for sentence in sentences:
        while rule and rule.relation != "at_most" and len(words(" ".join(sentence.words))) < rule.count:
            _lengthen(rng, sentence, rules)


def _lengthen(rng: random.Random, sentence: _Sentence, rules: Rules) -> None:
    """Add an adverb at the end, before the last word where that one is asked for."""
    local = [rules[kind] for kind in _LOCAL if kind in rules]
    fresh = [word for word in _FILLERS if word not in sentence.words and all(rule.holds(word) for rule in local)]
    place = len(sentence.words) - (c.EndsWith in rules)
    sentence.words.insert(place, rng.choice(fresh or ["now"]))


def _set_edges(sentences: list[_Sentence], rules: Rules) -> None:
    if c.StartsWith in rules:
        sentences[0].words.insert(0, rules[c.StartsWith].word)
    if c.EndsWith in rules:
        sentences[-1].words.append(rules[c.EndsWith].word)
    if c.Acrostic in rules:
        for sentence, letter in zip(sentences, rules[c.Acrostic].word, strict=True):
            sentence.words = [*_LETTERS[letter].split(), *sentence.words]


def _set_marks(rng: random.Random, sentences: list[_Sentence], rules: Rules) -> None:
    if c.SentenceMark in rules:
        for sentence in sentences:
            sentence.mark = rules[c.SentenceMark].mark
    if c.EndingMark in rules:
        sentences[-1].mark = rules[c.EndingMark].mark
    if c.MarkCount in rules:
        mark, count = rules[c.MarkCount].mark, rules[c.MarkCount].count
        if mark != ";":
            for sentence in rng.sample(sentences, min(count, len(sentences))):
                sentence.mark = mark
            sentences[-1].mark += mark * max(0, count - len(sentences))


def _missing(rng: random.Random, found: int, rule: c.WordCount) -> int:
    """Words to add, or to take away when negative, to reach the wanted number."""
    if rule.relation == "exactly":
        return rule.count - found
    if rule.relation == "at_least":
        return max(0, rule.count - found + rng.randint(0, 3))
    return min(0, rule.count - found)


def _shorten(sentences: list[_Sentence], count: int) -> None:
    """Take words from the ends of the longest sentences; the check that follows tells whether one was needed."""
    for _ in range(count):
        longest = max(sentences, key=lambda sentence: len(sentence.words))
        if len(longest.words) > 3:
            del longest.words[-2]


def _lay_out(rng: random.Random, topic: prose.Topic, sentences: Sequence[_Sentence], rules: Rules) -> str:
    lines = [sentence.text() for sentence in sentences]
    text = _body(lines, topic, rules)
    if c.Table in rules:
        text += "\n\n" + _table(rules[c.Table])
    if c.CodeBlock in rules:
        text += f"\n```{rules[c.CodeBlock].language}\n{topic.noun}\n```"
    if c.Title in rules:
        text = f"<<The {topic.noun}>>\n{text}"
    if c.FirstLine in rules:
        text = f"{rules[c.FirstLine].line}\n{text}"
    if c.Hashtags in rules:
        text += "".join(f" #{word}" for word in rng.sample(w.EXTRAS, rules[c.Hashtags].count))
    if c.Postscript in rules:
        text += "\nP.S. " + prose.capitalise(prose.follow_up(rng, topic)) + lines[-1][-1]
    if c.LastLine in rules:
        text += f"\n{rules[c.LastLine].line}"
    if c.LinePrefix in rules:
        text = "\n".join(f"{rules[c.LinePrefix].mark} {line}" for line in text.split("\n"))
    if c.Quoted in rules:
        text = f'"{text}"'
    if c.Tag in rules:
        text = f"<{rules[c.Tag].name}>{text}</{rules[c.Tag].name}>"
    return text


def _body(lines: list[str], topic: prose.Topic, rules: Rules) -> str:
    if c.JsonKeys in rules:
        keys = rules[c.JsonKeys].keys
        values = [*lines[: len(keys) - 1], " ".join(lines[len(keys) - 1 :])]
        return json.dumps(dict(zip(keys, values, strict=True)), ensure_ascii=False)
    if c.Labels in rules:
        return "\n".join(f"{label}: {line}" for label, line in zip(rules[c.Labels].labels, lines, strict=True))
    if c.Bullets in rules:
        return "\n".join(f"- {line}" for line in _grouped(lines, rules[c.Bullets].count))
    if c.NumberedSteps in rules:
        steps = _grouped(lines, rules[c.NumberedSteps].count)
        return "\n".join(f"{number}. {line}" for number, line in enumerate(steps, 1))
    if c.Headings in rules:
        mark = "#" * rules[c.Headings].level
        parts = _grouped(lines, rules[c.Headings].count)
        return "\n\n".join(f"{mark} The {topic.noun}\n{part}" for part in parts)
    if c.Parts in rules:
        return "\n***\n".join(_grouped(lines, 2))
    if c.Divided in rules:
        return f"\n{rules[c.Divided].mark}\n".join(_grouped(lines, rules[c.Divided].count))
    if c.ParagraphCount in rules:
        return "\n\n".join(_grouped(lines, rules[c.ParagraphCount].count))
    if c.LineCount in rules:
        return "\n".join(_grouped(lines, rules[c.LineCount].count))
    return ("\n" if c.Acrostic in rules else " ").join(lines)


def _grouped(lines: list[str], count: int) -> list[str]:
    """The lines in `count` groups of about one size; too few lines leave groups empty."""
    bounds = [len(lines) * place // count for place in range(count + 1)]
    return [" ".join(lines[start:end]) for start, end in pairwise(bounds)]


def _table(rule: c.Table) -> str:
    names, values = ("Thing", "Place", "Look"), ("lamp", "hall", "old", "chair", "yard", "new", "cup", "shelf", "blue")
    rows = [[values[(row * 3 + column) % 9] for column in range(rule.columns)] for row in range(rule.rows)]
    cells = [list(names[: rule.columns]), ["---"] * rule.columns, *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def _in_case(text: str, rules: Rules) -> str:
    if c.Lowercase in rules:
        return text.lower()
    return text.upper() if c.Uppercase in rules else text
