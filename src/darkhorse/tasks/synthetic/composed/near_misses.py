"""Responses that fail one constraint by little and obey all others."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

from darkhorse.tasks import constraints as c
from darkhorse.tasks.texts import words

_TRIED = 400  # edits tried for one rule


def near_misses(rng: random.Random, rules: Sequence[c.Rule], response: str) -> dict[int, str]:
    """For each rule that one small edit breaks alone, the edited response.

    Args:
        rng: source of chance.
        rules: all of them hold on the response.
        response: what is edited.

    Returns:
        The position of the rule and the response that fails it; rules that no edit breaks alone are left out.
    """
    found: dict[int, str] = {}
    for place, rule in enumerate(rules):
        others = [other for other in rules if other is not rule]
        edits = list(dict.fromkeys([*_aimed(rule, response, rng), *_general(response, rng)]))
        for edited in edits[:_TRIED]:
            if edited.strip() and not rule.holds(edited) and all(other.holds(edited) for other in others):
                found[place] = edited
                break
    return found


def _aimed(rule: c.Rule, text: str, rng: random.Random) -> Iterator[str]:
    """Edits that a rule of this kind is likely to fail on."""
    match rule:
        case c.Forbidden(words=banned):
            yield from _inserted(text, rng, [word if word == "I" else word.lower() for word in banned])
            yield from _inserted(text, rng, [word.upper() for word in banned])
        case c.Keywords(words=wanted):
            yield from (re.sub(rf"\b{re.escape(word)}\b", f"{word}s", text, flags=re.IGNORECASE) for word in wanted)
        case c.KeywordCount(word=word) | c.StartsWith(word=word) | c.EndsWith(word=word):
            for change in (f"{word}s", "it"):
                yield re.sub(rf"\b{re.escape(word)}\b", change, text, count=1, flags=re.IGNORECASE)
                yield re.sub(rf"\b{re.escape(word.upper())}\b", change.upper(), text, count=1)
            yield from _inserted(text, rng, [word, word.lower(), word.upper()])
        case c.WordOrder(first=first, second=second):
            yield re.sub(rf"\b{first}\b", f"{first}s", text, flags=re.IGNORECASE)
            yield re.sub(rf"\b{second}\b", f"{second}s", text, flags=re.IGNORECASE)
        case c.Refrain(phrase=phrase):
            yield re.sub(re.escape(phrase), phrase.replace(" ", " not ", 1), text, count=1, flags=re.IGNORECASE)
            yield re.sub(re.escape(phrase), phrase.rsplit(" ", 1)[0], text, count=1, flags=re.IGNORECASE)
        case c.NoLetter(letter=letter):
            yield from _inserted(text, rng, [f"{letter}o", f"{letter}a".upper()])
        case c.WordLength(count=count):
            yield from _inserted(text, rng, ["m" * (count + 1), "M" * (count + 1)])
        case c.NoMark(mark=mark) | c.MarkCount(mark=mark) | c.SentenceMark(mark=mark):
            for found in re.finditer(r"\w(?=[ ,.])", text):
                yield text[: found.end()] + mark + text[found.end() :]
            for found in re.finditer(re.escape(mark), text):
                yield text[: found.start()] + "." * (mark != ";") + text[found.end() :]
        case c.NoDoubles():
            for found in re.finditer(r"\b(\w+)\b", text):
                yield text[: found.end()] + " " + found[1] + text[found.end() :]
        case c.Number(value=value):
            yield re.sub(rf"\b{value}\b", str(value + 1), text)
        case c.NoDigits() | c.Date():
            yield from _inserted(text, rng, ["2"])
            yield re.sub(r"-\d\d(?!-)", "-32", text)
        case c.Placeholder(name=name):
            yield re.sub(rf"\[{name}\]", name, text, flags=re.IGNORECASE)
        case c.FirstLine(line=line) | c.LastLine(line=line):
            yield re.sub(re.escape(line), f"{line} now", text, flags=re.IGNORECASE)
            yield re.sub(re.escape(line), line.rsplit(" ", 1)[0], text, flags=re.IGNORECASE)
        case c.Tag(name=name):
            yield text.replace(f"</{name}>", f"<{name}>")
            yield text.replace(f"<{name}>", "", 1)
        case c.CodeBlock(language=language):
            yield re.sub(f"```{language}", "```", text, flags=re.IGNORECASE)
        case c.JsonKeys(keys=keys):
            yield from (text.replace(f'"{key}":', f'"{key}_": ') for key in keys)
        case c.Labels(labels=labels):
            yield from (re.sub(f"{label}:", f"{label} -", text, flags=re.IGNORECASE) for label in labels)
        case c.Headings() | c.Hashtags():
            yield text.replace("# ", "", 1)
            yield re.sub(r" #(\w)", r" \1", text, count=1)
        case c.Title():
            yield text.replace("<<", "<").replace(">>", ">")
        case c.Bold():
            yield re.sub(r"\*\*(\w+)\*\*", r"\1", text, count=1)
            yield re.sub(r"\*\*(\w+)\*\*", r"*\1*", text, count=1)
        case c.Asides():
            yield text.replace("(", "", 1).replace(")", "", 1)
        case c.Postscript():
            yield re.sub(r"P\.S\.", "PS", text, flags=re.IGNORECASE)
        case c.CharacterCount(relation="at_most", count=count):
            lacking = count - len(text.strip()) + 1
            yield from _inserted(text, rng, [" ".join(["then"] * (lacking // 5 + 1))])
        case c.CharacterCount(count=count):
            spare = len(text.strip()) - count + 1
            yield from _cut(text, rng, lambda taken: len(taken) >= spare)
        case c.WordCount(relation=relation, count=count):
            more = count - len(words(text)) + 1
            if relation != "at_least":
                yield from _inserted(text, rng, [" ".join(["then"] * max(1, more)), "then"])
            yield from _cut(text, rng, lambda taken: len(words(taken)) >= max(1, 2 - more))
        case c.DifferentOpeners():
            starts = [match.start() for match in re.finditer(r"(?:(?<=^)|(?<=[.!?] ))\w", text)]
            opener = "".join(re.findall(r"\w+", text)[:1])
            yield from (f"{text[:start]}{opener} {text[start:]}" for start in starts[1:])
        case c.SentenceLength() | c.SentenceCount():
            yield from _padded(text)
        case _:
            pass


def _inserted(text: str, rng: random.Random, extra: Sequence[str]) -> Iterator[str]:
    """The text with a word of these before one of its words."""
    places = [match.start() for match in re.finditer(r"(?<= )\w", text)]
    rng.shuffle(places)
    for place in places[:40]:
        for word in extra:
            yield f"{text[:place]}{word} {text[place:]}"


def _cut(text: str, rng: random.Random, enough: Callable[[str], bool]) -> Iterator[str]:
    """The text without some neighbouring words, as few as are enough."""
    places = [match.start() for match in re.finditer(r"(?<= )\w", text)]
    for number in rng.sample(range(len(places)), min(len(places), 40)):
        for end in places[number + 1 :]:
            if enough(text[places[number] : end]):
                yield text[: places[number]] + text[end:]
                break


def _padded(text: str) -> Iterator[str]:
    """Longer versions, by a few words, by sentences."""
    for match in re.finditer(r"(?<=\w)(?=[.!?])", text):
        for extra in (" now", " once more and then some more"):
            yield text[: match.start()] + extra + text[match.start() :]
    for match in re.finditer(r"(?<=[.!?])(?=\s|$)", text):
        yield text[: match.start()] + " It is so" + text[match.start() - 1] + text[match.start() :]
    for length in range(max(0, len(text) - 40), len(text)):
        yield text[:length]
    yield text + " It is fine" + text[-1:]
    for match in re.finditer(r"\w+", text):
        yield text[: match.end()] + " more" * 40 + text[match.end() :]
        break


def _general(text: str, rng: random.Random) -> Iterator[str]:
    """Small slips of any kind: a word, a line, a letter or a mark too many, too few or changed."""
    slips: list[str] = []
    found = list(re.finditer(r"[^\W_]+", text))
    for match in rng.sample(found, min(len(found), 60)):
        start, end = match.span()
        slips.append(text[:start] + text[end:].lstrip(" "))
        slips.append(f"{text[:end]} then{text[end:]}")
        slips.append(text[:start] + text[start].swapcase() + text[start + 1 :])
        slips.append(text[:start] + match[0].swapcase() + text[end:])
        slips.append(text[:end] + "," + text[end:])
    for match in re.finditer(r"[.!?]", text):
        slips.append(text[: match.start()] + text[match.end() :])
        slips += [text[: match.start()] + mark + text[match.end() :] for mark in ".!?"]
    lines = text.split("\n")
    for place in range(len(lines)):
        slips.append("\n".join([*lines[:place], *lines[place + 1 :]]))
        slips.append("\n".join([*lines[: place + 1], *lines[place:]]))
        slips.append("\n".join([*lines[:place], lines[place].lstrip("-#>~|=*. 0123456789"), *lines[place + 1 :]]))
    sentences = re.split(r"(?<=[.!?])[ \n]+", text)
    for place in range(len(sentences)):
        slips.append(" ".join([*sentences[:place], *sentences[place + 1 :]]))
    rng.shuffle(slips)
    yield from slips
    yield text.replace("\n", " ")
    yield text.replace("\n\n", "\n")
    yield text[1:]
    yield text[:-1]
    yield f"{text} then"
    yield f"{text}\nThat is it."
    yield f"{text}\n\nThat is it."
    yield f"Sure! {text}"
    yield f"Sure:\n{text}"
