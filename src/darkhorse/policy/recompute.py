"""Gradient checkpointing: what a layer computed is computed anew in the backward pass instead of being kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from darkhorse.policy.attention import attention_plan, current_plan


def recompute_layers(model: PreTrainedModel, enable: bool = True) -> None:
    """Keep only each layer's input in training passes, or everything again.

    Raises:
        ValueError: if the architecture has no layers that can be recomputed.
    """
    layers = _layers(model)
    if enable and not layers:
        raise ValueError(f"{type(model).__name__} does not support gradient checkpointing")
    # there is no dropout, so no random state has to be put back
    run = partial(checkpoint, use_reentrant=False, preserve_rng_state=False, context_fn=_contexts)
    for layer in layers:
        layer.gradient_checkpointing = enable
        layer._gradient_checkpointing_func = run  # type: ignore[assignment]  # any attribute of a module


@contextmanager
def recomputed_layers(model: PreTrainedModel) -> Iterator[None]:
    """A pass inside the block recomputes, if the model is set to and the pass has a gradient.

    Transformers' layers ask for that whether they are in training mode, which the model as a whole never is.
    """
    layers = [layer for layer in _layers(model) if layer.gradient_checkpointing] if torch.is_grad_enabled() else []
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False


def _layers(model: PreTrainedModel) -> list[GradientCheckpointingLayer]:
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


def _contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """For the pass, and for the one in the backward pass, when the plan is no longer in force."""
    return nullcontext(), attention_plan(current_plan())
