"""Answers to LiveBench's questions: right and wrong ones, stated in many ways, and cut, wrapped or spoilt."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]


def answers(row: Row, others: list[Row], rng: random.Random) -> list[str]:
    """Answers to one question, each text once.

    Args:
        row: the question.
        others: questions of the same task, whose answers are wrong ones here.
        rng: decides what is changed.
    """
    if row["category"] == "instruction_following":
        return []
    texts: dict[str, None] = {}
    golds = [str(row["ground_truth"]), *(str(one["ground_truth"]) for one in rng.sample(others, min(2, len(others))))]
    for gold in golds:
        for value in values(gold, row, rng):
            for text in stated(value):
                texts.setdefault(text)
    for text in spoilt(str(row["ground_truth"]), rng):
        texts.setdefault(text)
    return list(texts)


def values(gold: str, row: Row, rng: random.Random) -> Iterator[str]:
    """The answer, and what is nearly the answer."""
    yield gold
    yield gold.upper()
    yield gold.lower().replace("-", " ")
    parts = gold.split(",")
    if len(parts) > 1:
        yield ", ".join(part.strip() for part in parts)
        yield ",".join(parts[:-1])
        yield ",".join(rng.sample(parts, len(parts)))
        yield ",".join([*parts, parts[0]])
    if gold.isdigit():
        yield str(int(gold) + 1)
        yield f"0{gold}"
        yield str(int(gold))
    if len(gold) == 1 and gold.isalpha():
        yield gold * 5
        yield f"({gold})"
    if row["task"] in ("tablejoin", "tablereformat"):
        yield from tables(gold, row)


def tables(gold: str, row: Row) -> Iterator[str]:
    """Tables and mappings with something changed."""
    try:
        value = json.loads(gold) if row["task"] == "tablereformat" else None
    except ValueError:
        value = None
    if isinstance(value, dict) and value:
        yield json.dumps(list(value.values()))
        yield "\n".join(json.dumps(one) for one in value.values())
        yield json.dumps(dict(list(value.items())[:-1]))
        yield json.dumps({key: dict(reversed(list(one.items()))) for key, one in value.items()})
    lines = gold.split("\n")
    if len(lines) > 2:
        yield "\n".join(lines[:-1])
        yield "\n".join([lines[0], *lines[:0:-1]])
        yield gold.replace("1", "2", 1)
        yield gold.replace(".0", "")
        yield f"Here is the table in a new format:\n{gold}"
        yield f"{gold}\nLet me know if you need more."
        yield f"Sure!\n{gold}"
    if row["task"] == "tablejoin":
        pairs = row["ground_truth"] if isinstance(row["ground_truth"], dict) else json.loads(gold.replace("'", '"'))
        items = list(pairs.items())
        yield repr(dict(items[1:]))
        yield json.dumps(pairs)
        yield repr({**pairs, "other": "column"})
        yield repr(dict.fromkeys(pairs, items[0][1]))
        yield json.dumps({**pairs, "none": None})


def stated(value: str) -> Iterator[str]:
    """A value in the forms that models use."""
    yield value
    yield f"**{value}**"
    yield f"***{value}***"
    yield f"<solution>{value}</solution>"
    yield f"</solution>{value}</solution>"
    yield f"First.\n<solution>x</solution>\nNow:\n<solution>{value}</solution>"
    yield f"The answer is \\boxed{{{value}}}."
    yield f"\\boxed{{\\text{{{value}}}}}"
    yield f"$\\boxed {value}$"
    yield f"\\fbox{{{value}}}"
    yield f"Let me think.\nAnswer: {value}"
    yield f"Answer: **{value}**."
    yield f"Answer:\n{value}\nDone."
    yield f"I think that it is {value}, because of the above."
    yield f"```\n{value}\n```"
    yield f"```python\n{value}\n```"
    yield f"```json\n{value}\n```"
    yield f"```csv\n{value}\n```"
    yield f"Thus\n{value}"
    yield f"x --- {value} --- y"
    yield f"<PLOT_SUMMARY>{value}</PLOT_SUMMARY>"
    yield f"<think>no</think> {value}"
    yield f"The **first** and the **second** are **{value}** so **it** is."


def spoilt(gold: str, rng: random.Random) -> Iterator[str]:
    """Broken answers."""
    yield "I do not know."
    yield "\\boxed{"
    yield "\\boxed{}"
    yield "**"
    yield "<solution></solution>"
    yield f"<solution>{gold}"
    yield gold[: len(gold) // 2]
    yield gold[::-1]
    yield f"\\boxed{{{gold}"
    yield "answer: 1, 2, 3"
    yield "yes, no, unknown"
    yield f"{gold} {gold}"
    place = rng.randrange(len(gold) + 1)
    yield f"{gold[:place]}?{gold[place:]}"
