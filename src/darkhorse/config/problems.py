"""Turns pydantic's validation errors into sentences a person can act on."""

from __future__ import annotations

import difflib
import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from darkhorse.errors import UserError, did_you_mean


def explain(error: ValidationError, model: type[BaseModel], data: Any, source: str) -> UserError:
    """One error naming every problem: field path, value found, what is allowed.

    Args:
        error: what pydantic raised.
        model: the model that was validated.
        data: what was validated against it.
        source: where the data came from, e.g. the recipe's path.
    """
    problems = [_sentence(detail, model, data) for detail in error.errors(include_url=False)]
    if len(problems) == 1:
        problem, remedy = problems[0]
        return UserError(f"{source}: {problem}", remedy)
    lines = [f"{source} has {len(problems)} problems:"]
    return UserError("\n".join([*lines, *(f"  {problem} {remedy}".rstrip() for problem, remedy in problems)]))


def path_of(location: tuple[int | str, ...], model: type[BaseModel]) -> tuple[str, ...]:
    """The path of a setting as it is written in a recipe: pydantic's location without the tags of unions."""
    return _walk(location, model)[0]


def _sentence(detail: ErrorDetails, model: type[BaseModel], data: Any) -> tuple[str, str]:
    path, owner, annotation = _walk(detail["loc"], model)
    name, kind, context = ".".join(path), detail["type"], detail.get("ctx", {})
    found = f"{name} = {detail['input']!r}"
    if kind == "extra_forbidden":
        return f"{name} is not a setting.", did_you_mean(path[-1], _fields(owner))
    if kind == "missing":
        return f"{name} is missing.", _meaning(owner, path[-1])
    if kind == "union_tag_not_found":
        others = difflib.get_close_matches(path[-1], _neighbours(data, path), n=1)
        allowed = ", ".join(repr(tag) for tag in _members(annotation))
        return f"{name}.type is missing.", f"Did you mean '{others[0]}'?" if others else f"Allowed: {allowed}."
    if kind == "union_tag_invalid":
        return f"{name}.type = {context['tag']!r} is unknown.", f"Allowed: {context['expected_tags']}."
    if kind == "literal_error":
        return f"{found} is not allowed.", f"Allowed: {context['expected']}."
    if kind == "value_error":
        return f"{found}: {context['error']}." if path else f"{context['error']}.", ""
    return f"{found}: {detail['msg'].replace('Input should', 'it should')}.", _meaning(owner, path[-1])


def _walk(location: tuple[int | str, ...], model: type[BaseModel]) -> tuple[tuple[str, ...], Any, Any]:
    """Follow a location through the types: path without union tags, type that holds its last part, type of that."""
    annotation: Any = model
    owner: Any = model
    path: list[str] = []
    for part in location:
        members = _members(annotation)
        if part in members:
            annotation = members[str(part)]
            continue
        inner = _inner(annotation, part)
        if inner is None:
            break
        path.append(str(part))
        owner, annotation = _bare(annotation), inner
    return tuple(path), owner, annotation


def _bare(annotation: Any) -> Any:
    """A type without `Annotated` and without `None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
        if len(options) == 1:
            return _bare(options[0])
    return annotation


def _members(annotation: Any) -> dict[str, type[BaseModel]]:
    """The models of a union told apart by `type`, by their tag."""
    bare = _bare(annotation)
    if get_origin(bare) not in (Union, types.UnionType):
        return {}
    models = [option for option in map(_bare, get_args(bare)) if _is_model(option)]
    return {get_args(option.model_fields["type"].annotation)[0]: option for option in models}


def _inner(annotation: Any, part: int | str) -> Any:
    """The type of a part of `annotation`; `Any` for parts that are no known setting, None if it has no parts."""
    bare = _bare(annotation)
    if _is_model(bare):
        field = bare.model_fields.get(part)
        return field.annotation if field else Any
    if get_origin(bare) in (list, dict, tuple):
        return get_args(bare)[-1]
    return None


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _neighbours(data: Any, path: tuple[str, ...]) -> list[str]:
    """The other keys of the table that holds a path's last part."""
    for key in path[:-1]:
        data = data[int(key)] if isinstance(data, list) else data[key]
    return [key for key in data if key != path[-1]] if isinstance(data, dict) else []


def _fields(owner: Any) -> list[str]:
    return list(owner.model_fields) if _is_model(owner) else []


def _meaning(owner: Any, field: str) -> str:
    description = owner.model_fields[field].description if field in _fields(owner) else None
    return f"It means: {' '.join(description.split())}" if description else ""
