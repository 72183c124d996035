"""Attention swapped through Transformers' registry: the model runs on packed tokens, a plan decides who sees whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_utils import AttentionInterface

NAME = "darkhorse"
_NOT_COMPUTED = ("attn_logit_softcapping", "final_logit_softcapping", "logits_scaling", "logit_scale")


class AttentionPlan(Protocol):
    """Attention over one packed row of `T` tokens; `H` query heads, `K` key-value heads of `D` channels."""

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """Attention output, shape `[T, H, D]`. `window` is the layer's sliding window, None for full attention."""
        ...


class _Plans(threading.local):
    """Each thread's own: several may run the same model at once."""

    def __init__(self) -> None:
        self.stack: list[AttentionPlan] = []


_plans = _Plans()


@contextmanager
def attention_plan(plan: AttentionPlan) -> Iterator[None]:
    """Run the model's forward passes inside the block by this plan."""
    _plans.stack.append(plan)
    try:
        yield
    finally:
        _plans.stack.pop()


def plan_in_force() -> AttentionPlan | None:
    """The plan that attention is computed by; None outside of every `attention_plan`."""
    return _plans.stack[-1] if _plans.stack else None


def current_plan() -> AttentionPlan:
    """The plan in force.

    Raises:
        RuntimeError: if there is none.
    """
    plan = plan_in_force()
    if plan is None:
        raise RuntimeError("packed attention was called outside of an attention_plan")
    return plan


def head_width(config: PretrainedConfig) -> int:
    """Channels of an attention head, which some architectures choose freely."""
    width: int = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return width


def use_packed_attention(model: PreTrainedModel) -> None:
    """Route a model's attention through plans.

    Raises:
        ValueError: if the architecture does not support Transformers' attention registry, or caps or scales its
            logits in a way that plans and chunked log-probabilities do not compute.
    """
    for setting in _NOT_COMPUTED:
        value = getattr(model.config, setting, None)
        if value not in (None, 1.0):
            raise ValueError(f"{type(model).__name__} with {setting} = {value} is not supported")
    model.set_attn_implementation(NAME)
    if model.config._attn_implementation != NAME:
        raise ValueError(f"{type(model).__name__} does not support Transformers' attention registry")


def plain_attention(query: Tensor, key: Tensor, value: Tensor, hiding: Tensor, scaling: float) -> Tensor:
    """Attention as two batched matrix products; the softmax between them accumulates in float32.

    On a CPU this is faster than the fused kernel where queries are few or sequences short: the backward pass twice,
    decoding over dense buffers two to three times.

    Args:
        query: `[B, Q, D]`.
        key, value: `[B, T, D]`.
        hiding: 0 where a query may look and `-inf` where it may not, broadcastable to `[B, Q, T]`.
        scaling: of the scores.

    Returns:
        `[B, Q, D]`.
    """
    scores = torch.baddbmm(hiding, query, key.transpose(1, 2), alpha=scaling)
    return torch.bmm(scores.softmax(-1), value)


def hiding(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to scores so that `hidden` places get no weight."""
    return torch.zeros(hidden.shape, dtype=dtype, device=hidden.device).masked_fill_(hidden, float("-inf"))


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    plan = current_plan()
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    layer = module.layer_idx
    assert isinstance(layer, int)
    return plan.attend(layer, query[0], key[0], value[0], scale, sliding_window)[None], None


AttentionInterface.register(NAME, _attention)
