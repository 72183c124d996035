"""Programming: small functions over integers, lists and strings, verified by running them on tests.

Programs are composed of pieces that hold description, source text and meaning side by side, so that expected values
come from Python callables and no text is ever evaluated.
"""

from __future__ import annotations

from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.programming.branches import branches
from darkhorse.tasks.synthetic.programming.chains import expression, text_chain
from darkhorse.tasks.synthetic.programming.lists import list_query
from darkhorse.tasks.synthetic.programming.loops import loop
from darkhorse.tasks.synthetic.programming.program import sampler

GENERATORS: tuple[Generator, ...] = (
    Generator("programming", "expressions", 3, sampler(expression)),
    Generator("programming", "branches", 4, sampler(branches)),
    Generator("programming", "lists", 4, sampler(list_query)),
    Generator("programming", "strings", 4, sampler(text_chain)),
    Generator("programming", "loops", 4, sampler(loop)),
)
