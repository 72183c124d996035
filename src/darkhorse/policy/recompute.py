"""Gradient checkpointing: what a layer computed is computed anew in the backward pass instead of being kept."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from darkhorse.policy.attention import attention_plan, current_plan


def recompute_layers(model: PreTrainedModel, enable: bool = True) -> None:
    """Keep only each layer's input in passes with gradients, or everything again.

    Transformers' own switch asks for training mode, in which layers drop out; this one does not.

    Raises:
        ValueError: if the architecture has no layers that can be recomputed.
    """
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if enable and not layers:
        raise ValueError(f"{type(model).__name__} does not support gradient checkpointing")
    for layer in layers:
        if enable:
            layer.__dict__["forward"] = partial(_recomputed, layer)
        else:
            layer.__dict__.pop("forward", None)


def _recomputed(layer: nn.Module, *args: Any, **kwargs: Any) -> Any:
    forward = partial(type(layer).forward, layer)
    if not torch.is_grad_enabled():
        return forward(*args, **kwargs)
    # there is no dropout, so no random state has to be put back
    return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, context_fn=_contexts, **kwargs)


def _contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """For the pass, and for the one in the backward pass, when the plan is no longer in force."""
    return nullcontext(), attention_plan(current_plan())
