"""Rewards that are learned or judged rather than verified."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from darkhorse.config.base import Settings

GuardName = Literal["format", "length", "repetition", "injection", "opener", "language"]


class GuardConfig(Settings):
    """What an answer must be before a reward model or a judge may speak. Answers that are missing or cut off never
    pass."""

    checks: list[GuardName] = Field(default_factory=lambda: list(get_args(GuardName)))
    """`format`: the answer neither opens nor closes thinking; `length`: within the bounds below; `repetition`: no
    phrase, sentence or character over and over; `injection`: no words to the judge, no score of its own, no markup;
    `opener`: more than a phrase such as "Let's solve this step by step"; `language`: no other script than the prompt's.
    """
    min_words: int = Field(default=3, ge=0)
    """Fewest words of an answer."""
    max_words: int = Field(default=120, ge=1)
    """Most words of an answer; raise it where long answers are wanted."""


class JudgeConfig(Settings):
    """A language model that judges, behind any OpenAI-compatible endpoint."""

    base_url: str
    """Address up to and including `/v1`."""
    model: str
    """Name of the model there."""
    api_key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; without it none is sent."""
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How the endpoint is asked for JSON; the verdict is checked in any case."""
    temperature: float = Field(default=0.0, ge=0)
    """Of the judge's sampling."""
    max_tokens: int = Field(default=1024, ge=1)
    """Most tokens of a verdict, the judge's thinking included."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Longest wait for one verdict."""
    attempts: int = Field(default=3, ge=1)
    """Times a verdict is asked for before the judge abstains."""
    at_once: int = Field(default=8, ge=1)
    """Verdicts asked for at a time."""


class LearnedRewardConfig(Settings):
    """How the score of a reward model or judge becomes a reward."""

    guards: GuardConfig = Field(default_factory=GuardConfig)
    """Answers that fail one get 0."""
    gated_by: list[str] = Field(default_factory=lambda: ["open_ended"])
    """Verifiers whose verdict caps the learned reward: with a failed rule an answer gets `failed_rule_cap` at most. The
    verdicts of others are only watched, as a held-out measure of drift."""
    failed_rule_cap: float = Field(default=0.2, ge=0, le=1)
    """Most reward an answer gets whose rules failed; 1 takes the gate away."""
    drift_window: int = Field(default=20, ge=4)
    """Steps over which the learned score is watched beside its held-out measure: the alarm rings when, from the first
    half to the second, one rises and the other falls, both by more than chance allows."""
    audit_share: float = Field(default=0.1, gt=0, le=1)
    """Share of prompts of which one answer goes to the judge as a held-out measure, where there is both a reward model
    and a judge."""
