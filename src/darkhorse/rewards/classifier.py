"""Any sequence classifier with one output as a reward model, used as its authors publish it: with its own chat
template, tokenizer and head. Ours are loaded by `reward_model` instead, which packs answers behind a shared prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from darkhorse.errors import UserError
from darkhorse.policy.device import default_device
from darkhorse.policy.loading import load_quietly
from darkhorse.policy.long_context import window
from darkhorse.rewards.batching import grouped_by_length
from darkhorse.rewards.reward_model import STATISTICS, RewardModel, load_reward_model
from darkhorse.rewards.scorer import Ask, bounded
from darkhorse.types import Message


@dataclass
class ClassifierRewardModel:
    """Scores whole conversations in padded batches.

    Attributes:
        model: a sequence classifier with one label.
        tokenizer: its own.
        mean, deviation: of its rewards; published models do not state them, `calibrate` measures them.
        max_tokens: in one batch, padding included.
    """

    model: PreTrainedModel
    tokenizer: Any
    mean: float = 0.0
    deviation: float = 1.0
    max_tokens: int = 8192

    @torch.inference_mode()
    def rewards(self, asks: Sequence[Ask]) -> list[list[float]]:
        """Raw rewards of the answers of each ask; its reference answer's stands last where there is one."""
        rows = [self._tokens(ask.prompt, answer) for ask in asks for answer in _answers(ask)]
        found = [0.0] * len(rows)
        for batch in grouped_by_length([len(row["input_ids"]) for row in rows], self.max_tokens):
            padded = self.tokenizer.pad([rows[place] for place in batch], return_tensors="pt")
            inputs = {name: tensor.to(self.model.device) for name, tensor in padded.items()}
            for place, reward in zip(batch, self.model(**inputs).logits[:, 0].float().tolist(), strict=True):
                found[place] = reward
        rest = iter(found)
        return [[next(rest) for _ in _answers(ask)] for ask in asks]

    def score_all(self, asks: Sequence[Ask]) -> list[list[float]]:
        """Scores in (0, 1); see `RewardModel.score`."""
        found = []
        for ask, raw in zip(asks, self.rewards(asks), strict=True):
            origin = self.mean if ask.reference is None else raw.pop()
            found.append([bounded(reward, origin, self.deviation) for reward in raw])
        return found

    def score(self, prompt: Sequence[Message], answers: Sequence[str], reference: str | None = None) -> list[float]:
        """As `RewardModel.score`."""
        return self.score_all([Ask(prompt, answers, reference)])[0]

    def calibrate(self, asks: Sequence[Ask]) -> None:
        """Take mean and deviation from answers such as those to be scored."""
        raw = torch.tensor([reward for found in self.rewards(asks) for reward in found])
        self.mean, self.deviation = float(raw.mean()), max(float(raw.std()), 1e-3)

    def _tokens(self, prompt: Sequence[Message], answer: str) -> dict[str, list[int]]:
        """By the model's chat template; without one, prompt and answer as a pair of texts."""
        if self.tokenizer.chat_template:
            text = self.tokenizer.apply_chat_template(
                [*prompt, {"role": "assistant", "content": answer}], tokenize=False
            )
            # the template writes the first token already, and a tokenizer would add it again
            row = self.tokenizer(_whole(text), add_special_tokens=False)
        else:
            asked = "\n\n".join(str(message.get("content") or "") for message in prompt)
            row = self.tokenizer(_whole(asked), _whole(answer))
        limit = self._limit()
        return {name: list(ids[-limit:]) for name, ids in row.items()}  # the answer stands at the end

    def _limit(self) -> int:
        return int(min(window(self.model.config) or 1 << 20, self.tokenizer.model_max_length))


def _whole(text: str) -> str:
    """The text with `?` for half a character, which JSON may hold and no tokenizer takes."""
    return text.encode("utf-8", "replace").decode()


def _answers(ask: Ask) -> list[str]:
    return [*ask.answers, *([] if ask.reference is None else [ask.reference])]


def load_classifier(name: str, dtype: torch.dtype = torch.bfloat16) -> ClassifierRewardModel:
    """A published reward model, e.g. `Skywork/Skywork-Reward-V2-Qwen3-0.6B`.

    Args:
        name: hub id or folder.
        dtype: of its weights.

    Raises:
        UserError: if it cannot be loaded, is no trained sequence classifier, or has several outputs.
    """
    load_quietly()
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model, report = AutoModelForSequenceClassification.from_pretrained(name, dtype=dtype, output_loading_info=True)
    except (OSError, ValueError) as error:
        raise UserError(
            f"The reward model '{name}' could not be loaded: {str(error).splitlines()[0]}",
            "Give a hub id that this machine can reach, or a Hugging Face folder.",
        ) from error
    if model.config.num_labels != 1 or report["missing_keys"]:
        problem = f"has {model.config.num_labels} outputs" if model.config.num_labels != 1 else "has no trained head"
        raise UserError(f"'{name}' is no reward model: it {problem}.", "Give a sequence classifier with one output.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    model.config.pad_token_id = tokenizer.pad_token_id
    model.eval()
    torch.nn.Module.to(model, default_device())
    return ClassifierRewardModel(model, tokenizer)


def load_any(name: str) -> RewardModel | ClassifierRewardModel:
    """A checkpoint of ours with its statistics, or a published model.

    Args:
        name: the folder of a reward-model stage, its checkpoint, another Hugging Face folder, or a hub id.

    Raises:
        UserError: as `load_classifier`.
    """
    steps = sorted(Path(name).glob("checkpoints/step_*"), key=lambda path: int(path.name[5:]))
    folder = str(steps[-1]) if steps else name
    if (Path(folder) / STATISTICS).exists():
        return load_reward_model(folder)
    return load_classifier(folder)
