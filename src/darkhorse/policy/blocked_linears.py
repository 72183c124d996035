"""Linear layers on weights in the layout the CPU's matrix library computes in, for as long as they do not change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from darkhorse.policy.adapters import linear_weights

_ROWS_HINT = 64
"""Rows of input that the layout is chosen for: about what a decoding step has."""


class BlockedLinears:
    """A copy of a model's linear weights, adapters added, in oneDNN's blocked layout.

    The library otherwise rearranges a plain weight at every product, which costs as much as the product itself when
    there are few rows, as in decoding. Results are the same.

    Args:
        model: whose weights are copied as they are now. Where the library has no such layout (another device or
            number type), nothing is copied and the plain weights serve.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._weights: list[tuple[nn.Module, Tensor, Tensor | None]] = []
        if not has_blocked_layout(model.device):
            return
        with torch.inference_mode():
            for module, weight, bias in linear_weights(model):
                if weight.dtype == torch.bfloat16:
                    blocked = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS_HINT)
                    self._weights.append((module, blocked, bias))

    @contextmanager
    def active(self) -> Iterator[None]:
        """The model computes on this copy inside the block; without gradients."""
        for module, weight, bias in self._weights:
            module.__dict__["forward"] = partial(_linear, weight, bias)
        try:
            yield
        finally:
            for module, _, _ in self._weights:
                module.__dict__.pop("forward", None)  # another copy may have been put away before this one


def _linear(weight: Tensor, bias: Tensor | None, rows: Tensor) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return result


def has_blocked_layout(device: torch.device) -> bool:
    """Whether bfloat16 weights on this device have a layout of the library's own."""
    return (
        device.type == "cpu"
        and torch.backends.mkldnn.is_available()
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )
