"""Verifiers of other packages, offered under the entry point group `darkhorse.verifiers`.

An entry point's name is the verifier's, its value an `async (task, response, context) -> Verdict`. Its package is
imported when the verifier is first asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from darkhorse.errors import UserError, described

GROUP = "darkhorse.verifiers"


def names() -> list[str]:
    """The names that installed packages offer, sorted; nothing is imported."""
    return sorted(_offered())


def load(name: str, registered: Callable[..., Any] | None = None) -> Any:
    """The verifier called `name`: the one registered, or a plug-in's; None if there is neither.

    Args:
        name: of the verifier.
        registered: what already goes by the name.

    Raises:
        UserError: if the plug-in cannot be imported or is no verifier, or if two go by the name.
    """
    offers = _offered().get(name)
    if offers is None:
        return registered
    if len(offers) > 1:
        packages = " and ".join(f"'{_package(one)}'" for one in offers)
        raise UserError(f"The packages {packages} both offer a verifier named '{name}'.", "Uninstall one of them.")
    verifier = _loaded(name)
    registered_by_itself = registered is verifier
    if registered is not None and not registered_by_itself:
        raise UserError(
            f"The package '{_package(offers[0])}' offers a verifier named '{name}', but there is one already.",
            "Uninstall the package, or ask its authors for another name.",
        )
    return verifier


@cache
def _offered() -> dict[str, list[EntryPoint]]:
    offered: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        known = offered.setdefault(entry.name, [])
        # A package found twice on the path, as an editable install is, offers one verifier.
        if (entry.value, _package(entry)) not in [(other.value, _package(other)) for other in known]:
            known.append(entry)
    return offered


@cache
def _loaded(name: str) -> Any:
    (entry,) = _offered()[name]
    try:
        verifier = entry.load()
    except Exception as error:
        raise UserError(
            f"The verifier '{name}' of the package '{_package(entry)}' cannot be loaded from '{entry.value}': "
            f"{described(error)}",
            "Mend or uninstall the package.",
        ) from error
    if not inspect.iscoroutinefunction(verifier):
        raise UserError(
            f"The verifier '{name}' of the package '{_package(entry)}' is no async function: '{entry.value}'.",
            "It must be an `async (task, response, context) -> Verdict`.",
        )
    return verifier


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "unknown"
