"""Transposed copies for the processor's matrix unit, which reads rows."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from darkhorse.policy.native import operations
from darkhorse.policy.native.library import library

_OBLONG = 1.5
"""How many times as long as wide a product is that gains by a transposed copy, at least."""


def weight_gradient(grad_TO: Tensor, rows_TC: Tensor) -> Tensor:
    """What flows into the weight of `rows @ weight.T`: `grad.T @ rows`, `[O, C]`.

    The matrix library takes long to read a left factor column by column. Where the processor has a matrix unit, the
    narrower factor is copied, transposed, and the product transposed after it if that was the right one.
    """
    (tokens, outputs), channels = grad_TO.shape, rows_TC.shape[1]
    narrow, wide = sorted((outputs, channels))
    if not (tokens and wide >= _OBLONG * narrow and _transposes(grad_TO) and _transposes(rows_TC)):
        return grad_TO.T @ rows_TC
    if outputs == narrow:
        return transposed(grad_TO) @ rows_TC
    return transposed(transposed(rows_TC) @ grad_TO)


def transposed(rows_TC: Tensor) -> Tensor:
    """`[C, T]`, contiguous; of bfloat16 rows on a processor with a matrix unit."""
    out_CT = torch.empty(rows_TC.shape[::-1], dtype=rows_TC.dtype)
    transpose = operations.compiled("transpose", rows_TC.dtype)
    transpose(out_CT.data_ptr(), rows_TC.data_ptr(), rows_TC.stride(0), *rows_TC.shape)
    return out_CT


def _transposes(rows_TC: Tensor) -> bool:
    on_processor = rows_TC.device.type == "cpu" and rows_TC.dtype == torch.bfloat16
    return on_processor and rows_TC.stride(1) == 1 and has_matrix_unit()


@functools.cache
def has_matrix_unit() -> bool:
    """Whether there is one that compiled operations may use."""
    compiled = library()
    return compiled is not None and bool(compiled.matrix_unit())
