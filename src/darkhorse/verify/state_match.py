"""Comparing what calls brought about: the state of stateful tools after each turn, and the results of the calls.

The rules are those of the leaderboard's multi-turn tasks (Patil et al., "The Berkeley Function Calling Leaderboard",
2025, version 3): after each turn the public attributes of every tool must equal those that the true calls leave behind,
and the results so far must include those of the turn's true calls. More calls, and other ways to the same state, are
allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from darkhorse.verify.verdict import Scored

State = Mapping[str, Mapping[str, Any]]
"""Public attributes by tool."""


@dataclass(frozen=True)
class Turn:
    """What one turn's calls brought about.

    Attributes:
        state: of every tool after the turn.
        results: what the turn's calls returned, as text, in order; empty if none was made.
    """

    state: State = field(default_factory=dict)
    results: Sequence[str] = ()


def public_state(tools: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """The attributes of tool objects that do not begin with an underscore."""
    return {
        name: {key: value for key, value in vars(tool).items() if not key.startswith("_")}
        for name, tool in tools.items()
    }


def state_match(found: Sequence[Turn], wanted: Sequence[Turn], typed: bool = True) -> Scored:
    """Whether the model's turns bring about what the true calls do.

    A turn whose true calls are none is not compared, but its state carries over: the model may ask back, or try.

    Args:
        found: the model's turns.
        wanted: the true ones.
        typed: whether 1 is not true, and attributes beyond the true ones are not allowed; the leaderboard's check is
            not typed.
    """
    if len(found) != len(wanted):
        return Scored(
            0.0, f"There are {len(found)} turn(s), not {len(wanted)}.", {"turn": min(len(found), len(wanted))}
        )
    results: list[str] = []
    for place, (turn, true_turn) in enumerate(zip(found, wanted, strict=True)):
        results.extend(turn.results)
        if not true_turn.results:
            continue
        problem = (
            "no call was made"
            if not turn.results
            else state_problem(turn.state, true_turn.state, typed) or results_problem(results, true_turn.results)
        )
        if problem is not None:
            return Scored(0.0, f"In turn {place + 1} {problem}.", {"turn": place})
    return Scored(1.0, f"All {len(wanted)} turn(s) end as they should.", {"turn": len(wanted)})


def state_problem(found: State, wanted: State, typed: bool = True) -> str | None:
    """How a state differs from the true one, None if it does not."""
    for tool, attributes in wanted.items():
        if tool not in found:
            return f"the tool '{tool}' is missing"
        for name, value in attributes.items():
            if name not in found[tool] or not _same(found[tool][name], value, typed):
                return f"'{tool}.{name}' differs"
        extra = [name for name in found[tool] if name not in attributes]
        if typed and extra:
            return f"'{tool}.{extra[0]}' should not be there"
    return None


def results_problem(found: Sequence[str], wanted: Sequence[str]) -> str | None:
    """Which of the true results is not among those found, each found one standing for one; None if none is missing."""
    left = list(found)
    for result in wanted:
        if result not in left:
            return f"no call returned {result[:80]!r}"
        left.remove(result)
    return None


def _same(found: Any, wanted: Any, typed: bool) -> bool:
    """Equality, where asked with the same types all the way down; numbers by value, other objects by their own `==`."""
    if not typed:
        return bool(found == wanted)
    if _is_number(found) and _is_number(wanted):
        return bool(found == wanted)
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, dict):
        same_keys = len(found) == len(wanted) and all(key in found for key in wanted)
        return same_keys and all(_same(found[key], value, typed) for key, value in wanted.items())
    if isinstance(wanted, list | tuple):
        pairs = zip(found, wanted, strict=True)
        return len(found) == len(wanted) and all(_same(one, other, typed) for one, other in pairs)
    return bool(found == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
