"""Guesses of what comes next, from what came next before."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST, _SHORTEST = 3, 2
"""Tokens at the end of a sequence that are looked for further up: fewer stand there by chance."""


class Lookup:
    """Finds where the end of a sequence stood before (prompt lookup decoding, Saxena 2023): an answer often repeats the
    question, and thinking repeats itself.

    Args:
        prompt: what the sequence begins with.
    """

    def __init__(self, prompt: Sequence[int]) -> None:
        self._tokens = list(prompt)
        self._prompt = len(self._tokens)
        self._after: dict[tuple[int, ...], int] = {}
        self._known = 0

    def guess(self, drawn: Sequence[int], most: int) -> list[int]:
        """Up to `most` tokens that followed the last occurrence of the sequence's last tokens; none if they are new.

        Args:
            drawn: all tokens after the prompt; at every call those of the call before, and more.
            most: of the guess.
        """
        tokens = self._tokens
        tokens += drawn[len(tokens) - self._prompt :]
        # what ends at the last token has no token after it yet
        for stop in range(max(self._known, _SHORTEST), len(tokens)):
            for size in range(_SHORTEST, min(_LONGEST, stop) + 1):
                self._after[tuple(tokens[stop - size : stop])] = stop
        self._known = len(tokens)
        for size in range(min(_LONGEST, len(tokens)), _SHORTEST - 1, -1):
            place = self._after.get(tuple(tokens[-size:]))
            if place is not None:
                guess: list[int] = []
                for number in range(place, place + most):  # past the end, what is guessed goes on repeating
                    guess.append(tokens[number] if number < len(tokens) else guess[number - len(tokens)])
                return guess
        return []
