"""The optimizer against `torch.optim.AdamW`, in float32 and with bf16 models; its schedule by hand."""

from __future__ import annotations

import copy

import pytest
import torch

import tiny
from darkhorse.config.stages import SFTStage
from darkhorse.training.optimizer import MasterOptimizer, learning_rate

SETTINGS = SFTStage(steps=9, learning_rate=3e-3, warmup_steps=2, decay="linear", weight_decay=0.1, max_grad_norm=0.5)


def passes(model, step, count=3):
    """A few backward passes, as the micro-batches of a step are."""
    generator = torch.Generator().manual_seed(step)
    for _ in range(count):
        ids = torch.randint(tiny.VOCABULARY, (2, 9), generator=generator)
        model(input_ids=ids, labels=ids).loss.backward()


def named(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def trained_by_hand(model, steps):
    """AdamW on float32 copies; gradients are taken from the model as they are, and its weights are the copies."""
    copies = {name: p.detach().float().clone().requires_grad_() for name, p in model.named_parameters()}
    adamw = torch.optim.AdamW(copies.values(), lr=0.0, betas=SETTINGS.betas, weight_decay=0.1, fused=False)
    norms = []
    for step in range(1, steps + 1):
        generator = torch.Generator().manual_seed(step)
        for master in copies.values():
            master.grad = torch.zeros_like(master)
        for _ in range(3):
            ids = torch.randint(tiny.VOCABULARY, (2, 9), generator=generator)
            model.zero_grad()
            model(input_ids=ids, labels=ids).loss.backward()
            for name, parameter in model.named_parameters():
                copies[name].grad += parameter.grad.float()
        norms.append(float(torch.nn.utils.clip_grad_norm_(list(copies.values()), SETTINGS.max_grad_norm)))
        adamw.param_groups[0]["lr"] = learning_rate(SETTINGS, step)
        adamw.step()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(copies[name])
    return copies, norms


@pytest.mark.parametrize("kind", ["llama", "llama-tied"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_steps_equal_adamw_on_float32_copies(kind, dtype):
    model = tiny.model(kind, dtype)
    wanted, norms = trained_by_hand(copy.deepcopy(model), 5)
    optimizer = MasterOptimizer(model, SETTINGS)
    for step in range(1, 6):
        passes(model, step)
        assert all(parameter.grad is None for parameter in model.parameters()), "gradients move to the masters"
        metrics = optimizer.step(step)
        assert metrics["grad_norm"] == pytest.approx(norms[step - 1], rel=1e-4)
        assert metrics["learning_rate"] == learning_rate(SETTINGS, step)
    masters = optimizer.state_dict()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(masters[f"master.{name}"], wanted[name].detach(), rtol=1e-4, atol=1e-6)
        assert torch.equal(parameter, masters[f"master.{name}"].to(dtype))


def test_updates_too_small_for_bf16_add_up():
    model = tiny.model(dtype=torch.bfloat16)
    model.load_state_dict({name: torch.ones_like(tensor) for name, tensor in model.state_dict().items()})
    settings = SETTINGS.model_copy(
        update={"learning_rate": 1e-4, "warmup_steps": 0, "decay": "constant", "weight_decay": 0.0}
    )
    optimizer = MasterOptimizer(model, settings)
    weight = model.lm_head.weight
    seen = []
    for step in range(1, 61):
        (weight.float().sum()).backward()
        optimizer.step(step)
        seen.append(float(weight.detach().max()))
    assert seen[0] == 1.0, "one update of 1e-4 is lost in bf16"
    assert seen[-1] == pytest.approx(1 - 60e-4, abs=3e-3) and seen[-1] < 1.0


def test_frozen_weights_stay():
    model = tiny.model()
    model.requires_grad_(False)
    model.lm_head.requires_grad_(True)
    before = named(model)
    optimizer = MasterOptimizer(model, SETTINGS)
    passes(model, 1)
    optimizer.step(1)
    changed = {name for name, tensor in named(model).items() if not torch.equal(tensor, before[name])}
    assert changed == {"lm_head.weight"}
    assert {key.split(".", 1)[1] for key in optimizer.state_dict() if key != "step"} == {"lm_head.weight"}


@pytest.mark.parametrize("kind", ["llama", "llama-tied"])
def test_embeddings_and_head_can_be_frozen_for_a_stage(kind):
    model = tiny.model(kind)
    before = named(model)
    optimizer = MasterOptimizer(model, SETTINGS.model_copy(update={"freeze_embeddings": True}))
    passes(model, 1)
    optimizer.step(1)
    same = {name for name, tensor in named(model).items() if torch.equal(tensor, before[name])}
    assert same == {"model.embed_tokens.weight", "lm_head.weight"} & before.keys()
    optimizer.close()
    assert all(parameter.requires_grad for parameter in model.parameters()), "the next stage trains them again"


def test_state_goes_on_where_it_was():
    straight, broken = tiny.model(dtype=torch.bfloat16), tiny.model(dtype=torch.bfloat16)
    first = MasterOptimizer(straight, SETTINGS)
    for step in range(1, 7):
        passes(straight, step)
        first.step(step)
    before = MasterOptimizer(broken, SETTINGS)
    for step in range(1, 4):
        passes(broken, step)
        before.step(step)
    state = {name: tensor.clone() for name, tensor in before.state_dict().items()}
    resumed = tiny.model(dtype=torch.bfloat16, seed=5)
    after = MasterOptimizer(resumed, SETTINGS)
    after.load_state_dict(state)
    for step in range(4, 7):
        passes(resumed, step)
        after.step(step)
    for name, tensor in first.state_dict().items():
        assert torch.equal(after.state_dict()[name], tensor), name


def test_closing_gives_gradients_back_to_the_model():
    model = tiny.model()
    MasterOptimizer(model, SETTINGS).close()
    passes(model, 1)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_schedule():
    linear = [learning_rate(SETTINGS, step) / 3e-3 for step in range(1, 10)]
    assert linear[:2] == pytest.approx([1 / 3, 2 / 3])
    assert linear[2:] == pytest.approx([1 - 0.9 * k / 7 for k in range(1, 8)])
    assert linear[-1] == pytest.approx(0.1)
    constant = SETTINGS.model_copy(update={"decay": "constant"})
    assert [learning_rate(constant, step) for step in (3, 9, 100)] == [3e-3] * 3
    flat = SFTStage(steps=3, learning_rate=1.0, warmup_steps=0)
    assert [learning_rate(flat, step) for step in (1, 2, 3)] == [1.0] * 3
    only_warm_up = SFTStage(steps=3, learning_rate=1.0, warmup_steps=5, decay="linear")
    assert [learning_rate(only_warm_up, step) for step in (1, 2, 3)] == pytest.approx([1 / 6, 2 / 6, 3 / 6])


def test_moments_in_bfloat16_take_half_and_change_little():
    ends = []
    for dtype in ("float32", "bfloat16"):
        model = tiny.model(dtype=torch.bfloat16)
        optimizer = MasterOptimizer(model, SETTINGS.model_copy(update={"moments_dtype": dtype}))
        start = optimizer.state_dict()
        for step in range(1, 7):
            passes(model, step)
            optimizer.step(step)
        ends.append(optimizer.state_dict())
    full, half = ends
    for name, weights in full.items():
        if name.startswith("exp_avg"):
            assert (weights.dtype, half[name].dtype) == (torch.float32, torch.bfloat16)
        elif name != "step":
            moved, apart = (weights - start[name]).norm(), (weights - half[name]).norm()
            assert 0 < apart < 0.15 * moved, name


def test_a_run_goes_on_with_moments_of_another_type():
    model, settings = tiny.model(dtype=torch.bfloat16), SETTINGS.model_copy(update={"moments_dtype": "bfloat16"})
    before = MasterOptimizer(model, SETTINGS)
    passes(model, 1)
    before.step(1)
    after = MasterOptimizer(tiny.model(dtype=torch.bfloat16, seed=5), settings)
    after.load_state_dict(before.state_dict())
    for name, tensor in after.state_dict().items():
        assert torch.equal(tensor, before.state_dict()[name].to(tensor.dtype)), name
