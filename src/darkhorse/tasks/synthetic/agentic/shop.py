"""The world of suite `service`: a shop's orders, what its clerk may do with them, and a customer with a wish.

Pure and small, so that demonstrations can be made with the very world that episodes take place in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from darkhorse.tasks.synthetic.agentic.turns import function

RETURN_DAYS = 30
POLICY = f"""\
You are the clerk of a web shop. Rules:
- Ask for the customer's e-mail address first, then find the order.
- An order may be cancelled, or its address changed, only while it is processing.
- A delivered order may be returned within {RETURN_DAYS} days of delivery.
- If the rules forbid a wish, say that you cannot do it, and change nothing."""

FIND_ORDERS = function("find_orders", "Orders of a customer", "email")
CANCEL_ORDER = function("cancel_order", "Cancel an order", "order_id")
RETURN_ORDER = function("return_order", "Take an order back", "order_id")
CHANGE_ADDRESS = function("change_address", "Change where an order goes", "order_id", "address")
TOOLS = (FIND_ORDERS, CANCEL_ORDER, RETURN_ORDER, CHANGE_ADDRESS)

_DECLINES = re.compile(
    r"\b(?:can ?not|can['’]t|won['’]t|unable|impossible|not (?:possible|allowed|permitted|able|eligible)|no longer"
    r"|against (?:the|our) \w+|declin\w+|sorry|unfortunately)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"[^.!?\n]*\?")
_MORE = re.compile(r"\b(?:any|some)thing else\b|\bfurther\b", re.IGNORECASE)
_MAIL = re.compile(r"\be-?mail\b", re.IGNORECASE)
_ADDRESS = re.compile(r"\baddress\b", re.IGNORECASE)
_WHICH = re.compile(r"\b(?:which (?:order|item)|order (?:id|number)|what (?:order|item))\b", re.IGNORECASE)
_MAX_REPLIES = 4


@dataclass
class Order:
    """An order; `days` since delivery, 0 before it."""

    email: str
    item: str
    status: str
    days: int
    address: str


@dataclass
class Shop:
    """Orders by id. Functions do what they are told: the rules are for the clerk to keep.

    Attributes:
        orders: by id.
        looked_up: e-mail addresses whose orders were found.
    """

    orders: dict[str, Order]
    looked_up: set[str] = field(default_factory=set)

    def find_orders(self, email: str) -> str:
        """Lines `id: item, status, days, address` of a customer."""
        email = email.strip().casefold()
        found = [
            f"{key}: {order.item}, {order.status}"
            + (f" {order.days} days ago" if order.status == "delivered" else "")
            + f", to {order.address}"
            for key, order in self.orders.items()
            if order.email == email
        ]
        if found:
            self.looked_up.add(email)
        return "\n".join(found) or "Error: there is no such customer"

    def cancel_order(self, order_id: str) -> str:
        """Set an order's status to cancelled."""
        return self._set(order_id, "status", "cancelled")

    def return_order(self, order_id: str) -> str:
        """Set an order's status to returned."""
        return self._set(order_id, "status", "returned")

    def change_address(self, order_id: str, address: str) -> str:
        """Set where an order goes."""
        return self._set(order_id, "address", address.strip()[:100])

    def state(self) -> dict[str, dict[str, str]]:
        """Status and address of every order."""
        return {key: {"status": order.status, "address": order.address} for key, order in self.orders.items()}

    def _set(self, order_id: str, field_name: str, value: str) -> str:
        order = self.orders.get(order_id.strip())
        if order is None:
            return f"Error: there is no order {order_id[:20]!r}"
        setattr(order, field_name, value)
        return f"Order {order_id.strip()}: {field_name} is now {value}."

    def functions(self) -> dict[str, Callable[..., str]]:
        """What the clerk can call, by name."""
        return {
            "find_orders": self.find_orders,
            "cancel_order": self.cancel_order,
            "return_order": self.return_order,
            "change_address": self.change_address,
        }


@dataclass
class Customer:
    """A customer with one wish: tells what is asked for, and leaves when served or declined.

    Attributes:
        email, item, address: what is told when asked.
        replies: given so far.
        declined: whether the clerk's last words decline the wish.
    """

    email: str
    item: str
    address: str = ""
    replies: int = field(default=0)
    declined: bool = field(default=False)

    def reply(self, text: str) -> str | None:
        """What the customer says to the clerk; None when there is no more to say."""
        declines = bool(_DECLINES.search(text))
        told = self._told(" ".join(_QUESTION.findall(text)) if declines else text) if "?" in text else None
        self.declined = declines and told is None
        self.replies += 1
        over = told is None and (declines or bool(_MORE.search(text)))
        if over or "?" not in text or self.replies > _MAX_REPLIES:
            return None
        return told or "Yes, please."

    def _told(self, asked: str) -> str | None:
        """The answer to a question about the order; None to any other."""
        if _MAIL.search(asked):
            return f"My e-mail is {self.email}."
        if _WHICH.search(asked):
            return f"The {self.item}."
        return f"The new address is {self.address}." if _ADDRESS.search(asked) and self.address else None


def shop_of(setup: dict[str, Any]) -> tuple[Shop, Customer]:
    """The shop and the customer that a task's `setup` describes."""
    return Shop({key: Order(**order) for key, order in setup["orders"].items()}), Customer(**setup["customer"])
