"""Errors a user can mend: each names the thing, the value and the remedy; the CLI prints one line and exits 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in the user's input or surroundings.

    Args:
        message: what is wrong, naming the field or file and the value found.
        remedy: what to do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}".strip())


def described(error: BaseException) -> str:
    """An error in a line: its kind and what it says."""
    return f"{type(error).__name__}: {error}".rstrip(": ")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence naming the closest known word, or all of them when none is close; empty when none is known."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"Known: {', '.join(names)}." if names else ""


def missing_extra(package: str, extra: str, purpose: str) -> UserError:
    """The error for an optional dependency that is not installed."""
    return UserError(
        f"{purpose} needs the package '{package}', which is not installed.",
        f"Install it with: pip install 'darkhorse[{extra}]'",
    )
