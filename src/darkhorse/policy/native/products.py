"""Products of bfloat16 rows and weights that were laid out for the processor beforehand."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from darkhorse.policy.native.library import library
from darkhorse.policy.native.operations import as_rows, serves


class PackedWeight:
    """A linear layer's weight and bias, copied in the layout in which this processor multiplies them fastest.

    Args:
        weight_OC: see `packs`.
        bias_O: rounded to the weight's type.

    Attributes:
        packed: the weight.
        bias_O: see above.
        outputs, channels: of the weight.
    """

    def __init__(self, weight_OC: Tensor, bias_O: Tensor | None) -> None:
        outputs, channels = weight_OC.shape
        block, multiple = _block()
        pairs = -(-channels // multiple) * multiple // 2
        self.packed = torch.empty(-(-outputs // block), pairs, block, 2, dtype=weight_OC.dtype)
        self.bias_O = None if bias_O is None else bias_O.detach().to(weight_OC.dtype, copy=True)
        self.outputs, self.channels = outputs, channels
        compiled = library()
        assert compiled is not None
        self._multiply = compiled.multiply
        compiled.pack(self.packed.data_ptr(), weight_OC.data_ptr(), outputs, channels, *weight_OC.stride())

    def product(self, rows: Tensor) -> Tensor:
        """`rows @ weight_OC.T + bias_O`, summed in float32. What a row gives does not depend on the others.

        Raises:
            ValueError: they are not bfloat16 rows of as many channels as the weight has.
        """
        if rows.dtype != torch.bfloat16 or rows.shape[-1] != self.channels:
            raise ValueError(f"rows of {self.channels} bfloat16 channels expected, not {rows.dtype} {[*rows.shape]}")
        rows_TC = as_rows(rows)
        out = torch.empty(*rows.shape[:-1], self.outputs, dtype=rows.dtype)
        where = out.data_ptr(), rows_TC.data_ptr(), rows_TC.stride(0), self.packed.data_ptr()
        bias = 0 if self.bias_O is None else self.bias_O.data_ptr()
        self._multiply(*where, bias, len(rows_TC), self.channels, self.outputs)
        return out


def packs(weight_OC: Tensor) -> bool:
    """Whether there is a layout in which products with such a weight are faster here than the matrix library's."""
    return weight_OC.dtype == torch.bfloat16 and weight_OC.shape[1] % 2 == 0 and serves(weight_OC) and _block()[0] > 0


@functools.cache
def _block() -> tuple[int, int]:
    """Outputs that lie together in a packed weight, 0 where the processor lacks the instructions; and channels of which
    it has a multiple.
    """
    compiled = library()
    return (int(compiled.product_outputs()), int(compiled.product_channels())) if compiled else (0, 1)
