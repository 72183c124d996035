"""Suite `service`: a clerk with rules, a customer who tells only what is asked for, and a shop that must end up right.

The shape is that of tau-bench (arXiv 2406.12045): outcome is the final state of the database, not what was said.
"""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import Any

from darkhorse.tasks.synthetic.agentic.shop import POLICY, RETURN_DAYS, TOOLS, Customer, Order, shop_of
from darkhorse.tasks.synthetic.agentic.turns import calls, says, tool, user
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.wordlists import CITIES, NAMES, THINGS
from darkhorse.tasks.task import Demonstration, Task

ENVIRONMENT = "service"
_STREETS = "Elm Oak Mill Lake Hill Park".split()  # noqa: SIM905


def sample_wish(rng: random.Random, level: int) -> Demonstration:
    """A wish to cancel (level 1), to return (2) or to change an address (3), which the rules allow or forbid."""
    name, email = _person(rng)
    other = _person(rng)[1]
    items = rng.sample(THINGS, 4)
    kind = rng.choice(("cancel", "return", "address")[:level])
    orders = {
        str(key): Order(email if place < 2 else other, item, *_status(rng), _address(rng))
        for place, (key, item) in enumerate(zip(rng.sample(range(1000, 10_000), 4), items, strict=True))
    }
    key = rng.choice([key for key, order in orders.items() if order.email == email])
    wanted, allowed = orders[key], rng.random() < 0.5
    while _allowed(kind, wanted) != allowed:  # as often as not, so that neither doing nor declining pays by itself
        wanted.status, wanted.days = _status(rng)
    customer = Customer(email, wanted.item, _address(rng) if kind == "address" else "")
    wish = {
        "cancel": f"Please cancel my order of the {wanted.item}.",
        "return": f"I want to return the {wanted.item} I ordered.",
        "address": f"Please send my order of the {wanted.item} to {customer.address} instead.",
    }[kind]
    setup = {
        "orders": {name: asdict(order) for name, order in orders.items()},
        "customer": {"email": customer.email, "item": customer.item, "address": customer.address},
    }
    shop, speaker = shop_of(setup)
    request = "May I have your e-mail address?"
    completion = [
        says("First the e-mail.", request),
        user(speaker.reply(request) or ""),
        calls("Find the orders.", "find_orders", {"email": email}),
        tool(shop.find_orders(email)),
    ]
    state = f"delivered {wanted.days} days ago" if wanted.status == "delivered" else wanted.status
    outcome: dict[str, Any] = {"looked_up": True}
    if allowed:
        function, arguments = {
            "cancel": ("cancel_order", {"order_id": key}),
            "return": ("return_order", {"order_id": key}),
            "address": ("change_address", {"order_id": key, "address": customer.address}),
        }[kind]
        completion.append(calls(f"Order {key} is {state}: allowed.", function, arguments))
        completion.append(tool(shop.functions()[function](**arguments)))
        answer = says("Done.", f"It is done: order {key} is updated.")
    else:
        answer = says(f"Order {key} is {state}: not allowed.", f"Sorry, I cannot do that: order {key} is {state}.")
        outcome["declined"] = True
    task = Task(
        "",
        ({"role": "system", "content": POLICY}, {"role": "user", "content": f"Hello, I am {name}. {wish}"}),
        "world_state",
        {"state": {"orders": shop.state(), **outcome}},
        TOOLS,
        environment=ENVIRONMENT,
        setup=setup,
    )
    return Demonstration(task, (*completion, answer))


def _allowed(kind: str, order: Order) -> bool:
    if kind == "return":
        return order.status == "delivered" and order.days <= RETURN_DAYS
    return order.status == "processing"


def _person(rng: random.Random) -> tuple[str, str]:
    name = rng.choice(NAMES)
    return name, f"{name.casefold()}{rng.randint(10, 99)}@mail.example"


def _status(rng: random.Random) -> tuple[str, int]:
    status = rng.choice(("processing", "processing", "shipped", "delivered", "delivered"))
    return status, rng.randint(2, 60) if status == "delivered" else 0


def _address(rng: random.Random) -> str:
    return f"{rng.randint(1, 99)} {rng.choice(_STREETS)} Street, {rng.choice(CITIES)}"


GENERATORS: tuple[Generator, ...] = (Generator("service", "wish", 3, sample_wish),)
