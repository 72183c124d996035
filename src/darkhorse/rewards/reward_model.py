"""A reward model: a backbone with one output, read at the end of the answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from darkhorse.chat.renderer import Renderer
from darkhorse.policy.attention import use_packed_attention
from darkhorse.policy.device import default_device
from darkhorse.policy.loading import load_quietly, load_tokenizer
from darkhorse.policy.packing import PackedPlan, Segment, hidden_states
from darkhorse.rewards.scorer import Ask, bounded, verdict_of
from darkhorse.types import Message
from darkhorse.verify.verdict import Verdict

STATISTICS = "reward_statistics.json"
"""File beside the weights of a reward model that was trained here."""


@dataclass
class RewardModel:
    """Scores answers.

    Attributes:
        model: a sequence classifier with one label and packed attention.
        renderer: messages to tokens.
        mean, deviation: of rewards on held-out pairs; applied before a reward is bounded.
    """

    model: PreTrainedModel
    renderer: Renderer
    mean: float = 0.0
    deviation: float = 1.0

    @property
    def head(self) -> torch.nn.Linear:
        """What reads the reward off the last hidden state."""
        head = self.model.get_submodule("score")
        assert isinstance(head, torch.nn.Linear)
        return head

    def segment(self, prompt: Sequence[Message], answers: Sequence[str]) -> Segment:
        """Tokens of a prompt and answers to it, thinking left out, each closed by the end of the turn."""
        turns = [[*self.renderer.encode(f"\n</think>\n\n{a}"), self.renderer.end_of_turn] for a in answers]
        return Segment(self.renderer.prompt(prompt), turns)

    def rewards(self, segments: Sequence[Segment]) -> Tensor:
        """Raw rewards of all answers of the segments, in order, float32; carries gradients."""
        plan = PackedPlan(segments)
        hidden_TC = hidden_states(self.model, plan)
        last_NC = hidden_TC[plan.last_index().to(hidden_TC.device)]
        head = self.head
        rewards_N: Tensor = head(last_NC.to(head.weight.dtype)).float()[:, 0]
        return rewards_N

    @torch.inference_mode()
    def score(self, prompt: Sequence[Message], answers: Sequence[str], reference: str | None = None) -> list[float]:
        """Rewards of answers to one prompt, bounded to (0, 1) by a sigmoid around the reference answer's reward, or
        around the mean where there is none.
        """
        raw = self.rewards([self.segment(prompt, [*answers, *([] if reference is None else [reference])])]).tolist()
        origin = self.mean if reference is None else raw.pop()
        return [bounded(reward, origin, self.deviation) for reward in raw]

    def score_all(self, asks: Sequence[Ask]) -> list[list[float]]:
        """`score` for each ask."""
        return [self.score(ask.prompt, ask.answers, ask.reference) for ask in asks]

    def save_statistics(self, folder: Path) -> None:
        """Write mean, deviation and the head's precision beside the weights."""
        float32_head = self.head.weight.dtype == torch.float32
        values = {"mean": self.mean, "deviation": self.deviation, "float32_head": float32_head}
        (folder / STATISTICS).write_text(json.dumps(values))


class ScoresAll(Protocol):
    """A reward model in this process."""

    def score_all(self, asks: Sequence[Ask]) -> list[list[float]]:
        """Scores in (0, 1) of the answers of each ask."""
        ...


class LocalScorer:
    """A reward model of this process as a `Scorer`.

    Args:
        reward_model: one of ours, or a published one.
    """

    def __init__(self, reward_model: ScoresAll) -> None:
        self._reward_model = reward_model

    async def score(self, asks: Sequence[Ask]) -> list[list[Verdict]]:
        """See `Scorer`."""
        found = self._reward_model.score_all(asks)
        return [[verdict_of(score, "The reward model's score.") for score in scores] for scores in found]


def load_reward_model(
    folder: str, dtype: torch.dtype = torch.bfloat16, float32_head: bool | None = None
) -> RewardModel:
    """A reward model from a folder; from a language model's folder one with a fresh head that gives 0 everywhere.

    Args:
        folder: a checkpoint of a reward model or a policy of ours.
        dtype: of the backbone.
        float32_head: keep the head in float32 at least; unset, as it was trained.
    """
    fresh = "SequenceClassification" not in json.loads((Path(folder) / "config.json").read_text())["architectures"][0]
    load_quietly()
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=dtype)
    use_packed_attention(model)
    model.eval()
    if fresh:
        torch.nn.init.zeros_(model.score.weight)
    statistics = Path(folder) / STATISTICS
    values = json.loads(statistics.read_text()) if statistics.exists() else {}
    if values.get("float32_head", False) if float32_head is None else float32_head:
        torch.nn.Module.to(model.score, torch.promote_types(dtype, torch.float32))
        if not fresh:
            _restore_head(model, Path(folder))
    torch.nn.Module.to(model, default_device())
    return RewardModel(model, Renderer(load_tokenizer(folder)), values.get("mean", 0.0), values.get("deviation", 1.0))


@torch.no_grad()
def _restore_head(model: PreTrainedModel, folder: Path) -> None:
    """The head as it was stored: loading rounded it to the backbone's precision."""
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as tensors:
            if "score.weight" in tensors.keys():  # noqa: SIM118  it is no mapping
                model.get_parameter("score.weight").copy_(tensors.get_tensor("score.weight"))
