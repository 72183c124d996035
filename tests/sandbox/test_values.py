"""What crosses the sandbox's border arrives as it was, or not at all."""

from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import fractions
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.sandbox.values import (
    Codec,
    ListNode,
    TreeNode,
    Unserialisable,
    level_order,
    linked_list,
    linked_values,
    loads,
    plain,
    tree,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    | st.binary(max_size=4)
    | st.complex_numbers(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
)
hashable = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)
values = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.sets(hashable, max_size=3)
        | st.dictionaries(hashable, inner, max_size=3)
        | st.lists(inner, max_size=2).map(collections.deque)
    ),
    max_leaves=10,
)


@given(values)
def test_values_arrive_with_their_types(value: Any) -> None:
    sent = json.dumps(Codec().encode(value), allow_nan=False).encode()
    arrived = Codec().decode(loads(sent))
    assert arrived == value
    assert type(arrived) is type(value)
    assert repr(arrived) == repr(value) or isinstance(value, set | frozenset | dict | list | tuple | collections.deque)


def test_values_that_are_not_equal_to_themselves_arrive_too() -> None:
    assert math.isnan(Codec().decode(Codec().encode(math.nan)))
    assert Codec().decode(Codec().encode([math.inf, -math.inf])) == [math.inf, -math.inf]


def test_containers_of_collections() -> None:
    for value in (collections.Counter("aab"), collections.OrderedDict([(2, 1), (1, 2)])):
        arrived = Codec().decode(Codec().encode(value))
        assert (type(arrived), arrived) == (type(value), value)
    assert Codec().decode(Codec().encode(collections.defaultdict(list, {(1,): [2]}))) == {(1,): [2]}
    assert Codec().decode(Codec().encode({"$": 1})) == {"$": 1}


@given(st.lists(st.integers(), max_size=20))
def test_linked_lists(numbers: list[int]) -> None:
    assert linked_values(linked_list(numbers)) == numbers


@pytest.mark.parametrize(
    "levels", [[], [1], [1, 2, 3], [1, None, 2, 3], [5, 4, 8, 11, None, 13, 4, 7, 2, None, None, 5, 1]]
)
def test_trees(levels: list[int | None]) -> None:
    assert level_order(tree(levels)) == levels


def test_nodes_become_those_of_the_other_side() -> None:
    class Mine(ListNode):
        pass

    sent = Codec().encode([linked_list([1, 2]), tree([1, None, 2])])
    first, second = Codec(classes={"ListNode": Mine}).decode(sent)
    assert type(first) is Mine and linked_values(first) == [1, 2]
    assert type(second) is TreeNode and level_order(second) == [1, None, 2]


def test_what_does_not_end_is_refused() -> None:
    node = ListNode(1)
    node.next = node
    root = TreeNode(1)
    root.left = root
    nested: list[Any] = []
    nested.append(nested)
    for value in (node, root, nested):
        with pytest.raises(Unserialisable):
            Codec().encode(value)


def test_other_values_stay_where_they_are() -> None:
    for value in (object(), type("I", (int,), {})(3), lambda: 0, "\ud800", 10**5000, iter([])):
        with pytest.raises(Unserialisable):
            Codec().encode(value)
        with pytest.raises(Unserialisable):
            plain(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.fixed_dictionaries(
            {
                "$": st.sampled_from(["tuple", "set", "dict", "ref", "Decimal", "date", "ListNode", "float", "x"])
                | inner,
                "v": inner,
            }
        )
    ),
    max_leaves=8,
)


@given(json_values)
def test_forged_values_are_decoded_or_refused(forged: Any) -> None:
    with contextlib.suppress(Unserialisable):
        Codec().decode(forged)


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"[" * 100_000, b"9" * 5000, b"{", b"\xff"])
def test_json_that_is_none(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  every kind of it
        loads(text)


def test_exact_types_of_decimals_and_dates() -> None:
    for value in (decimal.Decimal("1.10"), fractions.Fraction(1, 3), datetime.datetime(2020, 1, 2, 3, 4, 5, 6)):
        assert repr(Codec().decode(Codec().encode(value))) == repr(value)
