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
    draft_tokens: int = Field(default=7, ge=0)
    """Tokens guessed for a sequence at a step, from where its last ones stood before, while few are decoded on a
    processor; those that are drawn indeed need no step of their own. Samples stay the same. 0 guesses none."""


class McpConfig(Settings):
    """An MCP server (extra `mcp`), asked for as `mcp:NAME` among the tools."""

    command: list[str] = Field(default_factory=list)
    """Program and arguments that start it."""
    url: str | None = None
    """Where it listens, if there is no command (streamable HTTP)."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Longest a call may take."""
    shared: bool = False
    """One connection for all episodes, for a server that keeps nothing between calls; otherwise each has its own."""


class AgentConfig(Settings):
    """`[agent]`: episodes in which the model calls tools."""

    max_turns: int = Field(default=4, ge=1)
    """Most assistant turns in one episode."""
    max_tool_output: int = Field(default=400, ge=1)
    """Characters of a tool's output shown to the model; the rest is cut."""
    max_calls: int = Field(default=16, ge=1)
    """Most calls of one turn that are carried out; the others are answered with an error."""
    max_episode_tokens: int | None = Field(default=None, ge=1)
    """An episode ends rather than begin a turn that could take it beyond so many tokens, prompt included."""
    tool_timeout_s: float = Field(default=120.0, gt=0)
    """A tool that takes longer is taken to be down: the episode goes on, and is abstained on."""
    tool_wait_s: float | None = Field(default=None, ge=0)
    """How long decoding waits for the tools of one episode before it goes on with the others; unset, it waits to the
    end, so that what is decoded together never depends on a tool's speed."""
    force_final_answer: bool = False
    """Ask for the answer with the results before the last turn, and close a thinking that ran into its token limit so
    that an answer still follows (budget forcing)."""
    final_answer_tokens: int = Field(default=64, ge=1)
    """Most tokens of an answer after a thinking that was closed."""
    tools: list[str] = Field(default_factory=lambda: ["calculator", "python"])
    """Tools that can be executed: `calculator`, `python`, `search`, `sql`, `files`, `mcp:NAME`."""
    corpus: str | None = None
    """Folder of text files, or a `.jsonl` file, that `search` looks in; the current folder when unset."""
    database: str | None = None
    """SQLite file that `sql` reads."""
    mcp: dict[str, McpConfig] = Field(default_factory=dict)
    """MCP servers by name."""
