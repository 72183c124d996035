"""Darkhorse: train a small language model to reason, by the recipe behind QwQ-32B."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkhorse.serving.model import Model

__version__ = "0.1.0"


def load(name: str, context: int | None = None, max_sequences: int = 96) -> Model:
    """A model to talk to: `load(name).chat(messages)`; see `darkhorse.serving.model.load`."""
    from darkhorse.serving import model

    return model.load(name, context, max_sequences)
