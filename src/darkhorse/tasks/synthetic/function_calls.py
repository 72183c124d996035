"""Suite `function_calls`: choose the right function among similar ones and give it the right arguments."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from darkhorse.chat.tool_calls import format_tool_call
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.function_pool import FUNCTIONS, Function
from darkhorse.tasks.synthetic.prose import capitalise
from darkhorse.tasks.synthetic.traces import Style, choose_by, choose_style, demonstrate
from darkhorse.tasks.task import Demonstration
from darkhorse.types import ToolSchema

_UNANSWERABLE = 0.08  # share of single requests that no tool fits
_LONGEST_THINKING = 90  # characters


@dataclass(frozen=True)
class Offered:
    """A function under the names drawn for it in one task."""

    function: Function
    name: str
    parameters: tuple[str, ...]

    def schema(self) -> ToolSchema:
        """The function in OpenAI's shape, as terse as it can be."""
        properties: dict[str, Any] = {}
        for name, parameter in zip(self.parameters, self.function.parameters, strict=True):
            properties[name] = {"type": parameter.type}
            if parameter.hint:
                properties[name]["description"] = parameter.hint
            if parameter.enum:
                properties[name]["enum"] = list(dict.fromkeys(value for _, value in parameter.values))
            if parameter.default is not None:
                properties[name]["default"] = parameter.default
        required = [
            name
            for name, parameter in zip(self.parameters, self.function.parameters, strict=True)
            if parameter.default is None
        ]
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.function.about,
                "parameters": {"type": "object", "properties": properties, "required": required},
            },
        }


@dataclass(frozen=True)
class Request:
    """What the user asks and the call that answers it."""

    text: str
    name: str
    about: str
    arguments: dict[str, Any]
    optional: dict[str, list[Any]]

    def truth(self) -> dict[str, Any]:
        """The expected call as the verifier `function_call` reads it."""
        return {"name": self.name, "arguments": self.arguments, "optional": self.optional}


def offer(rng: random.Random, function: Function) -> Offered:
    """The function under names drawn at random."""
    names = tuple(rng.choice(parameter.names) for parameter in function.parameters)
    return Offered(function, rng.choice(function.names), names)


def request(rng: random.Random, offered: Offered) -> Request:
    """A request that the function answers."""
    template = rng.choice(offered.function.requests)
    chosen = [rng.choice(parameter.values) for parameter in offered.function.parameters]
    arguments: dict[str, Any] = {}
    optional: dict[str, list[Any]] = {}
    for place, (name, parameter) in enumerate(zip(offered.parameters, offered.function.parameters, strict=True)):
        if f"{{{place}}}" in template:
            arguments[name] = chosen[place][1]
        else:
            optional[name] = [parameter.default]
    text = template.format(*(said for said, _ in chosen))
    return Request(capitalise(text), offered.name, offered.function.about, arguments, optional)


def sample_single(rng: random.Random, level: int) -> Demonstration:
    """One request, `level + 1` functions offered; from level 2 on a similar one among them. Now and then none fits."""
    function = rng.choice(FUNCTIONS)
    wanted = offer(rng, function)
    asked = request(rng, wanted)
    if rng.random() < _UNANSWERABLE:
        strangers = [other for other in FUNCTIONS if other.family != function.family]
        offered = [offer(rng, other) for other in rng.sample(strangers, level + 1)]
        return _demonstrate(rng, _varied(asked.text), [], offered)
    offered = [wanted, *_distractors(rng, [wanted], level, similar=level > 1 or rng.random() < 0.5)]
    return _demonstrate(rng, _varied(asked.text), [asked], offered)


def sample_parallel(rng: random.Random, level: int) -> Demonstration:
    """Two requests in one message; `min(level + 1, 3)` functions offered; at level 3 both may need the same one."""
    short = [function for function in FUNCTIONS if len(function.parameters) <= 2]
    first, second = rng.sample(short, 2)
    if level == 3 and rng.random() < 0.4:
        second = first
    one = offer(rng, first)
    two = one if second is first else offer(rng, second)
    asked = [request(rng, one), request(rng, two)]
    while asked[0].arguments == asked[1].arguments and one is two:
        asked[1] = request(rng, two)
    used = [one] if one is two else [one, two]
    offered = [*used, *_distractors(rng, used, min(level + 1, 3) - len(used), similar=level > 1)]
    first_text, second_text = asked[0].text, asked[1].text
    text = rng.choice(
        (
            f"{first_text} {second_text}",
            f"{first_text} Also: {second_text}",
            f"Two things. {first_text} {second_text}",
            f"First: {first_text} Then: {second_text}",
            f"1. {first_text} 2. {second_text}",
        )
    )
    return _demonstrate(rng, text, asked, offered)


def _distractors(rng: random.Random, used: list[Offered], count: int, similar: bool) -> list[Offered]:
    """Other functions, one of the first used function's family first when `similar`; no name twice."""
    functions = [one.function for one in used]
    others = [function for function in FUNCTIONS if function not in functions]
    siblings = [function for function in others if function.family == functions[0].family]
    first = [rng.choice(siblings)] if similar and siblings and count > 0 else []
    rest = rng.sample([function for function in others if function not in first], max(count - len(first), 0))
    return [offer(rng, function) for function in (*first, *rest)]


def _varied(text: str) -> str:
    return choose_by(text, (text, text, text, f"Please help. {text}", f"Hi! {text}", f"{text} Thanks."))


def _demonstrate(rng: random.Random, text: str, asked: list[Request], offered: list[Offered]) -> Demonstration:
    style = choose_style(rng)
    others = [one.name for one in offered if one.name not in {request.name for request in asked}]
    if asked:
        answer = "\n".join(format_tool_call(one.name, one.arguments) for one in asked)
        thinking = _think(style, asked, others)
    else:
        answer = rng.choice(
            (
                "None of the tools I have can do that.",
                "I cannot do that with these tools.",
                "Sorry, no tool here fits this request.",
                "I do not have a tool for that.",
            )
        )
        thinking = rng.choice(
            ("No tool fits.", f"{' and '.join(others[:2])} do not help here.", "None of the tools can do this.")
        )
    demonstration = demonstrate(
        text, "function_call", {"calls": [one.truth() for one in asked]}, style, thinking, answer
    )
    tools = tuple(one.schema() for one in rng.sample(offered, len(offered)))
    return replace(demonstration, task=replace(demonstration.task, tools=tools))


def _think(style: Style, asked: list[Request], others: list[str]) -> str:
    names = list(dict.fromkeys(one.name for one in asked))
    given = "; ".join(", ".join(f"{key}={value}" for key, value in one.arguments.items()) for one in asked)
    brief = f"Call {' and '.join(names)}."
    steps = f"{'; '.join(dict.fromkeys(one.about for one in asked))}: {' and '.join(names)} with {given}."
    checked = (
        f"{' and '.join(names)} {'fits' if len(names) == 1 else 'fit'}, not {others[0] if others else 'more'}. {given}."
    )
    choices: dict[Style, str] = {"brief": brief, "steps": steps, "checked": checked}
    return choices[style] if len(choices[style]) <= _LONGEST_THINKING else brief


GENERATORS: tuple[Generator, ...] = (
    Generator("function_calls", "single", 3, sample_single),
    Generator("function_calls", "parallel", 3, sample_parallel),
)
