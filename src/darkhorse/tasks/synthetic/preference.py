"""Suite `preference`: short service replies, and pairs of a good and a poor one.

The prompt asks only for a short, kind, helpful reply; the rubric behind it (greets or acknowledges, names the item,
offers a remedy, blames nobody, is brief, does not repeat itself) is the task's truth. Demonstrations are of mixed
quality, as people's replies are: about half miss something, which `metadata["meets_rubric"]` says.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from darkhorse.tasks.synthetic import wordlists
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.traces import choose_style, demonstrate
from darkhorse.tasks.task import Demonstration, PreferencePair
from darkhorse.tasks.texts import words
from darkhorse.types import Message

MAX_WORDS = 32


@dataclass(frozen=True)
class Setting:
    """Who writes, about what, what may be wrong with it, and what would put it right (`{item}` is filled in)."""

    who: str
    items: tuple[str, ...]
    problems: tuple[str, ...]
    remedies: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """One message to answer."""

    setting: Setting
    name: str
    item: str
    prompt: tuple[Message, ...]

    def truth(self) -> dict[str, str | int]:
        """The rubric's data, as the verifier `preference` reads it."""
        return {"name": self.name, "item": self.item, "max_words": MAX_WORDS}

    def fill(self, template: str) -> str:
        """A template with the scene's name and item."""
        return template.format(name=self.name, item=self.item)


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "customer",
        wordlists.CUSTOMER_ITEMS,
        (
            "arrived broken",
            "stopped working after two days",
            "came in pieces",
            "has a missing part",
            "came with a big scratch",
            "makes a strange noise",
        ),
        (
            "send you a new {item}",
            "refund the {item}",
            "replace the {item} for free",
            "repair the {item} at no cost",
            "exchange the {item} for another one",
            "give you a discount on a new {item}",
        ),
    ),
    Setting(
        "colleague",
        wordlists.COLLEAGUE_ITEMS,
        (
            "you sent has wrong numbers",
            "you gave me will not open",
            "you shared is an old one",
            "you made for the meeting lacks a page",
            "you set up shows errors",
        ),
        (
            "fix the {item}",
            "correct the {item}",
            "update the {item}",
            "send you a new {item}",
            "replace the {item} with a better one",
            "make a new {item}",
        ),
    ),
    Setting(
        "friend",
        wordlists.FRIEND_ITEMS,
        (
            "you borrowed came back damaged",
            "you lent me fell apart",
            "you sold me is broken",
            "you gave me no longer works",
        ),
        (
            "repair the {item}",
            "pay for the {item}",
            "buy you a new {item}",
            "replace the {item}",
            "get you another {item}",
        ),
    ),
)
_MOODS = (
    "I am upset.",
    "I am quite sad.",
    "What now?",
    "Can you help?",
    "This is a problem for me.",
    "Please help.",
    "I need it soon.",
)
_GREETINGS = ("Hi {name},", "Hello {name},", "Dear {name},", "{name},", "Hey {name},")
_FEELINGS = (
    "I am so sorry about this.",
    "I understand how annoying that is.",
    "thank you for telling me.",
    "I am very sorry about the {item}.",
    "that must be frustrating.",
    "sorry for the trouble with the {item}.",
    "I apologize for this.",
)
_OFFERS = (
    "I will {remedy} {when}.",
    "Let me {remedy} {when}.",
    "I can {remedy} {when}.",
    "I am happy to {remedy} {when}.",
)
_WHEN = ("today", "tomorrow", "this week", "right away", "by Friday", "this afternoon", "on Monday")
_CLOSINGS = (
    "",
    "",
    "Thanks for your patience.",
    "Does that help?",
    "Please tell me if that works.",
    "Have a good day!",
    "Take care.",
)
_BLAME = (
    "You should have been more careful.",
    "That is your own fault.",
    "Stop complaining about it.",
    "That is not my problem.",
    "You probably broke it.",
    "What a silly thing to write.",
)
_EMPTY = (
    "Thank you for your message. Your opinion matters to us.",
    "Thanks for writing. We value every message we get.",
    "Hello, your note has been received and will be read.",
    "We always try to do our best for everyone.",
)
_HOPES = (
    "I hope it gets better soon.",
    "These things happen sometimes.",
    "I do not know what to do about it.",
    "There is nothing I can do right now.",
    "Maybe ask somebody else about it.",
    "I will think about it some day.",
)
_RAMBLES = (
    "By the way, things have been very busy here lately, with many people coming and going, and the weather has been "
    "so changeable that nobody really knows what to wear.",
    "I remember something like this from years ago, when my uncle had a similar story, which went on for months and "
    "months before anybody in the whole town found out.",
    "As you may know, our team works hard on many different things, and there are a lot of steps and forms and "
    "meetings before anything at all can happen in this place.",
)


def scene(rng: random.Random) -> Scene:
    """A message from somebody with a problem."""
    setting = rng.choice(SETTINGS)
    name, item = rng.choice(wordlists.NAMES), rng.choice(setting.items)
    message = (
        f"{'My' if setting.who == 'customer' else 'The'} {item} {rng.choice(setting.problems)}. {rng.choice(_MOODS)}"
    )
    ask = rng.choice(
        (
            "Write a short, kind, helpful reply.",
            "Reply briefly, kindly and helpfully.",
            "Answer in a short, kind and helpful way.",
        )
    )
    introduction = rng.choice(
        (
            f'{name}, a {setting.who}, writes: "{message}"',
            f'Your {setting.who} {name} says: "{message}"',
            f'Message from {name} ({setting.who}): "{message}"',
        )
    )
    return Scene(setting, name, item, ({"role": "user", "content": f"{introduction} {ask}"},))


def _offer(rng: random.Random, about: Scene) -> str:
    offer = rng.choice(_OFFERS).format(remedy=rng.choice(about.setting.remedies), when=rng.choice(_WHEN))
    return about.fill(offer)


def _opening(rng: random.Random, about: Scene) -> str:
    feeling = about.fill(rng.choice(_FEELINGS))
    if rng.random() < 0.75:
        return f"{about.fill(rng.choice(_GREETINGS))} {feeling}"
    return feeling[0].upper() + feeling[1:]


def good(rng: random.Random, about: Scene) -> str:
    """A reply that meets the whole rubric."""
    return f"{_opening(rng, about)} {_offer(rng, about)} {rng.choice(_CLOSINGS)}".strip()


def _rude(rng: random.Random, about: Scene) -> str:
    rest = _offer(rng, about) if rng.random() < 0.5 else about.fill("Please look after your {item} better.")
    return f"{about.name}, about the {about.item}. {rng.choice(_BLAME)} {rest}"


def _generic(rng: random.Random, about: Scene) -> str:
    return f"{rng.choice(_EMPTY)} {rng.choice(_CLOSINGS[2:])}"


def _ignores_item(rng: random.Random, about: Scene) -> str:
    offer = rng.choice(_OFFERS).format(
        remedy=rng.choice(("fix it", "refund you", "replace it")), when=rng.choice(_WHEN)
    )
    feeling = rng.choice([one for one in _FEELINGS if "{item}" not in one])
    return f"{about.fill(rng.choice(_GREETINGS))} {feeling} {offer}"


def _no_remedy(rng: random.Random, about: Scene) -> str:
    return f"{about.fill(rng.choice(_GREETINGS))} sorry about the {about.item}. {rng.choice(_HOPES)}"


def _no_offer(rng: random.Random, about: Scene) -> str:
    """Kind words about the item that lead to nothing."""
    feeling = rng.choice([one for one in _FEELINGS if "{item}" in one])
    return f"{about.fill(f'{rng.choice(_GREETINGS)} {feeling}')} {rng.choice(_CLOSINGS[2:])}"


def _curt(rng: random.Random, about: Scene) -> str:
    return f"Noted. {_offer(rng, about)}"


def _unfeeling(rng: random.Random, about: Scene) -> str:
    """An offer to nobody, without a kind word."""
    return f"{_offer(rng, about)} {rng.choice(_CLOSINGS[3:])}"


def _rambling(rng: random.Random, about: Scene) -> str:
    return f"{_opening(rng, about)} {rng.choice(_RAMBLES)} {_offer(rng, about)}"


def _repeating(rng: random.Random, about: Scene) -> str:
    offer, closing = _offer(rng, about), rng.choice(_CLOSINGS[2:])
    twice = rng.choice((f"{offer} {offer}", f"{offer} {closing} {closing}", f"{closing} {offer} {closing}"))
    return f"{_opening(rng, about)} {twice}"


def _overlong(rng: random.Random, about: Scene) -> str:
    """Kind words piled upon kind words."""
    parts = [_opening(rng, about), _offer(rng, about)]
    more = [*rng.sample(_CLOSINGS[2:], 5), _offer(rng, about), rng.choice(_EMPTY)]
    while len(words(" ".join(parts))) <= MAX_WORDS:
        parts.append(more.pop(0))
    return " ".join(parts)


FLAWS: dict[str, Callable[[random.Random, Scene], str]] = {
    "rude": _rude,
    "generic": _generic,
    "ignores_item": _ignores_item,
    "no_remedy": _no_remedy,
    "no_offer": _no_offer,
    "curt": _curt,
    "unfeeling": _unfeeling,
    "rambling": _rambling,
    "overlong": _overlong,
    "repeating": _repeating,
}
"""Ways to miss the rubric, each missing one to three criteria."""

_HUMAN_FLAWS = ("generic", "ignores_item", "ignores_item", "no_remedy", "no_remedy", "curt", "rude", "repeating")


def pair(rng: random.Random) -> PreferencePair:
    """A reply that meets the rubric beside one that misses it, to the same message."""
    about = scene(rng)
    flaw = rng.choice(sorted(FLAWS))
    return PreferencePair(about.prompt, good(rng, about), FLAWS[flaw](rng, about), source=f"preference/{flaw}")


def sample_reply(rng: random.Random, level: int) -> Demonstration:
    """A reply to a message, of mixed quality."""
    about = scene(rng)
    style = choose_style(rng)
    meets = rng.random() < 0.5
    answer = good(rng, about) if meets else FLAWS[rng.choice(_HUMAN_FLAWS)](rng, about)
    # The thinking tells little of the quality to come: mixed data should not announce itself.
    thinking = {
        "brief": rng.choice(("Keep it short.", "A short reply.", f"Answer {about.name}.")),
        "steps": f"{about.name} writes about the {about.item}. Reply in a few words.",
        "checked": f"{about.name} has a problem with the {about.item}. Short reply, then done.",
    }[style]
    message = str(about.prompt[0]["content"])
    return demonstrate(message, "preference", about.truth(), style, thinking, answer, meets_rubric=meets)


GENERATORS: tuple[Generator, ...] = (Generator("preference", "reply", 1, sample_reply),)
