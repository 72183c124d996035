"""The reward model: its loss by hand, its packed scores against plain Transformers, its training on easy pairs."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForSequenceClassification

import tiny
from darkhorse.config.stages import RewardModelStage
from darkhorse.errors import UserError
from darkhorse.rewards.reward_model import load_reward_model
from darkhorse.tasks.task import PreferencePair
from darkhorse.training.reward_model import bradley_terry_loss, train_reward_model

PROMPT = ({"role": "user", "content": "Say something."},)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny.folder(tmp_path_factory.mktemp("models") / "tiny"))


class Pairs:
    """The chosen answer says yes; its length tells nothing."""

    def train(self, index):
        good, bad = "yes" + "." * (index % 5), "no" + "!" * (index % 4)
        return PreferencePair(PROMPT, good, bad)

    def held_out(self, count):
        return [self.train(1000 + 7 * index) for index in range(count)]


def test_the_loss_by_hand():
    chosen, rejected = torch.tensor([1.0, -0.5], dtype=torch.float64), torch.tensor([0.0, 2.0], dtype=torch.float64)
    wanted = math.log(1 + math.exp(-1.0)) + math.log(1 + math.exp(2.5))
    assert float(bradley_terry_loss(chosen, rejected)) == pytest.approx(wanted)
    assert float(bradley_terry_loss(chosen, rejected, 0.1)) == pytest.approx(wanted + 0.1 * (1.0 + 2.25))


def test_a_fresh_head_prefers_nothing(base):
    model = load_reward_model(base)
    assert model.score(PROMPT, ["yes", "no", "a much longer answer"]) == [0.5, 0.5, 0.5]


def test_packed_rewards_and_gradients_are_those_of_separate_sequences(base):
    torch.manual_seed(3)
    plain = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float64)
    packed = load_reward_model(base, torch.float64)
    packed.model.load_state_dict(plain.state_dict())
    device = packed.model.device
    plain.to(device)
    segments = [packed.segment(PROMPT, ["yes", "a longer answer"]), packed.segment(PROMPT * 2, ["", "no no"])]
    scale = torch.tensor([1.0, -0.7, 0.3, 2.0], device=device)

    rewards = packed.rewards(segments)
    (rewards * scale).sum().backward()
    rows = [torch.tensor([[*s.prompt, *c]], device=device) for s in segments for c in s.completions]
    wanted = torch.stack([plain(input_ids=row).logits[0, 0] for row in rows])
    (wanted * scale).sum().backward()

    torch.testing.assert_close(rewards, wanted.float(), rtol=0, atol=1e-5)
    tiny.assert_same_gradients(tiny.gradients(packed.model), tiny.gradients(plain))


def test_easy_preferences_are_learned_and_the_scores_are_standardised(base, tmp_path):
    model = load_reward_model(base, torch.float32)
    settings = RewardModelStage(steps=25, batch_size=8, learning_rate=5e-3, warmup_steps=0, held_out_pairs=20)
    train_reward_model(model, "preference", settings, Pairs(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "preference/metrics.jsonl").read_text().splitlines()]
    assert rows[0]["loss"] == pytest.approx(math.log(2), rel=1e-3), "a fresh head knows nothing"
    assert rows[-1]["eval/accuracy"] > 0.9
    assert rows[-1]["loss"] < 0.3

    folder = tmp_path / "preference/checkpoints/step_25"
    loaded = load_reward_model(str(folder), torch.float32)
    assert (loaded.mean, loaded.deviation) == (model.mean, model.deviation)
    good, bad = loaded.score(PROMPT, ["yes..", "no!"])
    assert 0 < bad < 0.5 < good < 1
    assert [good, bad] == pytest.approx(model.score(PROMPT, ["yes..", "no!"]))
    raw = model.rewards([model.segment(PROMPT, [p.chosen, p.rejected]) for p in Pairs().held_out(20)]).detach()
    assert model.mean == pytest.approx(float(raw.mean()), abs=1e-4)
    assert model.deviation == pytest.approx(float(raw.std()), rel=1e-3)


def test_only_the_last_layers_train(base, tmp_path):
    model = load_reward_model(base, torch.float32)
    before = {name: p.detach().clone() for name, p in model.model.named_parameters()}
    settings = RewardModelStage(
        steps=3, batch_size=2, warmup_steps=0, learning_rate=1e-2, held_out_pairs=2, trainable_layers=1
    )
    train_reward_model(model, "preference", settings, Pairs(), tmp_path)
    changed = {name for name, p in model.model.named_parameters() if not torch.equal(p, before[name])}
    assert changed and all(name.startswith(("model.layers.1.", "score")) for name in changed)

    with pytest.raises(UserError, match=r"trainable_layers is 3, but the model has 2 layers"):
        train_reward_model(
            load_reward_model(base), "p", settings.model_copy(update={"trainable_layers": 3}), Pairs(), tmp_path / "b"
        )


def test_micro_batches_give_the_same_model(base, tmp_path):
    weights = []
    for micro_batch_tokens in (1, 10**9):
        model = load_reward_model(base, torch.float32)
        settings = RewardModelStage(
            steps=2, batch_size=6, learning_rate=1e-3, held_out_pairs=4, micro_batch_tokens=micro_batch_tokens
        )
        train_reward_model(model, "preference", settings, Pairs(), tmp_path / str(micro_batch_tokens))
        weights.append(model.model.score.weight.detach().clone())
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-3, atol=1e-6)


def test_a_margin_asks_for_a_lead(base, tmp_path):
    chosen, rejected = torch.tensor([1.0, 0.0], dtype=torch.float64), torch.tensor([0.0, 0.0], dtype=torch.float64)
    wanted = math.log(1 + math.exp(-0.5)) + math.log(1 + math.exp(2.0))
    assert float(bradley_terry_loss(chosen, rejected, 0.0, torch.tensor([0.5, 2.0]))) == pytest.approx(wanted)

    class Stated(Pairs):
        def train(self, index):
            return replace(super().train(index), margin=3.0 if index % 2 else None)

    settings = RewardModelStage(steps=1, batch_size=4, held_out_pairs=2, margin=1.0)
    train_reward_model(load_reward_model(base, torch.float32), "p", settings, Stated(), tmp_path)
    row = json.loads((tmp_path / "p/metrics.jsonl").read_text())
    assert row["loss"] == pytest.approx((math.log(1 + math.e) + math.log(1 + math.exp(3.0))) / 2, rel=1e-3)


def test_overlong_pairs_are_left_out_and_counted(base, tmp_path):
    class Long(Pairs):
        def train(self, index):
            pair = super().train(index)
            return replace(pair, rejected="no" * 500) if index % 3 == 0 else pair

    settings = RewardModelStage(steps=2, batch_size=4, held_out_pairs=6, max_tokens=400)
    train_reward_model(load_reward_model(base, torch.float32), "p", settings, Long(), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "p/metrics.jsonl").read_text().splitlines()]
    assert [row["pairs/overlong"] for row in rows] == [2, 4]
    assert rows[-1]["eval/overlong"] == sum((1000 + 7 * number) % 3 == 0 for number in range(6))
    assert {"eval/ece", "eval/length_correlation", "eval/length_matched_accuracy"} <= set(rows[-1])
