"""Writes docs/configuration.md from the settings models, so that the page and the code agree.

Run as `python -m darkhorse.config.documentation [--check] [PATH]`.
"""

from __future__ import annotations

import argparse
import json
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from darkhorse.config.recipe import Recipe

PAGE = Path("docs/configuration.md")

_INTRODUCTION = """\
# Configuration

Every setting a recipe may hold. This page is generated from the models in `src/darkhorse/config` by `make docs`.

A recipe is a TOML file. Unknown keys are errors. `base = "other.toml"` lays a recipe over another one: tables merge,
lists and values replace. Any key can be set on the command line, in kebab or snake case; entries of lists are numbered
from 0:

```
darkhorse train recipes/quickstart.toml --stage.reason.learning-rate 1e-6 --stage.reason.tasks.0.max-level 3
```
"""


def render() -> str:
    """The whole page as Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(model) for model in _models(Recipe, []))])


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with `--check` only say whether it is current; returns the exit status."""
    parser = argparse.ArgumentParser(prog="darkhorse.config.documentation", description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=PAGE)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")
    options = parser.parse_args(arguments)
    page = render()
    if not options.check:
        options.path.write_text(page, encoding="utf-8")
        return 0
    if options.path.is_file() and options.path.read_text(encoding="utf-8") == page:
        return 0
    print(f"{options.path} is out of date; run: make docs", file=sys.stderr)
    return 1


def _models(annotation: Any, found: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """Every settings model reachable from a type, in reading order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation not in found:
            found.append(annotation)
            for field in annotation.model_fields.values():
                _models(field.annotation, found)
        return found
    for part in get_args(annotation):
        _models(part, found)
    return found


def _section(model: type[BaseModel]) -> str:
    rows = [_row(name, field) for name, field in model.model_fields.items()]
    head = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {model.__name__}", "", _one_line(model.__doc__ or ""), "", *head, *rows, ""])


def _row(name: str, field: FieldInfo) -> str:
    cells = [f"`{name}`", _type(field.annotation), _default(field), _one_line(field.description or "")]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _type(annotation: Any) -> str:
    """A type in words: `int`, `"a"` or `"b"`, list of ..., a link for a table."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal:
        return ", ".join(f"`{json.dumps(part)}`" for part in parts)
    if origin in (Union, types.UnionType):
        named = [part for part in parts if part is not type(None)]
        return " or ".join(_type(part) for part in named)
    if origin is list:
        return f"list of {_type(parts[0])}"
    if origin is dict:
        return f"table of {_type(parts[1])}"
    if origin is tuple:
        return f"[{', '.join(_type(part) for part in parts)}]"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return "any" if annotation is Any else f"`{annotation.__name__}`"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "unset"
    if isinstance(value, BaseModel) or value == {}:
        return ""
    return f"`{json.dumps(value)}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    raise SystemExit(main())
