"""Rotary embedding by the compiled operation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from darkhorse.policy import small_operations as operations
from darkhorse.policy.native import differentiable

_NAME = "apply_rotary_pos_emb"
"""What Transformers' modelling files call the function that turns queries and keys."""
_Function: TypeAlias = Callable[..., tuple[Tensor, Tensor]]


class _Rotary:
    """Stands for a modelling file's function, and computes what it does."""

    def __init__(self, function: _Function) -> None:
        self._function = function
        self._turns_halves = _turns_halves(function)

    def __call__(self, q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, *args: Any, **kwargs: Any) -> Any:
        plain = not args and not kwargs and cos.dim() == 3 and len(q) == len(cos) == 1 and cos.shape[-1] == q.shape[-1]
        if not plain or not self._turns_halves or not operations.serves(q, k, cos, sin):
            return self._function(q, k, cos, sin, *args, **kwargs)
        turn = differentiable.rotation if torch.is_grad_enabled() else operations.rotate
        return tuple(turn(rows[0], cos[0], sin[0])[None] for rows in (q, k))


@torch.no_grad()
def _turns_halves(function: _Function) -> bool:
    """Whether a function takes the halves of a head's channels for the coordinates."""
    query, key, cos, sin = torch.linspace(-2, 3, 4 * 24).view(4, 1, 2, 3, 4)
    first, second = query.chunk(2, -1)
    expected = query * cos[:, :1] + torch.cat([-second, first], -1) * sin[:, :1]
    try:
        return torch.equal(function(query, key, cos[:, 0], sin[:, 0])[0], expected)
    except (RuntimeError, TypeError, ValueError, IndexError):
        return False


def use_compiled_rotary(model: nn.Module) -> None:
    """Have the modelling files of a model turn queries and keys by the compiled operation where it applies."""
    for file in {type(module).__module__ for module in model.modules()}:
        function = getattr(sys.modules.get(file), _NAME, None)
        if callable(function) and not isinstance(function, _Rotary):
            setattr(sys.modules[file], _NAME, _Rotary(function))
