"""Shapes of known language models, enough to count parameters and cached bytes without loading anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from darkhorse.errors import UserError


@dataclass(frozen=True)
class ModelShape:
    """A Llama-style decoder: grouped-query attention and a gated feed-forward layer.

    Attributes:
        layers: decoder layers.
        hidden: width of the residual stream.
        intermediate: width of the feed-forward layer.
        heads: query heads.
        kv_heads: key-value heads.
        head: width of one head.
        vocabulary: rows of the embedding.
        tied: whether the output head shares the embedding.
        attention_bias: whether query, key and value projections have a bias.
        qk_norm: whether queries and keys are normalised, each by a vector of a head's width.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool
    attention_bias: bool
    qk_norm: bool = False

    @property
    def parameters(self) -> int:
        """Number of weights."""
        projected = (self.heads + 2 * self.kv_heads) * self.head
        attention = self.hidden * projected + self.heads * self.head * self.hidden
        bias = projected if self.attention_bias else 0
        norms = 2 * self.hidden + (2 * self.head if self.qk_norm else 0)
        layer = attention + bias + 3 * self.hidden * self.intermediate + norms
        embeddings = (1 if self.tied else 2) * self.vocabulary * self.hidden
        return embeddings + self.layers * layer + self.hidden

    def adapter_parameters(self, rank: int) -> int:
        """Weights of adapters of a rank on every linear layer but the head: `rank` times its inputs and outputs."""
        queries, keys = self.heads * self.head, self.kv_heads * self.head
        attention = 2 * (self.hidden + queries) + 2 * (self.hidden + keys)
        return rank * self.layers * (attention + 3 * (self.hidden + self.intermediate))

    @property
    def cache_values_per_token(self) -> int:
        """Keys and values one token leaves in the cache."""
        return 2 * self.layers * self.kv_heads * self.head


# From the models' published config.json files.
SHAPES = {
    "smollm2-135m": ModelShape(30, 576, 1536, 9, 3, 64, 49152, tied=True, attention_bias=False),
    "qwen2.5-0.5b": ModelShape(24, 896, 4864, 14, 2, 64, 151936, tied=True, attention_bias=True),
    "qwen2.5-1.5b": ModelShape(28, 1536, 8960, 12, 2, 128, 151936, tied=True, attention_bias=True),
    "qwen3-0.6b": ModelShape(28, 1024, 3072, 16, 8, 128, 151936, tied=True, attention_bias=False, qk_norm=True),
    "qwen2.5-32b": ModelShape(64, 5120, 27648, 40, 8, 128, 152064, tied=False, attention_bias=True),
}


def shape_of(name: str) -> ModelShape | None:
    """The shape of a model by hub id, name or local folder; None when it is not known without loading it.

    Raises:
        UserError: if a folder's config.json cannot be understood.
    """
    config = Path(name) / "config.json"
    if config.is_file():
        return _read(config)
    return SHAPES.get(name.rsplit("/", 1)[-1].lower().removesuffix("-instruct"))


def _read(path: Path) -> ModelShape:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        heads = int(config["num_attention_heads"])
        return ModelShape(
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            intermediate=int(config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head=int(config.get("head_dim") or config["hidden_size"] // heads),
            vocabulary=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            attention_bias=bool(config.get("attention_bias", config.get("model_type") == "qwen2")),
            qk_norm=config.get("model_type") == "qwen3",
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} does not describe a decoder ({type(error).__name__}: {error}).",
            "Set model.name to a Hugging Face model folder.",
        ) from None
