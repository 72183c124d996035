"""How completions are sampled."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from darkhorse.config.base import Settings


class SamplingConfig(Settings):
    """Settings of one sampling run."""

    temperature: float = Field(default=1.0, ge=0.0)
    """Softmax temperature; 0 is greedy."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Nucleus: smallest set of tokens whose probability reaches this share."""
    top_k: int = Field(default=0, ge=0)
    """Keep the k likeliest tokens; 0 keeps all."""
    min_p: float = Field(default=0.0, ge=0.0, le=1.0)
    """Drop tokens less likely than this share of the likeliest one."""
    presence_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    """Taken from the logits of tokens the completion already holds; QwQ's authors suggest 0 to 2 where a model
    repeats itself without end. Leave it 0 in training."""
    max_completion_length: int = Field(default=128, ge=1)
    """Most tokens the model may sample in one turn."""


class EngineConfig(Settings):
    """`[engine]`"""

    type: Literal["local"] = "local"
    """`local` samples from the trainer's own weights in the same process."""
    max_sequences: int = Field(default=96, ge=1)
    """Most sequences decoded at once; waiting ones take the slots of finished ones."""
    cache_gib: float | None = Field(default=None, gt=0)
    """About the most memory for keys and values of sequences being decoded, in GiB; unset, a third of the machine's or
    graphics processor's. A prompt waits until there is room for its completions at full length."""
    lanes: int = Field(default=1, ge=1)
    """Shares of the sequences decoded beside each other, each on its part of the processor's threads (at most one for
    each thread); 2 saves a small model on a CPU the time that a single lane leaves idle."""
    min_sequences_per_lane: int = Field(default=64, ge=1)
    """Fewest sequences a lane is opened for. A few decode faster on all threads than in lanes, which each read all
    weights at every step and wait for one another in Python."""


class AgentConfig(Settings):
    """`[agent]`: episodes in which the model calls tools."""

    max_turns: int = Field(default=4, ge=1)
    """Most assistant turns in one episode."""
    max_tool_output: int = Field(default=400, ge=1)
    """Characters of a tool's output shown to the model; the rest is cut."""
