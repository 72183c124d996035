"""Models to measure with: the embedded one, and models of random weights in the shapes of known ones."""

from __future__ import annotations

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PretrainedConfig, PreTrainedModel

from _peers import OUT
from darkhorse.config.shapes import SHAPES
from darkhorse.policy.device import default_device
from darkhorse.policy.loading import resolve

EMBEDDED = "smollm2-135m"
FAMILIES = {"smollm2-135m": "llama", "qwen2.5-0.5b": "qwen2", "qwen2.5-1.5b": "qwen2", "qwen3-0.6b": "qwen3"}


def model_folder(name: str) -> str:
    """A folder to load: of a model by name, or of random weights where the name is one of `FAMILIES` but the embedded
    model's. The latter is made on first use, with the embedded model's tokenizer.
    """
    if name == EMBEDDED or name not in FAMILIES:
        return resolve(name)
    folder = OUT / "models" / name
    if not (folder / "tokenizer.json").exists():
        AutoTokenizer.from_pretrained(resolve(EMBEDDED)).save_pretrained(folder)
    if not (folder / "config.json").exists():
        random_model(random_config(name)).save_pretrained(folder)
    return str(folder)


def random_config(name: str, vocabulary: int | None = None) -> PretrainedConfig:
    """Of a shape, with its own vocabulary or another."""
    shape = SHAPES[name]
    config: PretrainedConfig = AutoConfig.for_model(
        FAMILIES[name],
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head,
        vocab_size=vocabulary or shape.vocabulary,
        tie_word_embeddings=shape.tied,
    )
    return config


def random_model(config: PretrainedConfig) -> PreTrainedModel:
    """In bfloat16, on the device that trains, the same every time."""
    torch.manual_seed(0)
    with default_device():  # a processor takes a minute to draw half a billion numbers
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    return model.eval()
