"""Suite `database`: questions about a small database whose rows only a query can show."""

from __future__ import annotations

import random

from darkhorse.tasks.synthetic.agentic.turns import calls, function, says, tool
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.wordlists import CITIES, NAMES
from darkhorse.tasks.task import Demonstration, Task

SQL = function("sql", "Run a SELECT on the SQLite database", "query")
"""`sql(query)`: a line of column names, then a line for each row, cells separated by ` | `."""

ENVIRONMENT = "database"
_PRODUCTS = "lamp chair book ticket box bottle shirt plant".split()  # noqa: SIM905
_SCHEMA = (
    "CREATE TABLE sales (id INTEGER, city TEXT, seller TEXT, product TEXT, units INTEGER)",
    "CREATE TABLE prices (product TEXT, price INTEGER)",
)
Row = tuple[int, str, str, str, int]


def sample_question(rng: random.Random, level: int) -> Demonstration:
    """A sum, a count or a maximum over rows: of one column, of two conditions, or over two tables."""
    cities, sellers, products = rng.sample(CITIES, 4), rng.sample(NAMES, 4), rng.sample(_PRODUCTS, 4)
    rows: list[Row] = [
        (number, rng.choice(cities), rng.choice(sellers), rng.choice(products), rng.randint(1, 60))
        for number in range(1, rng.randint(18, 36))
    ]
    prices = {product: rng.randint(3, 90) for product in products}
    _, city, seller, product, _ = rng.choice(rows)
    question, query, answer = rng.choice(_QUESTIONS[level])(rows, prices, city, seller, product)
    script = ";\n".join([*_SCHEMA, *_inserts(rows, prices)]) + ";"
    prompt = "Database:\n" + "\n".join(_SCHEMA[: 2 if level == 3 else 1])
    prompt += f"\n\n{question} Answer in \\boxed{{}}."
    column = query.removeprefix("SELECT ").partition(" FROM")[0]
    completion = (
        calls("A query can tell.", "sql", {"query": query}),
        tool(f"{column}\n{answer}"),
        says(f"The query gives {answer}.", f"\\boxed{{{answer}}}"),
    )
    task = Task(
        "",
        ({"role": "user", "content": prompt},),
        "exact",
        {"answer": answer},
        (SQL,),
        environment=ENVIRONMENT,
        setup={"script": script},
    )
    return Demonstration(task, completion)


def _inserts(rows: list[Row], prices: dict[str, int]) -> list[str]:
    return [f"INSERT INTO sales VALUES {row!r}" for row in rows] + [
        f"INSERT INTO prices VALUES {row!r}" for row in prices.items()
    ]


Rows = list[Row]
Prices = dict[str, int]
Asked = tuple[str, str, str]


def _units_in_city(rows: Rows, prices: Prices, city: str, seller: str, product: str) -> Asked:
    total = sum(row[4] for row in rows if row[1] == city)
    return (
        f"How many units were sold in {city} in all?",
        f"SELECT SUM(units) FROM sales WHERE city='{city}'",
        str(total),
    )


def _sales_of_seller(rows: Rows, prices: Prices, city: str, seller: str, product: str) -> Asked:
    count = sum(row[2] == seller for row in rows)
    return f"How many sales did {seller} make?", f"SELECT COUNT(*) FROM sales WHERE seller='{seller}'", str(count)


def _largest_sale(rows: Rows, prices: Prices, city: str, seller: str, product: str) -> Asked:
    most = max(row[4] for row in rows if row[3] == product)
    query = f"SELECT MAX(units) FROM sales WHERE product='{product}'"
    return f"What is the largest number of units in one sale of a {product}?", query, str(most)


def _units_of_both(rows: Rows, prices: Prices, city: str, seller: str, product: str) -> Asked:
    total = sum(row[4] for row in rows if (row[1], row[2]) == (city, seller))
    query = f"SELECT SUM(units) FROM sales WHERE city='{city}' AND seller='{seller}'"
    return f"How many units did {seller} sell in {city}?", query, str(total)


def _sales_of_both(rows: Rows, prices: Prices, city: str, seller: str, product: str) -> Asked:
    count = sum((row[1], row[3]) == (city, product) for row in rows)
    query = f"SELECT COUNT(*) FROM sales WHERE city='{city}' AND product='{product}'"
    return f"How many sales of a {product} were there in {city}?", query, str(count)


def _income_of_seller(rows: Rows, prices: Prices, city: str, seller: str, product: str) -> Asked:
    total = sum(row[4] * prices[row[3]] for row in rows if row[2] == seller)
    query = f"SELECT SUM(units*price) FROM sales JOIN prices USING (product) WHERE seller='{seller}'"
    return f"What did {seller}'s sales bring in, in coins (units times price)?", query, str(total)


def _income_in_city(rows: Rows, prices: Prices, city: str, seller: str, product: str) -> Asked:
    total = sum(row[4] * prices[row[3]] for row in rows if row[1] == city)
    query = f"SELECT SUM(units*price) FROM sales JOIN prices USING (product) WHERE city='{city}'"
    return f"What did the sales in {city} bring in, in coins (units times price)?", query, str(total)


_QUESTIONS = {
    1: (_units_in_city, _sales_of_seller, _largest_sale),
    2: (_units_of_both, _sales_of_both),
    3: (_income_of_seller, _income_in_city),
}

GENERATORS: tuple[Generator, ...] = (Generator("database", "question", 3, sample_question),)
