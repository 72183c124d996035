"""Which checkpoint to start from and how to hold it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from darkhorse.config.base import Settings


class ModelConfig(Settings):
    """`[model]`"""

    name: str = "smollm2-135m"
    """A hub id, a local Hugging Face folder, a `.gguf` file, or the embedded default `smollm2-135m`."""
    revision: str | None = None
    """Branch, tag or commit on the hub; the default branch when unset."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Compute type of weights and activations; the optimizer keeps float32 master weights either way."""
    add_reasoning_tokens: bool = False
    """Add `<think>`, `</think>`, `<tool_call>` and `</tool_call>` as single tokens (grows the embedding)."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads for the model; all cores when unset."""
