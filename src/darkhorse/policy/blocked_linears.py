"""Linear layers on weights in the layout the CPU's matrix library computes in, for as long as they do not change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from darkhorse.policy.adapters import linear_weights
from darkhorse.policy.native import products
from darkhorse.policy.native.decoder import compiled_decoder
from darkhorse.policy.projections import Together, families

_ROWS_HINT = 64
"""Rows of input that the layout is chosen for: about what a decoding step has."""


class BlockedLinears:
    """A copy of a model's linear weights, adapters added, in the layout that is multiplied fastest here: the compiled
    product's, or else oneDNN's blocked one; layers that read the same rows are one product. With compiled products, the
    layers of a model are compiled calls as a whole; see `CompiledDecoder`.

    The library otherwise rearranges a plain weight at every product, which costs as much as the product itself when
    there are few rows, as in decoding. Results are the same but for the order of sums.

    Args:
        model: whose weights are copied as they are now. Where the library has no such layout (another device or
            number type), nothing is copied and the plain weights serve.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._forwards: dict[nn.Module, Callable[..., Any]] = {}
        self._packed: dict[nn.Module, products.PackedWeight] = {}
        if not has_blocked_layout(model.device):
            return
        with torch.inference_mode():
            plain = {m: (w, b) for m, w, b in linear_weights(model) if w.dtype == torch.bfloat16}
            for members in families(model):
                if all(member in plain for member in members):
                    self._join(members, [plain.pop(member) for member in members])
            for module, (weight, bias) in plain.items():
                self._forwards[module] = self._product(module, weight, bias)
        with self.active():
            decoder = compiled_decoder(model.base_model, self._packed)
        if decoder is not None:
            self._forwards[model.base_model] = decoder.forward

    def _join(self, members: Sequence[nn.Module], parts: Sequence[tuple[Tensor, Tensor | None]]) -> None:
        sizes = [len(weight) for weight, _ in parts]
        biases = [bias if bias is not None else weight.new_zeros(len(weight)) for weight, bias in parts]
        bias = torch.cat(biases) if any(bias is not None for _, bias in parts) else None
        product = self._product(members[0], torch.cat([weight for weight, _ in parts]), bias)
        together = Together(lambda rows: product(rows).split(sizes, -1))
        for place, member in enumerate(members):
            self._forwards[member] = partial(together.part, place)

    def _product(self, first: nn.Module, weight: Tensor, bias: Tensor | None) -> Callable[[Tensor], Tensor]:
        if products.packs(weight):
            self._packed[first] = products.PackedWeight(weight, bias)
            return self._packed[first].product
        return partial(_linear, torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS_HINT), bias)

    @contextmanager
    def active(self) -> Iterator[None]:
        """The model computes on this copy inside the block; without gradients."""
        for module, forward in self._forwards.items():
            module.__dict__["forward"] = forward
        try:
            yield
        finally:
            for module in self._forwards:
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
