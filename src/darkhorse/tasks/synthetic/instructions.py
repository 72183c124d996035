"""Suite `instructions`: short texts under one to three checkable constraints, and picks from a list."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence

from darkhorse.tasks import constraints as c
from darkhorse.tasks.synthetic import prose, wordlists
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.instruction_rules import MAKERS, Instruction, choose_kinds
from darkhorse.tasks.synthetic.traces import MAX_THINKING_CHARACTERS, Style, choose_style, demonstrate
from darkhorse.tasks.task import Demonstration

_LEAST_WORDS = 4  # different words in a text; a bare topic word is no text
_DRAFTS = 100  # tries before other parameters are drawn
_REDRAWS = 5  # parameters drawn before other kinds are
_LONGEST_DRAFT = 180  # characters
_COUNTABLE = 9  # words that the thinking counts one by one


def sample_write(rng: random.Random, level: int) -> Demonstration:
    """A short text that mentions a topic and obeys `level` constraints."""
    kinds: list[str] = []
    for attempt in itertools.count():
        if attempt % _REDRAWS == 0:
            kinds = choose_kinds(rng, level)
        topic = prose.choose_topic(rng)
        instructions = [MAKERS[kind](rng, topic) for kind in kinds]
        rules = [c.Topic(word=topic.noun, least_words=_LEAST_WORDS), *(one.rule for one in instructions)]
        text = _draft_until(rng, topic, rules)
        if text is not None:
            opening = rng.choice(
                (
                    f"Write a short text that mentions {topic.one}.",
                    f"Write something short about {topic.one}; use that word.",
                    f"Say something about {topic.one}. Name it.",
                    f"Describe {topic.one}, using that word.",
                    f'Write a little text with the word "{topic.noun}" in it.',
                )
            )
            style, thinking = _think(choose_style(rng), f"mention the {topic.noun}", instructions, text)
            return _finish(opening, instructions, rules, style, thinking, text)
    raise AssertionError("unreachable: the attempts are endless")


def sample_pick(rng: random.Random, level: int) -> Demonstration:
    """A list of items chosen from given ones, under `level` further constraints."""
    while True:
        category = rng.choice(sorted(wordlists.OPTIONS))
        options = rng.sample(wordlists.OPTIONS[category], rng.randint(5, 6))
        count = rng.randint(2, 4)
        further = _further(rng, options, count, level)
        bulleted = rng.random() < 0.3
        shape: c.Rule = c.Bullets(count=count) if bulleted else c.ItemList(count=count)
        rules: list[c.Rule] = [shape, c.Among(options=options), *(one.rule for one in further)]
        text = _pick_until(rng, options, count, bulleted, rules)
        if text is not None:
            listed = ", ".join(options)
            how = "as bullet points" if bulleted else "separated by commas"
            opening = rng.choice(
                (
                    f"Pick exactly {count} of these {category}, {how}: {listed}.",
                    f"Choose {count} {category} from this list and give only them, {how}: {listed}.",
                    f"Here are some {category}: {listed}. Name {count} of them, {how}.",
                )
            )
            goal = f"{count} {category} {'in bullets' if bulleted else 'with commas'}"
            style, thinking = _think(choose_style(rng), goal, further, text)
            return _finish(opening, further, rules, style, thinking, text)


def _finish(
    opening: str,
    instructions: Sequence[Instruction],
    rules: Sequence[c.Rule],
    style: Style,
    thinking: str,
    text: str,
) -> Demonstration:
    question = " ".join((opening, *(one.wording for one in instructions)))
    truth = {"constraints": [rule.model_dump() for rule in rules]}
    kinds = [one.rule.model_dump()["kind"] for one in instructions]
    return demonstrate(question, "instructions", truth, style, thinking, text, kinds=kinds)


def _think(style: Style, goal: str, instructions: Sequence[Instruction], text: str) -> tuple[Style, str]:
    notes = [one.note for one in instructions]
    brief = f"{prose.capitalise(goal)}: {', '.join(notes)}."
    steps = f"Rules: {'; '.join((goal, *notes))}."
    counted = next((one.rule for one in instructions if isinstance(one.rule, c.WordCount)), None)
    checked = f"{brief} Checked: all rules hold."
    words = text.split()
    if counted is not None and len(words) <= _COUNTABLE:
        counting = " ".join(f"{number} {word.strip('.,!?').lower()}" for number, word in enumerate(words, 1))
        checked = f"{brief} Count: {counting}."
    choices: dict[Style, str] = {"brief": brief, "steps": steps, "checked": checked}
    return (style, choices[style]) if len(choices[style]) <= MAX_THINKING_CHARACTERS else ("brief", brief)


def _draft_until(rng: random.Random, topic: prose.Topic, rules: Sequence[c.Rule]) -> str | None:
    """A draft on which all rules hold: its existence proves that they do not contradict one another."""
    for _ in range(_DRAFTS):
        text = _draft(rng, topic, rules)
        if len(text) <= _LONGEST_DRAFT and all(rule.holds(text) for rule in rules):
            return text
    return None


def _draft(rng: random.Random, topic: prose.Topic, rules: Sequence[c.Rule]) -> str:
    """One attempt at a text that obeys the rules; shapes and required words by construction, the rest by luck."""
    count, ending = rng.choice((1, 1, 2)), "."
    required: list[str] = []
    repeats: int | None = None
    for rule in rules:
        match rule:
            case c.SentenceCount(count=wanted) | c.Bullets(count=wanted) | c.Parts(count=wanted):
                count = wanted
            case c.WordCount(count=wanted) if wanted > 8:
                count = rng.choice((1, 2))
            case c.KeywordCount(count=wanted):
                repeats = wanted
            case c.Keywords(words=chosen):
                required.append(" and ".join(prose.with_article(word) for word in chosen))
            case c.Placeholder(name=name):
                required.append(f"[{name}]")
            case c.Number(value=value):
                required.append(f"{value} {rng.choice(('birds', 'children', 'photos', 'leaves', 'roses'))}")
            case c.EndingMark(mark=mark):
                ending = mark
            case c.JsonKeys(keys=keys):
                count = len(keys)
            case _:
                pass
    clauses = [prose.mention(rng, topic, phrase) for phrase in required]
    if repeats is not None:
        count = max(count, repeats, len(clauses))
    while len(clauses) < count:
        named = repeats is None or len(clauses) < repeats
        first = not clauses
        clauses.append((prose.statement if first or (named and repeats) else prose.follow_up)(rng, topic))
    if ending == "?":
        if len(clauses) > len(required):
            clauses.pop()
        clauses.append(prose.question(rng, topic))
    return _shape(rng, topic, rules, clauses, ending)


def _shape(rng: random.Random, topic: prose.Topic, rules: Sequence[c.Rule], clauses: list[str], ending: str) -> str:
    for rule in rules:
        match rule:
            case c.StartsWith(word=word):
                clauses[0] = f"{word} {clauses[0]}"
            case c.EndsWith(word=word):
                clauses[-1] = f"{clauses[-1]} {word}"
            case _:
                pass
    sentences = [prose.capitalise(clause) + "." for clause in clauses]
    sentences[-1] = sentences[-1][:-1] + ending
    text = " ".join(sentences)
    for rule in rules:
        match rule:
            case c.Bullets():
                text = "\n".join(f"- {sentence}" for sentence in sentences)
            case c.JsonKeys(keys=keys):
                values = [*sentences[: len(keys) - 1], " ".join(sentences[len(keys) - 1 :])]
                text = json.dumps(dict(zip(keys, values, strict=True)))
            case c.Parts():
                text = f"{sentences[0]}\n***\n{' '.join(sentences[1:])}"
            case c.Title():
                text = f"<<{prose.heading(rng, topic)}>>\n{text}"
            case c.Postscript():
                text = f"{text}\nP.S. {prose.capitalise(prose.follow_up(rng, topic))}."
            case c.Quoted():
                text = f'"{text}"'
            case _:
                pass
    return _case(rules, text)


def _case(rules: Sequence[c.Rule], text: str) -> str:
    if any(isinstance(rule, c.Lowercase) for rule in rules):
        return text.lower()
    return text.upper() if any(isinstance(rule, c.Uppercase) for rule in rules) else text


def _further(rng: random.Random, options: Sequence[str], count: int, wanted: int) -> list[Instruction]:
    """`wanted` compatible constraints on a pick of `count` options."""
    inside, outside = rng.sample(list(options), 2)
    letter = rng.choice("aeiorst")
    pool = [
        Instruction(c.Uppercase(), rng.choice(("Use only capital letters.", "Answer in all caps.")), "all capitals"),
        Instruction(
            c.Keywords(words=[inside]), rng.choice((f"Include {inside}.", f"One must be {inside}.")), f"with {inside}"
        ),
        Instruction(
            c.Forbidden(words=[outside]), rng.choice((f"Leave out {outside}.", f"Not {outside}.")), f"not {outside}"
        ),
        Instruction(
            c.Alphabetical(), rng.choice(("Put them in alphabetical order.", "Sort them from A to Z.")), "A to Z order"
        ),
        Instruction(c.Quoted(), "Put the whole answer in double quotes.", "double quotes"),
        Instruction(
            c.EndsWith(word=inside),
            rng.choice((f"End with {inside}.", f"The last must be {inside}.")),
            f"{inside} last",
        ),
        Instruction(
            c.StartsWith(word=inside),
            rng.choice((f"Start with {inside}.", f"{inside} comes first.")),
            f"{inside} first",
        ),
        Instruction(c.NoLetter(letter=letter), f'Only words without the letter "{letter}".', f"no letter {letter}"),
    ]
    return rng.sample(pool, wanted)


def _pick_until(
    rng: random.Random, options: Sequence[str], count: int, bulleted: bool, rules: Sequence[c.Rule]
) -> str | None:
    """A pick on which all rules hold, or None when they contradict one another or luck fails."""
    for _ in range(_DRAFTS):
        chosen = rng.sample(list(options), count)
        if any(isinstance(rule, c.Alphabetical) for rule in rules):
            chosen.sort()
        text = "\n".join(f"- {item}" for item in chosen) if bulleted else ", ".join(chosen)
        if any(isinstance(rule, c.Quoted) for rule in rules):
            text = f'"{text}"'
        text = _case(rules, text)
        if all(rule.holds(text) for rule in rules):
            return text
    return None


GENERATORS: tuple[Generator, ...] = (
    Generator("instructions", "write", 3, sample_write),
    Generator("instructions", "pick", 3, sample_pick),
)
