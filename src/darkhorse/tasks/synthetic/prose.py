"""Short plain texts about a topic: the raw material of instruction demonstrations."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from darkhorse.tasks.synthetic import wordlists as w


@dataclass(frozen=True)
class Topic:
    """What a text is about, and the words that suit it."""

    noun: str
    adjectives: Sequence[str]
    deeds: Sequence[str]

    @property
    def one(self) -> str:
        """The noun with its indefinite article."""
        return with_article(self.noun)


def with_article(noun: str) -> str:
    """The noun after `a` or `an`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def capitalise(text: str) -> str:
    """The text with its first character uppercase, the rest as it is."""
    return text[:1].upper() + text[1:]


def choose_topic(rng: random.Random) -> Topic:
    """A place, a thing or an animal."""
    nouns, adjectives, deeds = rng.choice(
        (
            (w.PLACES, w.PLACE_ADJECTIVES, w.PLACE_DEEDS),
            (w.THINGS, w.THING_ADJECTIVES, w.THING_DEEDS),
            (w.ANIMALS, w.ANIMAL_ADJECTIVES, w.ANIMAL_DEEDS),
        )
    )
    return Topic(rng.choice(nouns), adjectives, deeds)


def statement(rng: random.Random, topic: Topic) -> str:
    """A clause that names the topic, without final stop, e.g. `the old bridge looks lovely at night`."""
    noun, deed, time = topic.noun, rng.choice(topic.deeds), rng.choice(w.TIMES)
    one, two, three = rng.sample(list(topic.adjectives), 3)
    the = rng.choice(("the", "the", "this", "our", "that"))
    return rng.choice(
        (
            f"{the} {noun} {deed}",
            f"{the} {one} {noun} {deed}",
            f"{the} {noun} {deed} {time}",
            f"{the} {one} {noun} {deed} {time}",
            f"{the} {noun} is {one}",
            f"{the} {noun} is {one} and {two}",
            f"{the} {noun} is {one} {time}",
            f"{the} {noun} is {one}, {two} and {three}",
            f"{time}, {the} {noun} {deed}",
            f"{the} {one} {noun} is {two}, and it {deed}",
            f"I {rng.choice(('like', 'love', 'enjoy', 'know'))} {the} {one} {noun}",
            f"we all {rng.choice(('like', 'love', 'admire'))} {the} {noun} {time}",
        )
    )


def follow_up(rng: random.Random, topic: Topic) -> str:
    """A clause about the topic that calls it `it`."""
    one, two = rng.sample(list(topic.adjectives), 2)
    deed, time = rng.choice(topic.deeds), rng.choice(w.TIMES)
    return rng.choice(
        (f"it {deed}", f"it {deed} {time}", f"it is {one}", f"it is {one} and {two}", f"people say it is {one}")
    )


def mention(rng: random.Random, topic: Topic, phrase: str) -> str:
    """A clause that brings a phrase (`a lantern`, `7 friends`, `[city]`) together with the topic."""
    noun, one = topic.noun, rng.choice(list(topic.adjectives))
    return rng.choice(
        (
            f"I saw {phrase} near the {noun}",
            f"we found {phrase} near the {one} {noun}",
            f"the {noun} reminds me of {phrase}",
            f"near the {noun} you can see {phrase}",
            f"I drew the {one} {noun} and {phrase}",
        )
    )


def question(rng: random.Random, topic: Topic) -> str:
    """A clause that asks about the topic."""
    noun, one = topic.noun, rng.choice(list(topic.adjectives))
    return rng.choice(
        (
            f"do you like the {noun}",
            f"is the {noun} {one}",
            f"have you seen the {one} {noun}",
            f"who knows the {noun} well",
        )
    )


def heading(rng: random.Random, topic: Topic) -> str:
    """A title, e.g. `The Old Bridge`."""
    one = capitalise(rng.choice(list(topic.adjectives)))
    noun = capitalise(topic.noun)
    return rng.choice((f"The {one} {noun}", f"My {noun}", f"{one} {noun}", f"The {noun}", f"One {one} {noun}"))
