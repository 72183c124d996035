"""Supervised fine-tuning against a padded batch in plain Transformers, in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import tiny
from darkhorse.chat.renderer import Rendered
from darkhorse.config.stages import LoraConfig, SFTStage
from darkhorse.errors import UserError
from darkhorse.policy.loading import Policy
from darkhorse.tasks.mixture import FiniteSource, Mixture
from darkhorse.tasks.task import Demonstration, Task
from darkhorse.training.sft import sft_step, train_sft

TOOL = {"type": "function", "function": {"name": "calculator", "description": "d", "parameters": {}}}


def demonstration(number: int) -> Demonstration:
    prompt = ({"role": "user", "content": f"{number}+{number}" * (1 + number % 3)},)
    answer = {"role": "assistant", "content": "sum" * (number % 4) + f"\n</think>\n\n{2 * number}"}
    if number % 2:
        call = {"role": "assistant", "content": '</think><tool_call>{"name": "calculator"}</tool_call>'}
        return Demonstration(
            Task(f"t{number}", prompt, "exact", "", (TOOL,)), (call, {"role": "tool", "content": "4"}, answer)
        )
    return Demonstration(Task(f"t{number}", prompt, "exact", ""), (answer,))


DEMONSTRATIONS = [demonstration(number) for number in range(8)]


def rendered(policy: Policy) -> list[Rendered]:
    return [policy.renderer.demonstration(d.task.prompt, d.completion, d.task.tools) for d in DEMONSTRATIONS]


def padded_reference(kind: str, batch: list[Rendered]) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of one right-padded batch."""
    model = tiny.model(kind, torch.float64)
    rows = [[*item.prompt, *item.completion] for item in batch]
    labels = [
        [-100] * len(item.prompt) + [t if m else -100 for t, m in zip(item.completion, item.loss_mask, strict=True)]
        for item in batch
    ]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    seen = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    targets = torch.tensor([row + [-100] * (longest - len(row)) for row in labels])
    logits = model(input_ids=ids, attention_mask=seen).logits[:, :-1]
    loss = F.cross_entropy(logits.flatten(0, 1), targets[:, 1:].flatten(), ignore_index=-100)
    loss.backward()
    return float(loss.detach()), tiny.gradients(model)


@pytest.mark.parametrize("kind", ["llama", "llama-tied", "qwen3", "gemma3"])
@pytest.mark.parametrize("micro_batch_tokens", [1, 500, 100_000])
def test_the_gradient_is_that_of_a_padded_batch_however_it_is_cut(kind, micro_batch_tokens):
    policy = tiny.policy(kind, torch.float64)
    batch = rendered(policy)
    metrics = sft_step(policy, batch, micro_batch_tokens)
    loss, wanted = padded_reference(kind, batch)
    assert metrics["loss"] == pytest.approx(loss, rel=1e-6)
    assert metrics["num_tokens"] == sum(sum(item.loss_mask) for item in batch)
    tiny.assert_same_gradients(tiny.gradients(policy.model), wanted)


def test_what_tools_answered_carries_no_loss():
    policy = tiny.policy("llama", torch.float64)
    batch = [item for item in rendered(policy) if 0 in item.loss_mask]
    assert len(batch) == 4
    sft_step(policy, batch, 100_000)
    masked = tiny.gradients(policy.model)
    sft_step(policy, [Rendered(item.prompt, item.completion, [1] * len(item.loss_mask)) for item in batch], 100_000)
    unmasked = tiny.gradients(policy.model)
    assert (masked["lm_head.weight"] - unmasked["lm_head.weight"]).abs().max() > 1e-3


SETTINGS = SFTStage(
    steps=6, batch_size=3, learning_rate=1e-3, warmup_steps=1, checkpoint_every=2, micro_batch_tokens=300
)


def mixture() -> Mixture:
    return Mixture([("demonstrations", 1.0, FiniteSource("demonstrations", DEMONSTRATIONS))], seed=3)


class Interrupted(Mixture):
    """Stops the process, as it were, at an item."""

    def item(self, index):
        if index == 4 * SETTINGS.batch_size + 1:  # in the middle of step 5
            raise KeyboardInterrupt
        return super().item(index)


@pytest.mark.parametrize("lora", [None, LoraConfig(rank=2)])
def test_a_resumed_stage_ends_with_the_weights_of_an_uninterrupted_one(lora, tmp_path):
    settings = SETTINGS.model_copy(update={"lora": lora})
    straight = tiny.policy()
    train_sft(straight, "cold_start", settings, mixture(), tmp_path / "straight")

    source = FiniteSource("demonstrations", DEMONSTRATIONS)
    with pytest.raises(KeyboardInterrupt):
        train_sft(
            tiny.policy(),
            "cold_start",
            settings,
            Interrupted([("demonstrations", 1.0, source)], 3),
            tmp_path / "broken",
        )
    assert [path.name for path in (tmp_path / "broken/cold_start/checkpoints").iterdir()] == ["step_4"]
    resumed = tiny.policy(seed=0 if lora else 7)  # adapters stand on the model's own weights
    train_sft(resumed, "cold_start", settings, mixture(), tmp_path / "broken")

    for name, tensor in straight.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], tensor), name
    lines = [(tmp_path / run / "cold_start/metrics.jsonl").read_text().splitlines() for run in ("straight", "broken")]
    assert len(lines[0]) == len(lines[1]) == 6


def test_the_loss_falls(tmp_path):
    policy = tiny.policy()
    batch = rendered(policy)
    before = sft_step(policy, batch, 4096)["loss"]
    policy.model.zero_grad()
    settings = SETTINGS.model_copy(update={"steps": 12, "learning_rate": 1e-2})
    train_sft(policy, "cold_start", settings, mixture(), tmp_path)
    assert sft_step(policy, batch, 4096)["loss"] < 0.7 * before


def test_tasks_without_answers_cannot_be_imitated(tmp_path):
    tasks = Mixture([("bare", 1.0, FiniteSource("bare", [d.task for d in DEMONSTRATIONS]))], seed=0)
    with pytest.raises(UserError, match=r"'bare'.*without a worked answer"):
        train_sft(tiny.policy(), "cold_start", SETTINGS, tasks, tmp_path)
