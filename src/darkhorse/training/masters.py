"""Weights in float32 beside a model that computes in bfloat16, without a second copy of its half of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from darkhorse.policy.memory import zeros_beside
from darkhorse.policy.native import operations

_HALF = 16
_PIECE = 1 << 20
_ALL = slice(None)


def full_type(parameter: Tensor) -> torch.dtype:
    """What a parameter's gradients are summed and its weights kept in: float32 at least."""
    return torch.promote_types(parameter.dtype, torch.float32)


class Master:
    """A trained weight in full: what the model computes with, and what that leaves out.

    The bits of a bfloat16 number are the upper half of a float32 number's, so that 16 bits beside each weight make it
    whole (Kalamkar et al. 2020, arXiv 2005.04680, "Split-SGD-BF16"; rounded here, to nearest with ties away from
    zero, where they cut off). A weight in full already is its own master.

    Weights lie flat here, and are dealt with piece by piece: what a step computes on the way then stays small.

    Args:
        parameter: of the model; contiguous.
        rest: 16-bit integers, zeros, as many as weights, for what bfloat16 leaves out; None for any other type.
    """

    def __init__(self, parameter: Tensor, rest: Tensor | None) -> None:
        self._held_N, self._rest_N = parameter.detach().view(-1), rest

    @staticmethod
    def of(parameters: Sequence[Tensor]) -> list[Master]:
        """Of several parameters."""
        halves = [parameter for parameter in parameters if parameter.dtype == torch.bfloat16]
        rests = iter(zeros_beside(halves, [torch.int16] * len(halves)))
        return [Master(p, next(rests) if p.dtype == torch.bfloat16 else None) for p in parameters]

    def pieces(self) -> Iterator[slice]:
        """Where each piece lies."""
        for start in range(0, len(self._held_N), _PIECE):
            yield slice(start, start + _PIECE)

    def halves(self, piece: slice) -> tuple[Tensor, Tensor] | None:
        """What the model holds of weights, and what that leaves out; None where it is all."""
        return None if self._rest_N is None else (self._held_N[piece], self._rest_N[piece])

    def whole(self, piece: slice = _ALL) -> Tensor:
        """Weights in full; the model's own where these are."""
        held_N = self._held_N[piece]
        if self._rest_N is None:
            return held_N
        rest_N = self._rest_N[piece]
        if operations.serves(held_N):
            return operations.join_halves(held_N, rest_N)
        bits_N = held_N.view(torch.int16).to(torch.int32).bitwise_left_shift_(_HALF)
        return bits_N.add_(rest_N).view(torch.float32)

    def set(self, whole_N: Tensor, piece: slice = _ALL) -> None:
        """Give the model weights, and keep what its type leaves out of them."""
        held_N = self._held_N[piece]
        if self._rest_N is None:
            held_N.copy_(whole_N)
            return
        rest_N = self._rest_N[piece]
        if operations.serves(held_N):
            operations.split_halves(whole_N.contiguous(), held_N, rest_N)
            return
        bits_N = whole_N.view(torch.int32)
        upper_N = (bits_N + (1 << (_HALF - 1))).bitwise_right_shift_(_HALF)
        held_N.view(torch.int16).copy_(upper_N)
        rest_N.copy_(bits_N - upper_N.bitwise_left_shift_(_HALF))
