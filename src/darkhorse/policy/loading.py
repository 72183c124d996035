"""From a model's name to a policy: weights, tokenizer and renderer, ready to sample and to train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from darkhorse.chat.reasoning import THINK_CLOSE, THINK_OPEN
from darkhorse.chat.renderer import Renderer
from darkhorse.chat.template import install_template
from darkhorse.config.model import ModelConfig
from darkhorse.errors import UserError, did_you_mean
from darkhorse.policy import embedded
from darkhorse.policy.attention import use_packed_attention
from darkhorse.policy.device import default_device
from darkhorse.policy.lean_layers import keep_little
from darkhorse.policy.memory import keep_freed_memory, set_apart_what_is_there
from darkhorse.policy.native.library import library
from darkhorse.policy.native.rotary import use_compiled_rotary
from darkhorse.policy.projections import Projection, share_projections

REASONING_TOKENS = [THINK_OPEN, THINK_CLOSE, "<tool_call>", "</tool_call>"]


@dataclass
class Policy:
    """A model that samples and is trained; both use the same tensors.

    Attributes:
        model: a Hugging Face causal language model with packed attention.
        tokenizer: its tokenizer, carrying QwQ's chat template.
        renderer: messages to tokens and back.
        source: the folder or hub id the weights came from.
    """

    model: PreTrainedModel
    tokenizer: Any
    renderer: Renderer
    source: str


def resolve(name: str) -> str:
    """What to hand to `from_pretrained`: a local folder, a `.gguf` file or a hub id.

    Raises:
        UserError: if nothing has that name.
    """
    if name == embedded.NAME:
        return embedded.resolve_embedded()
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise UserError(f"model.name: there is no file '{name}'.", "Give the path of a .gguf file.")
        return str(path)
    if path.is_dir():
        if not (path / "config.json").exists():
            raise UserError(f"model.name: the folder '{name}' holds no config.json.", "Give a Hugging Face folder.")
        return str(path)
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UserError(
            f"model.name: there is no model '{name}'.",
            f"Give a hub id (owner/name), a local folder, a .gguf file or '{embedded.NAME}'. "
            + did_you_mean(name, [embedded.NAME]),
        )
    return name


def load_gguf(path: Path) -> tuple[PreTrainedModel, Any]:
    """A GGUF file as an ordinary bf16 model and tokenizer."""
    from transformers import GgufConfig

    transformers_logging.disable_progress_bar()
    folder, file = str(path.parent), path.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    return model, tokenizer


def load_quietly() -> None:
    """Keep Transformers from reporting on every model that is loaded."""
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def load_policy(config: ModelConfig, source: str | None = None) -> Policy:
    """Load a policy.

    Args:
        config: the `[model]` table of a recipe.
        source: a checkpoint folder to load instead of `config.name`.

    Raises:
        UserError: if the model does not exist or cannot be loaded.
    """
    load_quietly()
    keep_freed_memory()
    torch.set_flush_denormal(True)  # the moments of rarely seen embeddings decay into denormals, which are slow
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    where = source or resolve(config.name)
    try:
        if where.endswith(".gguf"):
            model, tokenizer = load_gguf(Path(where))
            torch.nn.Module.to(model, dtype=_dtype(config))
        else:
            tokenizer = AutoTokenizer.from_pretrained(where, revision=config.revision)
            model = AutoModelForCausalLM.from_pretrained(where, revision=config.revision, dtype=_dtype(config))
    except (OSError, ValueError) as error:
        raise UserError(
            f"model.name: '{where}' could not be loaded: {str(error).splitlines()[0]}",
            "Give a hub id that this machine can reach, a local Hugging Face folder or a .gguf file.",
        ) from error
    torch.nn.Module.to(model, default_device())
    if config.add_reasoning_tokens and tokenizer.add_tokens(REASONING_TOKENS):
        model.resize_token_embeddings(max(len(tokenizer), model.config.vocab_size))
    prepare_tokenizer(tokenizer)
    try:
        prepare_model(model)
        renderer = Renderer(tokenizer)
    except ValueError as error:
        raise UserError(f"model.name: '{where}' cannot be used: {error}.", "Give another model.") from error
    _take_from_file(model)
    model.eval()  # no dropout, in sampling and training alike
    if model.device.type == "cpu":
        library()  # compiled now, not when the first answer is waited for
    set_apart_what_is_there()
    return Policy(model, tokenizer, renderer, where)


def _take_from_file(model: PreTrainedModel) -> None:
    """Copy weights that lie in a file's mapping, which stays in memory whole, with weights that have moved since, for
    as long as one of them does.
    """
    if model.device.type != "cpu":
        return
    for module in model.modules():
        if not isinstance(module, Projection):  # whose weights have moved
            for weight in module.parameters(recurse=False):
                weight.data = weight.data.clone()


def prepare_model(model: PreTrainedModel) -> None:
    """Have a model compute on packed tokens, layers that read the same rows together, and keep little in training.

    Raises:
        ValueError: if its attention cannot be swapped; see `use_packed_attention`.
    """
    use_packed_attention(model)
    share_projections(model)
    keep_little(model)
    use_compiled_rotary(model)


def load_tokenizer(folder: str, revision: str | None = None) -> Any:
    """A folder's tokenizer with QwQ's chat template and a padding token."""
    tokenizer = AutoTokenizer.from_pretrained(folder, revision=revision)
    prepare_tokenizer(tokenizer)
    return tokenizer


def prepare_tokenizer(tokenizer: Any) -> None:
    """QwQ's chat template, and a padding token where there is none."""
    install_template(tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token


def _dtype(config: ModelConfig) -> torch.dtype:
    return torch.bfloat16 if config.dtype == "bfloat16" else torch.float32
