"""Tensors that are sooner computed again in the backward pass than kept for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

Compute: TypeAlias = Callable[[Tensor], Tensor]
_RECIPE = "_computed_from"


def computed(compute: Compute, source: Tensor, made: Tensor) -> Tensor:
    """Note on a tensor that `compute`, which takes little time, made it from a source that is kept anyhow.

    Returns:
        The tensor.
    """
    setattr(made, _RECIPE, (compute, source))
    return made


def to_keep(tensor: Tensor) -> tuple[Tensor, Compute | None]:
    """What to keep of a tensor for the backward pass, and how it comes from that; None where it is the tensor."""
    compute, source = getattr(tensor, _RECIPE, (None, tensor))
    return source, compute
