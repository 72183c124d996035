"""Reading recipes: TOML files, built on one another, with settings from the command line on top."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from darkhorse.config.overrides import apply_override, parse_overrides
from darkhorse.config.problems import explain, path_of
from darkhorse.config.recipe import Recipe
from darkhorse.errors import UserError, did_you_mean


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a TOML file.

    A file may name another one in `base` (a path relative to its own folder); its settings are laid over
    that recipe's, table by table, and its lists replace that recipe's lists.

    Args:
        path: the file.
        overrides: command-line words such as `["--stage.reason.learning-rate", "1e-6"]`, laid on top.

    Raises:
        UserError: if a file is missing or no valid TOML, or a setting is unknown or out of range.
    """
    data = _read(Path(path), ())
    settings = parse_overrides(overrides)
    paths = [apply_override(data, setting) for setting in settings]
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        # A text that happens to read as a number (`--name 7`) is kept as text where the recipe wants text.
        texts = {path_of(detail["loc"], Recipe) for detail in error.errors() if detail["type"] == "string_type"}
        retry = [setting for setting, place in zip(settings, paths, strict=True) if place in texts]
        if not retry:
            raise explain(error, Recipe, data, str(path)) from None
    for setting in retry:
        apply_override(data, setting, as_text=True)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise explain(error, Recipe, data, str(path)) from None


def dump_recipe(recipe: Recipe) -> str:
    """A recipe as TOML, every default written out; settings that are unset are left out."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """The tables of a file laid over those of its base."""
    if path.resolve() in above:
        raise UserError(f"{path} is its own base.", "Remove 'base' from one of the recipes.")
    data = _parse(path)
    base = data.pop("base", None)
    if base is None:
        return data
    if not isinstance(base, str):
        raise UserError(f"{path}: base = {base!r} is no path.", 'Write base = "other.toml".')
    return _merge(_read(path.parent / base, (*above, path.resolve())), data)


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = [str(other) for other in sorted(path.parent.glob("*.toml"))]
        raise UserError(f"There is no recipe at {path}.", did_you_mean(str(path), known)) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(f"Cannot read the recipe {path}: {reason}.", "Give the path of a TOML file.") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} is not valid TOML: {error}.", "Mend that line.") from None


def _merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid on `under`: tables merge, everything else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
