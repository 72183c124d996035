"""Suite `retrieval`: questions about an invented world, answered only by documents that a search finds."""

from __future__ import annotations

import random

from darkhorse.tasks.synthetic.agentic.turns import calls, function, says, tool
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.wordlists import CITIES, NAMES
from darkhorse.tasks.task import Demonstration, Task

SEARCH = function("search", "Search the documents", "query")
"""`search(query)`: the best passages as `[title] text`, a line each."""

ENVIRONMENT = "retrieval"
_STARTS = "Bel Cor Dra Fen Gal Hol Jar Kel Lum Mor Nor Ost Pra Quen Ral Sol Tav Ulm Vel Wes Xan Yor Zin".split()  # noqa: SIM905
_MIDDLES = "a e i o u ara eli ino oru una".split()  # noqa: SIM905
_ENDS = "bex dan gor lix mar nix pol rin sen tor vek zor".split()  # noqa: SIM905
_GOODS = "lamps boats clocks kites drums tents guitars mirrors ladders radios".split()  # noqa: SIM905


def sample_fact(rng: random.Random, level: int) -> Demonstration:
    """One look-up, or at level 2 two: a product's maker, and a fact about the maker."""
    count = rng.randint(6, 12)
    names = _names(rng, 2 * count)
    firms, products = names[:count], names[count:]
    facts = [
        {
            "firm": firm,
            "product": product,
            "founder": rng.choice(NAMES),
            "year": str(rng.randint(1810, 2010)),
            "city": rng.choice(CITIES),
            "goods": rng.choice(_GOODS),
        }
        for firm, product in zip(firms, products, strict=True)
    ]
    documents = [document for fact in facts for document in _documents(fact)]
    rng.shuffle(documents)
    fact = rng.choice(facts)
    asked, key = rng.choice(
        (
            ("In which year was {} founded?", "year"),
            ("Who founded {}?", "founder"),
            ("In which city does {} have its seat?", "city"),
        )
    )
    about = fact["firm"] if level == 1 else f"the company that makes the {fact['product']}"
    question, answer = asked.format(about), fact[key]
    completion = []
    firm_text, product_text = (f"[{entry['title']}] {entry['text']}" for entry in _documents(fact))
    if level == 2:
        completion += [
            calls(f"First: who makes the {fact['product']}?", "search", {"query": fact["product"]}),
            tool(product_text),
        ]
    completion += [
        calls(f"Look up {fact['firm']}.", "search", {"query": fact["firm"]}),
        tool(f"{firm_text}\n{product_text}"),
        says(f"The document says {answer}.", f"\\boxed{{{answer}}}"),
    ]
    task = Task(
        "",
        ({"role": "user", "content": f"{question} Answer in \\boxed{{}}."},),
        "exact",
        {"answer": answer},
        (SEARCH,),
        environment=ENVIRONMENT,
        setup={"documents": documents},
    )
    return Demonstration(task, tuple(completion))


def _names(rng: random.Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[rng.choice(_STARTS) + rng.choice(_MIDDLES) + rng.choice(_ENDS)] = None
    return list(found)


def _documents(fact: dict[str, str]) -> list[dict[str, str]]:
    firm = f"{fact['firm']} makes {fact['goods']}. {fact['founder']} founded it in {fact['year']}. "
    firm += f"Its seat is in {fact['city']}."
    product = f"The {fact['product']} is made by {fact['firm']}."
    return [{"title": fact["firm"], "text": firm}, {"title": fact["product"], "text": product}]


GENERATORS: tuple[Generator, ...] = (Generator("retrieval", "fact", 2, sample_fact),)
