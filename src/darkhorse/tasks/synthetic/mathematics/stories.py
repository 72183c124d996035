"""Word problems: somebody's things come and go, among numbers that do not matter."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from darkhorse.tasks.synthetic.mathematics.problem import Problem
from darkhorse.tasks.synthetic.traces import choose_by

_NAMES = ("Ada", "Ben", "Chloe", "Dan", "Eva", "Finn", "Grace", "Hugo", "Iris", "Jack", "Kira", "Leo", "Mia", "Noah")
_ITEMS = ("apples", "marbles", "stickers", "coins", "pencils", "books", "shells", "cards", "buttons", "stamps")
_QUESTIONS = (
    "How many {items} does {name} have now?",
    "How many {items} does {name} have in the end?",
    "What is the number of {items} that {name} has at the end?",
    "After all this, how many {items} are {name}'s?",
)


@dataclass(frozen=True)
class _Account:
    """The running count: its value, its expression, the work so far and how to undo the last step."""

    total: int
    expression: str
    work: tuple[str, ...] = ()
    undo: str = ""

    def change(self, sign: str, amount: int, written: str) -> _Account:
        total = self.total + amount if sign == "+" else self.total - amount
        undo = f"{total}-{amount}={self.total}" if sign == "+" else f"{total}+{amount}={self.total}"
        line = f"{self.total}{sign}{amount}={total}"
        return _Account(total, f"{self.expression}{sign}{written}", (*self.work, line), undo)

    def double(self) -> _Account:
        inner = self.expression if self.expression.isdigit() else f"({self.expression})"
        line = f"{self.total}*2={2 * self.total}"
        return _Account(2 * self.total, f"{inner}*2", (*self.work, line), f"{2 * self.total}/2={self.total}")


def _event(
    rng: random.Random, account: _Account, name: str, friend: str, items: str, big: bool, losses: bool
) -> tuple[str, _Account]:
    """One thing that happens, and the count after it. Big events need a multiplication, losses a difference."""
    if big and rng.random() < 0.3:
        return f"Then the number of {items} that {name} has doubles.", account.double()
    if big:
        boxes, size = rng.randint(2, 6), rng.randint(3, 12)
        account = replace(account, work=(*account.work, f"{boxes}*{size}={boxes * size}"))
        sentence = f"{name} buys {boxes} boxes with {size} {items} each."
        return sentence, account.change("+", boxes * size, f"{boxes}*{size}")
    if losses and account.total > 12 and rng.random() < 0.5:
        amount = rng.randint(3, min(50, account.total - 1))
        sentence = rng.choice((f"{name} gives {amount} {items} to {friend}.", f"{name} loses {amount} {items}."))
        return sentence, account.change("-", amount, str(amount))
    amount = rng.randint(4, 50)
    sentence = rng.choice((f"{name} finds {amount} more {items}.", f"{name} gets {amount} {items} from an aunt."))
    return sentence, account.change("+", amount, str(amount))


def _distraction(rng: random.Random, name: str, friend: str, items: str) -> tuple[str, int]:
    number = rng.randint(3, 40)
    other = rng.choice([thing for thing in _ITEMS if thing != items])
    sentence = rng.choice(
        (
            f"{friend} already owns {number} {items}.",
            f"{name} also has {number} {other}.",
            f"The shop is {number} minutes away.",
            f"It is {number} degrees outside.",
            f"{name} lives at house number {number}.",
        )
    )
    return sentence, number


def story(rng: random.Random, level: int) -> Problem:
    """One to three events, from level 2 with losses, from level 3 a multiplication; one or two numbers to ignore."""
    name, friend = rng.sample(_NAMES, 2)
    items = rng.choice(_ITEMS)
    start = rng.randint(8, 60)
    account = _Account(start, str(start))
    events, big_at = (1, 2, 2, 3)[level - 1], rng.randrange(2) if level >= 3 else -1
    sentences = []
    for number in range(events):
        sentence, account = _event(rng, account, name, friend, items, number == big_at, level >= 2)
        sentences.append(sentence)
    ignored = []
    for _ in range(2 if level == 4 else 1):
        sentence, number = _distraction(rng, name, friend, items)
        sentences.insert(rng.randint(0, len(sentences)), sentence)
        ignored.append(str(number))
    told = " ".join((f"{name} has {start} {items}.", *sentences))
    question = choose_by(told, _QUESTIONS).format(items=items, name=name)
    steps = f"Ignore {' and '.join(ignored)}. " + ", ".join(account.work)
    return Problem(f"{told} {question}", account.total, f"{account.expression}={account.total}", steps, account.undo)
