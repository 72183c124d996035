"""Where tasks come from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from darkhorse.config.base import Settings

SyntheticSuite = Literal[
    "mathematics", "programming", "instructions", "composed", "function_calls", "tools", "preference",
    "replies", "calculation", "database", "retrieval", "service", "debugging", "feedback",
]  # fmt: skip
ImportFormat = Literal["darkhorse", "trl", "verl"]


class _Source(Settings):
    weight: float = Field(default=1.0, gt=0)
    """Share of the mixture, relative to the other sources of the stage."""


class SyntheticSource(_Source):
    """Endless generated tasks with exact truths and worked demonstrations."""

    type: Literal["synthetic"] = "synthetic"
    suite: SyntheticSuite
    """Which family of generators."""
    kinds: list[str] = Field(default_factory=list)
    """Names of the generators to use; all of the suite when empty."""
    min_level: int = Field(default=1, ge=1)
    """Lowest difficulty drawn."""
    max_level: int = Field(default=2, ge=1)
    """Highest difficulty drawn; clipped to each generator's ladder."""


class _Rows(_Source):
    format: ImportFormat = "darkhorse"
    """Shape of the rows: `prompt, verifier, truth` (+ `completion`); TRL's `prompt` plus columns; or verl's."""
    verifier: str | None = None
    """Verifier for rows that name none (TRL) or to override the one mapped from verl's data source."""
    truth_column: str | None = None
    """Column that holds the truth in TRL rows."""


class FileSource(_Rows):
    """Rows of a local `.jsonl`, `.json` or `.parquet` file."""

    type: Literal["file"] = "file"
    path: str
    """Path of the file; relative to the working folder."""


class HubSource(_Rows):
    """Rows of a data set on the Hugging Face hub (extra `hub`)."""

    type: Literal["hub"] = "hub"
    name: str
    """Data set id, e.g. `openai/gsm8k`."""
    subset: str | None = None
    """Configuration of the data set."""
    split: str = "train"
    """Split to load."""


class ReasoningGymSource(_Source):
    """A `reasoning-gym` data set by name (extra `reasoning-gym`)."""

    type: Literal["reasoning_gym"] = "reasoning_gym"
    dataset: str
    """Name of the data set, e.g. `leg_counting`."""
    size: int = Field(default=1000, ge=1)
    """Number of items generated."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Settings passed to the data set."""
    attempts: int = Field(default=0, ge=0)
    """Play it as a game (environment `text_game`): so many answers may be tried out with the tool `submit`, which says
    how the scorer finds them; 0 asks for the answer at once."""


SourceConfig = Annotated[SyntheticSource | FileSource | HubSource | ReasoningGymSource, Field(discriminator="type")]
