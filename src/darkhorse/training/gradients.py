"""Gradients of a step's passes, summed in float32 and in the passes' order, whichever of them ends first."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from darkhorse.policy.memory import zeros_beside
from darkhorse.policy.native import operations
from darkhorse.training.masters import full_type


class GradientSum:
    """The sum of the gradients of an optimizer step, by parameter.

    What passes beside each other found is kept as they gave it until there is more to come, so that a step of one pass
    a lane holds no sum beside its addends.

    Args:
        parameters: that get gradients.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = parameters
        self._sums: dict[Tensor, Tensor] = {}
        self._found: dict[int, Mapping[Tensor, Tensor]] = {}  # by pass
        self._summed = 0  # passes
        self._lock = threading.Lock()

    @property
    def passes(self) -> int:
        """How many were put in since `clear`."""
        return self._summed + len(self._found)

    def add(self, parameter: Tensor, gradient: Tensor) -> None:
        """Add a gradient at once."""
        if not self._sums:
            zeros = zeros_beside(self._parameters, [full_type(each) for each in self._parameters])
            self._sums = dict(zip(self._parameters, zeros, strict=True))
        operations.add_into(self._sums[parameter], gradient.reshape(-1))

    def put(self, number: int, gradients: Mapping[Tensor, Tensor]) -> None:
        """Take the gradients of a pass. From any thread.

        Args:
            number: of the pass since `clear`, from 0.
            gradients: by parameter; kept as they are.
        """
        self._found[number] = gradients

    def make_room(self) -> None:
        """Sum up what has come in, up to the first pass that is missing, unless another thread does so now."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            while self._summed in self._found:
                for parameter, gradient in self._found.pop(self._summed).items():
                    self.add(parameter, gradient)
                self._summed += 1
        finally:
            self._lock.release()

    def of(self, parameter: Tensor, piece: slice = slice(None)) -> Tensor:
        """What lies in a piece of a parameter's sum over all passes, flat, in float32 at least. Not to be changed."""
        if self._sums:
            self.make_room()
        in_order = [self._sums, *(gradients for _, gradients in sorted(self._found.items()))]
        addends = [held[parameter].reshape(-1)[piece] for held in in_order if parameter in held]
        dtype = full_type(parameter)
        if not addends:
            return torch.zeros_like(parameter.detach().view(-1)[piece], dtype=dtype)
        total, *more = addends
        if more or total.dtype != dtype:
            total = total.to(dtype, copy=True)
        for addend in more:
            operations.add_into(total, addend)
        return total

    def clear(self) -> None:
        """Start the next step."""
        self._sums.clear()
        self._found.clear()
        self._summed = 0
