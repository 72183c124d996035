"""Suite `replies`: short service replies that must obey an explicit rule.

The rule can be checked; whether the reply is kind and helpful only a reward model or a judge can say. So the task is
open-ended: without a scorer an answer is worth whether it obeys, with one the rule gates what the scorer says.
"""

from __future__ import annotations

import random

from darkhorse.tasks import constraints as c
from darkhorse.tasks.synthetic import preference
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.instruction_rules import MAKERS
from darkhorse.tasks.synthetic.prose import Topic
from darkhorse.tasks.synthetic.traces import choose_style, demonstrate
from darkhorse.tasks.task import Demonstration

KINDS = ("lowercase", "uppercase", "no_commas", "starts_with", "ending_mark", "quoted", "title", "postscript")
"""Of the rules: those that suit any reply."""


def sample_reply(rng: random.Random, level: int) -> Demonstration:
    """A kind, helpful reply to a message, under one rule."""
    about = preference.scene(rng)
    kind = rng.choice(KINDS)
    instruction = MAKERS[kind](rng, Topic(about.item, (), ()))
    answer = _obeying(instruction.rule, preference.good(rng, about), about)
    style = choose_style(rng)
    thinking = {
        "brief": f"Reply to {about.name}: {instruction.note}.",
        "steps": f"Rules: reply about the {about.item}; {instruction.note}.",
        "checked": f"Reply about the {about.item}: {instruction.note}. Checked: the rule holds.",
    }[style]
    rule = {"verifier": "instructions", "truth": {"constraints": [instruction.rule.model_dump()]}}
    question = f"{about.prompt[0]['content']} {instruction.wording}"
    truth = {"reference": answer, "rules": [rule]}
    return demonstrate(question, "open_ended", truth, style, thinking, answer, kinds=[kind])


def _obeying(rule: c.Rule, reply: str, about: preference.Scene) -> str:
    """The reply, changed so that the rule holds."""
    match rule:
        case c.Lowercase():
            return reply.lower()
        case c.Uppercase():
            return reply.upper()
        case c.NoCommas():
            return reply.replace(",", "")
        case c.StartsWith(word=word):
            return f"{word} {reply}"
        case c.EndingMark(mark="!"):
            return f"{reply[:-1]}!"
        case c.EndingMark():
            return reply if reply.endswith("?") else f"{reply} Is that okay?"
        case c.Quoted():
            return f'"{reply}"'
        case c.Title():
            return f"<<About the {about.item}>>\n{reply}"
        case c.Postscript():
            return f"{reply}\nP.S. Take good care."
    raise AssertionError(f"no way to obey {rule}")


GENERATORS: tuple[Generator, ...] = (Generator("replies", "ruled", 1, sample_reply),)
