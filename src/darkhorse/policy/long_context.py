"""Sequences beyond the window a model was trained on, by YaRN (Peng et al. 2023, arXiv:2309.00071)."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedModel

from darkhorse.errors import UserError


def window(config: Any) -> int | None:
    """Most tokens that a model is made for, as it stands; None where its configuration does not say."""
    positions: int | None = getattr(config, "max_position_embeddings", None)
    return positions


def yarn(config: Any, positions: int) -> dict[str, Any] | None:
    """`rope_parameters` that stretch a model to so many positions; None within its own window.

    Raises:
        UserError: if the model's rotary embedding is not a plain one.
    """
    native = window(config)
    if native is None or positions <= native:
        return None
    rope: Any = getattr(config, "rope_parameters", None)
    if not isinstance(rope, dict) or rope.get("rope_type") != "default":
        kind = rope.get("rope_type", "one for each kind of layer") if isinstance(rope, dict) else "none"
        raise UserError(
            f"A context of {positions} tokens is beyond the model's window of {native}, and YaRN cannot stretch its "
            f"position embedding ({kind}).",
            f"Ask for at most {native}.",
        )
    return {
        **rope,
        "rope_type": "yarn",
        "factor": positions / native,
        "original_max_position_embeddings": native,
    }


def extend_context(model: PreTrainedModel, positions: int) -> None:
    """Stretch a model's rotary embedding to more positions, by YaRN; does nothing within its window.

    The factor is fixed, so short texts are read a little differently too: QwQ's authors advise it only where long
    ones are needed.

    Raises:
        UserError: if the model's rotary embedding is not a plain one.
    """
    config: Any = model.config
    parameters = yarn(config, positions)
    if parameters is None:
        return
    config.rope_parameters = parameters
    config.max_position_embeddings = positions
    for name, module in list(model.named_modules()):
        before, _, last = name.rpartition(".")
        if last == "rotary_emb":
            model.get_submodule(before).rotary_emb = type(module)(config=config).to(model.device)
