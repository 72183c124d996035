"""Memory that is kept when it is freed, and handed out again."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

_SPARE = 1.5
"""A free buffer serves what is at most so many times smaller."""


class Buffers:
    """Memory for keys and values: blocks of a cache come, grow and go all the time, and memory faults in page by page
    whenever it is fresh.

    Args:
        dtype, device: of the buffers.
        most: elements beyond which free buffers are let go; None keeps them all. It may be set anew.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device, most: int | None = None) -> None:
        self.dtype, self.device, self.most = dtype, device, most
        self._free: list[Tensor] = []
        self._used = 0

    @property
    def held(self) -> int:
        """Elements of all buffers, free ones included."""
        return self._used + sum(map(len, self._free))

    def take(self, shape: tuple[int, ...]) -> Tensor:
        """A contiguous tensor of finite values, on the smallest free buffer that is not much too large."""
        size = prod(shape)
        fitting = [place for place, buffer in enumerate(self._free) if size <= len(buffer) <= _SPARE * size]
        if fitting:
            buffer = self._free.pop(min(fitting, key=lambda place: len(self._free[place])))
        else:
            self._free = [buffer for buffer in self._free if len(buffer) > size]  # too small for what comes now
            while self._free and self.most is not None and self.held + size > self.most:
                self._free.pop(0)
            # zeros: what lies behind a sequence's end gets a weight of zero, and must be finite for that
            buffer = torch.zeros(size, dtype=self.dtype, device=self.device)
        self._used += len(buffer)
        return buffer[:size].view(shape)

    def give(self, tensor: Tensor) -> None:
        """Take a tensor back that `take` gave, with all of the buffer it lies on."""
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        self._used -= size
        self._free.append(tensor.as_strided((size,), (1,), 0))

    def let_go(self) -> None:
        """Hold no free buffers any more."""
        self._free.clear()
