"""Suite `feedback`: a question with several right answers until the user says which one is meant."""

from __future__ import annotations

import random

from darkhorse.tasks.synthetic.agentic.turns import says, user
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.task import Demonstration, Task

ENVIRONMENT = "feedback"


def sample_root(rng: random.Random, level: int) -> Demonstration:
    """`(x - a)(x + b) = 0`: the user means one root, and says so once the other one is given."""
    a, b = rng.randint(2, 30 * level), rng.randint(2, 30 * level)
    positive = rng.random() < 0.5
    wanted, other = (a, -b) if positive else (-b, a)
    factors = [f"(x - {a})", f"(x + {b})"]
    rng.shuffle(factors)
    question = f"Solve {factors[0]}{factors[1]} = 0 and give me x in \\boxed{{}}."
    hint = f"That is wrong: x must be {'positive' if positive else 'negative'}. Answer again in \\boxed{{}}."
    roots = f"The roots are {a} and {-b}."
    completion = [says(roots, f"\\boxed{{{wanted}}}")]
    if rng.random() < 0.5:
        sign = "positive" if positive else "negative"
        completion = [
            says(roots, f"\\boxed{{{other}}}"),
            user(hint),
            says(f"The {sign} root is {wanted}.", f"\\boxed{{{wanted}}}"),
        ]
    task = Task(
        "",
        ({"role": "user", "content": question},),
        "exact",
        {"answer": str(wanted)},
        environment=ENVIRONMENT,
        setup={"hints": [hint]},
    )
    return Demonstration(task, tuple(completion))


GENERATORS: tuple[Generator, ...] = (Generator("feedback", "root", 3, sample_root),)
