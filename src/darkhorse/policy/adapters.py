"""Low-rank adapters (Hu et al. 2021, "LoRA", arXiv 2106.09685): few weights are trained, the others stand still.

The layers are those of the `peft` library. What is sampled with and what is saved are the plain model's weights with
the adapters added to them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from darkhorse.config.stages import LoraConfig
from darkhorse.errors import UserError, missing_extra
from darkhorse.policy.projections import Projection

_NAME = "default"


@contextmanager
def training_adapters(model: PreTrainedModel, settings: LoraConfig | None) -> Iterator[None]:
    """Train adapters on the model inside the block, and nothing else; they are added to its weights at the end.

    Args:
        model: changed in place.
        settings: of the adapters; without them the block changes nothing.

    Raises:
        UserError: if `peft` is not installed, or the model has none of the layers named.
    """
    if settings is None:
        yield
        return
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        add_adapters(model, settings)
        yield
    finally:
        merge_adapters(model)
        for parameter in trained:
            parameter.requires_grad_()


def require_peft() -> None:
    """Complain before anything runs.

    Raises:
        UserError: if `peft` is not installed.
    """
    if importlib.util.find_spec("peft") is None:
        raise missing_extra("peft", "lora", "Training adapters (lora)")


def add_adapters(model: PreTrainedModel, settings: LoraConfig) -> None:
    """Freeze the model and put adapters that change nothing yet on its layers; arguments as in `training_adapters`."""
    require_peft()
    import peft

    targets = settings.target_modules if settings.target_modules is not None else "all-linear"
    config = peft.LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM"
    )
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            peft.inject_adapter_in_model(config, model, _NAME)
        except ValueError as error:
            raise UserError(
                f"lora.target_modules: {targets} cannot be found in {type(model).__name__}.",
                "Name linear layers of the model, for example ['q_proj', 'v_proj'], or leave it unset.",
            ) from error
    for layer in _adapted(model):
        for part in (layer.lora_A, layer.lora_B):
            nn.Module.to(part, dtype=layer.base_layer.weight.dtype)


@torch.no_grad()
def merge_adapters(model: PreTrainedModel) -> None:
    """Add the adapters to the weights they stand on, and take them off."""
    for name, layer in list(model.named_modules()):
        if _is_adapted(layer):
            parent, _, child = name.rpartition(".")
            layer.base_layer.weight.copy_(merged_weight(layer))
            setattr(model.get_submodule(parent), child, layer.base_layer)
    model.__dict__.pop("peft_config", None)


def linear_weights(model: PreTrainedModel) -> Iterator[tuple[nn.Module, Tensor, Tensor | None]]:
    """Every linear layer with the weight and bias it computes with, adapters included."""
    inside = {id(part) for layer in _adapted(model) for part in layer.modules() if part is not layer}
    for module in model.modules():
        if _is_adapted(module):
            base: Any = module.base_layer
            yield module, merged_weight(module), base.bias
        elif (type(module) is nn.Linear or type(module) is Projection) and id(module) not in inside:
            yield module, module.weight.detach(), module.bias


def merged_state_dict(model: PreTrainedModel) -> dict[str, Tensor] | None:
    """The state of the plain model with the adapters added to its weights; None when it has none."""
    adapted = {name: layer for name, layer in model.named_modules() if _is_adapted(layer)}
    if not adapted:
        return None
    state: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        owner, inside, rest = name.partition(".base_layer.")
        if inside:
            state[f"{owner}.{rest}"] = merged_weight(adapted[owner]) if rest == "weight" else tensor
        elif ".lora_" not in name:
            state[name] = tensor
    return state


@torch.no_grad()
def merged_weight(layer: Any) -> Tensor:
    """`W + scaling * B @ A` of an adapted layer, summed in float32, in the weight's own type."""
    weight: Tensor = layer.base_layer.weight
    dtype = torch.promote_types(weight.dtype, torch.float32)
    delta = layer.lora_B[_NAME].weight.to(dtype) @ layer.lora_A[_NAME].weight.to(dtype)
    merged: Tensor = (weight.to(dtype) + layer.scaling[_NAME] * delta).to(weight.dtype)
    return merged


def _adapted(model: PreTrainedModel) -> list[Any]:
    return [module for module in model.modules() if _is_adapted(module)]


def _is_adapted(module: Any) -> bool:
    return isinstance(getattr(module, "base_layer", None), nn.Linear) and hasattr(module, "lora_A")
