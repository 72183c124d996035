"""Mathematics: arithmetic, equations, number theory and stories, verified as exact values."""

from __future__ import annotations

from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.mathematics.arithmetic import chain, difference, product, total
from darkhorse.tasks.synthetic.mathematics.equations import equation
from darkhorse.tasks.synthetic.mathematics.number_theory import common_divisor, fraction, remainder
from darkhorse.tasks.synthetic.mathematics.problem import sampler
from darkhorse.tasks.synthetic.mathematics.stories import story

_KINDS = {
    "sums": total,
    "differences": difference,
    "products": product,
    "chains": chain,
    "equations": equation,
    "fractions": fraction,
    "gcd": common_divisor,
    "remainders": remainder,
    "stories": story,
}
GENERATORS: tuple[Generator, ...] = tuple(
    Generator("mathematics", name, 4, sampler(make)) for name, make in _KINDS.items()
)
