"""Settings given on the command line: `--stage.reason.learning-rate 1e-6`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkhorse.errors import UserError

_FORM = "Settings are written as --stage.reason.steps 20."


@dataclass(frozen=True)
class Override:
    """One setting from the command line.

    Attributes:
        keys: the path as typed, e.g. `("stage", "reason", "learning-rate")`; list entries are numbers.
        text: the value as typed.
    """

    keys: tuple[str, ...]
    text: str

    @property
    def value(self) -> Any:
        """The text read as a TOML number, boolean, string, array or inline table; the text itself if it is none."""
        try:
            parsed = tomllib.loads(f"value = {self.text}")
        except tomllib.TOMLDecodeError:
            return self.text
        value = parsed["value"]
        return (
            value
            if parsed.keys() == {"value"} and isinstance(value, (bool, int, float, str, list, dict))
            else self.text
        )


def parse_overrides(arguments: Sequence[str]) -> list[Override]:
    """Read `--key value` and `--key=value` from command-line words, in order.

    Raises:
        UserError: if a word is no setting, or a setting has no value.
    """
    overrides = []
    words = iter(arguments)
    for word in words:
        if not word.startswith("--") or not word.strip("-="):
            raise UserError(f"Unexpected argument '{word}'.", _FORM)
        name, equals, text = word[2:].partition("=")
        if not equals:
            following = next(words, None)
            if following is None or following.startswith("--"):
                raise UserError(f"--{name} has no value.", _FORM)
            text = following
        overrides.append(Override(tuple(name.split(".")), text))
    return overrides


def apply_override(data: dict[str, Any], override: Override, as_text: bool = False) -> tuple[str, ...]:
    """Set one value inside a recipe's data, creating tables on the way.

    Args:
        data: the recipe's tables; changed in place.
        override: what to set.
        as_text: keep the value as typed instead of reading it as TOML.

    Returns:
        The path that was set, in the recipe's own spelling.

    Raises:
        UserError: if the path leads through a plain value or past the end of a list.
    """
    place: Any = data
    path: list[str] = []
    for position, key in enumerate(override.keys):
        if not isinstance(place, (dict, list)):
            raise UserError(
                f"--{'.'.join(override.keys)}: {'.'.join(path)} is {place!r}, which has no settings inside.", _FORM
            )
        step: Any = _index(place, key, path) if isinstance(place, list) else _spelling(place, key)
        path.append(str(step))
        if position == len(override.keys) - 1:
            place[step] = override.text if as_text else override.value
        elif isinstance(place, dict):
            place = place.setdefault(step, {})
        else:
            place = place[step]
    return tuple(path)


def _spelling(table: dict[str, Any], key: str) -> str:
    """A key as the table has it; kebab case becomes snake case."""
    return key if key in table else key.replace("-", "_")


def _index(entries: list[Any], key: str, path: list[str]) -> int:
    if key.isdecimal() and int(key) < len(entries):
        return int(key)
    raise UserError(
        f"{'.'.join(path)} has no entry '{key}'.",
        f"It has {len(entries)}, numbered from 0." if entries else "It is empty.",
    )
