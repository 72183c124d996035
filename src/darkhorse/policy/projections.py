"""Linear layers that read the same rows, computed as one product and without a second copy of their weights."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from darkhorse.policy.again import to_keep
from darkhorse.policy.native.transposing import weight_gradient

_FAMILIES = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""What Transformers' models call the layers that read the same rows, by the module that holds them."""


def families(model: nn.Module) -> Iterator[list[nn.Module]]:
    """Layers of a model that read the same rows, in the order in which they are called."""
    for parent in model.modules():
        children = dict(parent.named_children())
        for names in _FAMILIES:
            if all(name in children for name in names):
                yield [children[name] for name in names]


class _Held(threading.local):
    """Of each thread: the last product, the rows it was computed from, and its parts that nobody has taken yet."""

    def __init__(self) -> None:
        self.product: Together | None = None
        self.rows: Tensor | None = None
        self.parts: list[Tensor | None] = []


_held = _Held()


class Together:
    """One product that serves several layers as they are called in turn with the same rows.

    Args:
        product: of rows, in the layers' parts.
    """

    def __init__(self, product: Callable[[Tensor], Sequence[Tensor]]) -> None:
        self._product = product

    def part(self, place: int, rows: Tensor) -> Tensor:
        """The part of the layer at a place; computed with all others unless it is already there."""
        held = _held
        if held.product is not self or held.rows is not rows or held.parts[place] is None:
            held.product, held.rows, held.parts = self, rows, list(self._product(rows))
        part = held.parts[place]
        assert part is not None
        held.parts[place] = None
        if not any(other is not None for other in held.parts):
            held.product, held.rows, held.parts = None, None, []
        return part


class _Joined(torch.autograd.Function):
    """`rows @ weight.T + bias` in parts; the gradients of weight and bias go to the views of them that are trained."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight_OC: Tensor, bias_O: Tensor | None, sizes: list[int], *views: Tensor
    ) -> tuple[Tensor, ...]:
        kept, ctx.again = to_keep(rows)
        ctx.save_for_backward(kept, weight_OC)
        ctx.sizes = sizes
        parts: tuple[Tensor, ...] = F.linear(rows, weight_OC, bias_O).split(sizes, -1)
        return parts

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        kept, weight_OC = ctx.saved_tensors
        grad = _side_by_side(grads)
        needed, count = ctx.needs_input_grad, len(ctx.sizes)
        grad_rows = grad @ weight_OC if needed[0] else None
        of_views: list[Tensor | None] = [None] * (len(needed) - 4)
        grad_TO = grad.flatten(0, -2)
        if any(needed[4 : 4 + count]):
            rows = kept if ctx.again is None else ctx.again(kept)
            of_views[:count] = weight_gradient(grad_TO, rows.flatten(0, -2)).split(ctx.sizes)
        if any(needed[4 + count :]):
            of_views[count:] = grad_TO.sum(0).split(ctx.sizes)
        return grad_rows, None, None, None, *of_views


def _side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Parts of rows as whole rows; without a copy where they lie so in memory."""
    first, width = parts[0], sum(part.shape[-1] for part in parts)
    place, memory = first.data_ptr(), first.untyped_storage().data_ptr()
    for part in parts:
        lies_there = part.data_ptr() == place and part.untyped_storage().data_ptr() == memory
        if not lies_there or part.stride()[-2:] != (width, 1):
            return torch.cat(list(parts), -1)
        place += part.shape[-1] * part.element_size()
    return first.as_strided((*first.shape[:-1], width), first.stride())


_joined_product: Callable[..., tuple[Tensor, ...]] = _Joined.apply


class Projection(nn.Linear):
    """A linear layer whose weight and bias are views of its family's, for as long as nothing moves them elsewhere."""

    _family: _Family
    _place: int

    def join(self, family: _Family, place: int) -> None:
        """Become part of a family."""
        self._family, self._place = family, place

    def forward(self, input: Tensor) -> Tensor:
        """What `nn.Linear` computes."""
        if self.weight.data_ptr() != self._family.address(self._place):
            return super().forward(input)
        return self._family.together.part(self._place, input)


class _Family:
    """Layers whose weights lie one behind the other in memory."""

    def __init__(self, members: Sequence[nn.Linear]) -> None:
        self.together = Together(self._product)
        self._sizes = [member.out_features for member in members]
        self._views = [member.weight for member in members]
        self._weight_OC = _joined(self._views)
        self._bias_O = None
        if members[0].bias is not None:
            biases = [member.bias for member in members]
            self._bias_O = _joined(biases)
            self._views += biases
        for place, member in enumerate(members):
            member.__class__ = Projection
            assert isinstance(member, Projection)
            member.join(self, place)

    def address(self, place: int) -> int:
        """Where a member's weight begins."""
        before = sum(self._sizes[:place]) * self._weight_OC.shape[1]
        return self._weight_OC.data_ptr() + before * self._weight_OC.element_size()

    def _product(self, rows: Tensor) -> Sequence[Tensor]:
        return _joined_product(rows, self._weight_OC, self._bias_O, self._sizes, *self._views)


@torch.no_grad()
def _joined(parameters: Sequence[Tensor]) -> Tensor:
    """One tensor of all of them, of which they become views."""
    whole = torch.cat(list(parameters))
    for parameter, view in zip(parameters, whole.split([len(parameter) for parameter in parameters]), strict=True):
        parameter.data = view
    return whole


def share_projections(model: PreTrainedModel) -> None:
    """Lay the weights of layers that read the same rows one behind the other, and compute such layers as one product.

    The model's parameters, their names and their values stay as they are.
    """
    for members in families(model):
        linears = [member for member in members if type(member) is nn.Linear]
        kinds = {(m.in_features, m.weight.dtype, m.weight.device, m.bias is None) for m in linears}
        if len(linears) == len(members) and len(kinds) == 1:
            _Family(linears)
