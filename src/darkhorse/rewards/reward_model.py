"""A reward model: a backbone with one output, read at the end of the answer."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from darkhorse.chat.renderer import Renderer
from darkhorse.policy.attention import use_packed_attention
from darkhorse.policy.device import default_device
from darkhorse.policy.loading import load_quietly, load_tokenizer
from darkhorse.policy.packing import PackedPlan, Segment, hidden_states
from darkhorse.types import Message

_STATISTICS = "reward_statistics.json"


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

    def segment(self, prompt: Sequence[Message], answers: Sequence[str]) -> Segment:
        """Tokens of a prompt and answers to it, thinking left out, each closed by the end of the turn."""
        turns = [[*self.renderer.encode(f"\n</think>\n\n{a}"), self.renderer.end_of_turn] for a in answers]
        return Segment(self.renderer.prompt(prompt), turns)

    def rewards(self, segments: Sequence[Segment]) -> Tensor:
        """Raw rewards of all answers of the segments, in order, float32; carries gradients."""
        plan = PackedPlan(segments)
        hidden_TC = hidden_states(self.model, plan)
        last_NC = hidden_TC[plan.last_index().to(hidden_TC.device)]
        rewards_N: Tensor = self.model.get_submodule("score")(last_NC).float()[:, 0]
        return rewards_N

    @torch.inference_mode()
    def score(self, prompt: Sequence[Message], answers: Sequence[str]) -> list[float]:
        """Rewards of answers to one prompt, standardised and bounded to (0, 1) by a sigmoid."""
        raw = self.rewards([self.segment(prompt, answers)])
        return [1.0 / (1.0 + math.exp(-z)) for z in ((raw - self.mean) / self.deviation).tolist()]

    def save_statistics(self, folder: Path) -> None:
        """Write mean and deviation beside the weights."""
        (folder / _STATISTICS).write_text(json.dumps({"mean": self.mean, "deviation": self.deviation}))


def load_reward_model(folder: str, dtype: torch.dtype = torch.bfloat16) -> RewardModel:
    """A reward model from a folder; from a language model's folder one with a fresh head that gives 0 everywhere."""
    fresh = "SequenceClassification" not in json.loads((Path(folder) / "config.json").read_text())["architectures"][0]
    load_quietly()
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=dtype)
    use_packed_attention(model)
    model.eval()
    if fresh:
        torch.nn.init.zeros_(model.score.weight)
    torch.nn.Module.to(model, default_device())
    statistics = Path(folder) / _STATISTICS
    values = json.loads(statistics.read_text()) if statistics.exists() else {}
    return RewardModel(model, Renderer(load_tokenizer(folder)), values.get("mean", 0.0), values.get("deviation", 1.0))
