"""AdamW on float32 master weights, with gradients of bf16 passes summed in float32."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from darkhorse.errors import UserError
from darkhorse.policy.native import operations
from darkhorse.policy.recompute import recompute_layers


class OptimizerSettings(Protocol):
    """What the optimizer reads of a stage's settings."""

    learning_rate: float
    warmup_steps: int
    steps: int
    weight_decay: float
    betas: tuple[float, float]
    max_grad_norm: float
    freeze_embeddings: bool
    gradient_checkpointing: bool

    @property
    def decay(self) -> str:
        """`constant` or `linear`."""
        ...


def learning_rate(settings: OptimizerSettings, step: int) -> float:
    """Rate of a step (from 1): linear warm-up, then constant or a linear fall to a tenth at the last step."""
    rate = settings.learning_rate
    if step <= settings.warmup_steps:
        return rate * step / (settings.warmup_steps + 1)
    if settings.decay == "linear":
        done = (step - settings.warmup_steps) / max(settings.steps - settings.warmup_steps, 1)
        return rate * (1.0 - 0.9 * min(done, 1.0))
    return rate


class _Lane(threading.local):
    number: int | None = None
    """None outside of lanes."""


class MasterOptimizer:
    """Holds a float32 copy of every trainable weight; updates at 1e-6 would round away in bf16.

    A hook takes each gradient as soon as it is complete, so micro-batches add up in float32.

    Args:
        model: its parameters with `requires_grad` are trained, save its embeddings where the settings freeze them; they
            are overwritten after every step.
        settings: rates and limits, and whether passes recompute layers.

    Raises:
        UserError: if they shall, and the architecture cannot.
    """

    def __init__(self, model: PreTrainedModel, settings: OptimizerSettings) -> None:
        self.settings, self._model = settings, model
        self._recompute_layers()
        self._frozen = _embeddings(model) if settings.freeze_embeddings else []
        for parameter in self._frozen:
            parameter.requires_grad_(False)
        self._named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self._masters = {p: _master(p) for _, p in self._named}
        self._lanes = _Lane()
        self._sums: dict[int, dict[Tensor, Tensor]] = {0: {}}  # gradients, by lane
        self._hooks = [p.register_post_accumulate_grad_hook(self._collect) for _, p in self._named]
        self._adamw = torch.optim.AdamW(
            self._masters.values(), lr=0.0, betas=settings.betas, weight_decay=settings.weight_decay, fused=True
        )

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self._model.device

    def _recompute_layers(self) -> None:
        if self.settings.gradient_checkpointing:
            try:
                recompute_layers(self._model)
            except ValueError as error:
                raise UserError(f"gradient_checkpointing: {error}.", "Leave it false.") from error

    @contextmanager
    def lane(self, number: int) -> Iterator[None]:
        """Passes of this thread inside the block sum their gradients apart from those of other lanes, which may run
        at the same time; `step` adds them up in the lanes' order.
        """
        self._sums.setdefault(number, {})
        self._lanes.number = number
        try:
            yield
        finally:
            self._lanes.number = None

    def backward(self, loss: Tensor) -> None:
        """Run a backward pass and take its gradients."""
        if self._lanes.number is None:
            loss.backward()
            return
        # lanes would meet in the parameters' own gradients, so theirs never get there
        parameters = [parameter for _, parameter in self._named]
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, grad in zip(parameters, gradients, strict=True):
            if grad is not None:
                self._add(self._sums[self._lanes.number], parameter, grad)

    def _collect(self, parameter: Tensor) -> None:
        grad = parameter.grad
        assert grad is not None
        parameter.grad = None
        self._add(self._sums[0], parameter, grad)

    def _add(self, sums: dict[Tensor, Tensor], parameter: Tensor, grad: Tensor) -> None:
        if parameter in sums:
            operations.add_into(sums[parameter], grad)
        else:
            sums[parameter] = grad.to(self._masters[parameter].dtype)  # type: ignore[index]

    def step(self, step: int) -> dict[str, float]:
        """Clip, update, and copy the masters into the model. Returns `grad_norm` (before clipping) and the rate."""
        for _, parameter in self._named:
            master = self._masters[parameter]
            found = [sums.pop(parameter) for _, sums in sorted(self._sums.items()) if parameter in sums]
            master.grad = found[0] if found else torch.zeros_like(master)
            for more in found[1:]:
                master.grad.add_(more)
        norm = torch.nn.utils.clip_grad_norm_(self._masters.values(), self.settings.max_grad_norm)
        rate = learning_rate(self.settings, step)
        for group in self._adamw.param_groups:
            group["lr"] = rate
        self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)
        self._copy_to_model()
        return {"grad_norm": float(norm), "learning_rate": rate}

    @torch.no_grad()
    def _copy_to_model(self) -> None:
        for _, parameter in self._named:
            parameter.copy_(self._masters[parameter])

    @torch.no_grad()
    def interpolate(self, start: PreTrainedModel, share: float) -> None:
        """Leave so much of the way from another model's weights to those trained (Rame et al. 2024, "WARP", arXiv
        2406.16768, stage 3: linear interpolation towards initialization), and copy them into the model.
        """
        weights = dict(start.named_parameters())
        for name, parameter in self._named:
            master = self._masters[parameter]
            master.lerp_(weights[name].to(master.dtype), 1.0 - share)
        self._copy_to_model()

    def state_dict(self) -> dict[str, Tensor]:
        """Masters and moments, flat: `master.NAME`, `exp_avg.NAME`, `exp_avg_sq.NAME`, `step`."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self._named:
            master = self._masters[parameter]
            tensors[f"master.{name}"] = master.detach()
            for key, value in self._adamw.state.get(master, {}).items():
                if key == "step":
                    tensors["step"] = value.reshape(1)
                else:
                    tensors[f"{key}.{name}"] = value
        return tensors

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `state_dict` gave, and copy the masters into the model."""
        for name, parameter in self._named:
            master = self._masters[parameter]
            with torch.no_grad():
                master.copy_(tensors[f"master.{name}"])
            if "step" in tensors:
                self._adamw.state[master] = {
                    "step": tensors["step"].reshape(()).clone(),
                    "exp_avg": tensors[f"exp_avg.{name}"].to(master.device).clone(),
                    "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].to(master.device).clone(),
                }
        self._copy_to_model()

    def close(self) -> None:
        """Take the hooks off the model, thaw what was frozen, and keep what layers compute again."""
        for hook in self._hooks:
            hook.remove()
        for parameter in self._frozen:
            parameter.requires_grad_()
        recompute_layers(self._model, enable=False)


def _embeddings(model: PreTrainedModel) -> list[Tensor]:
    """Weights of the token embeddings and of the head, those that are trained; one where the two are tied."""
    modules = (model.get_input_embeddings(), model.get_output_embeddings())
    weights = {id(p): p for module in modules if module is not None for p in module.parameters() if p.requires_grad}
    return list(weights.values())


def _master(parameter: Tensor) -> Tensor:
    dtype = torch.promote_types(parameter.dtype, torch.float32)
    return parameter.detach().to(dtype, copy=True).requires_grad_()
