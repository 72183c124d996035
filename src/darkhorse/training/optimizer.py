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
from darkhorse.policy.recompute import recompute_layers
from darkhorse.training.gradients import GradientSum
from darkhorse.training.masters import Master
from darkhorse.training.moments import Moments, Step


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

    @property
    def moments_dtype(self) -> str:
        """`float32` or `bfloat16`."""
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


class _Turn(threading.local):
    number: int | None = None
    """None outside of turns."""


class MasterOptimizer:
    """Trains every weight in float32, whatever the model computes in; updates at 1e-6 would round away in bf16.

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
        parameters = [parameter for _, parameter in self._named]
        self._masters = dict(zip(parameters, Master.of(parameters), strict=True))
        self._steps = 0
        self._moments = dict(zip(parameters, Moments.of(parameters, settings.moments_dtype), strict=True))
        self._turn, self._gradients = _Turn(), GradientSum(parameters)
        self._hooks = [p.register_post_accumulate_grad_hook(self._collect) for _, p in self._named]

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

    @property
    def passes(self) -> int:
        """How many turns there have been since the last step."""
        return self._gradients.passes

    @contextmanager
    def turn(self, number: int, last: bool) -> Iterator[None]:
        """A pass of this thread, beside which others may run in theirs. Gradients are summed in the order of turns.

        Args:
            number: of the pass since the last step, from 0.
            last: whether the thread takes no other turn.
        """
        self._turn.number = number
        try:
            yield
        finally:
            self._turn.number = None
        if not last:
            self._gradients.make_room()

    def backward(self, loss: Tensor) -> None:
        """Run a backward pass and take its gradients; one in a turn."""
        if self._turn.number is None:
            loss.backward()
            return
        # passes beside each other would meet in the parameters' own gradients, so theirs never get there
        parameters: list[Tensor] = [parameter for _, parameter in self._named]
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        found = {p: grad for p, grad in zip(parameters, gradients, strict=True) if grad is not None}
        self._gradients.put(self._turn.number, found)

    def _collect(self, parameter: Tensor) -> None:
        grad = parameter.grad
        assert grad is not None
        parameter.grad = None
        self._gradients.add(parameter, grad)

    @torch.no_grad()
    def step(self, step: int) -> dict[str, float]:
        """Clip, update, and give the model its weights. Returns `grad_norm` (before clipping) and the rate."""
        settings, gradients = self.settings, self._gradients
        rate, norm = learning_rate(settings, step), float(self._gradient_norm())
        share = min(1.0, settings.max_grad_norm / (norm + 1e-6))  # as in torch.nn.utils.clip_grad_norm_
        self._steps += 1
        taken = Step(self._steps, rate, settings.betas, settings.weight_decay, share)
        for parameter, master in self._masters.items():
            for piece in master.pieces():
                self._moments[parameter].take(taken, master, piece, gradients.of(parameter, piece))
        gradients.clear()
        return {"grad_norm": norm, "learning_rate": rate}

    def _gradient_norm(self) -> Tensor:
        norms = [
            torch.linalg.vector_norm(self._gradients.of(parameter, piece))
            for parameter, master in self._masters.items()
            for piece in master.pieces()
        ]
        return torch.linalg.vector_norm(torch.stack(norms)) if norms else torch.zeros(())

    @torch.no_grad()
    def interpolate(self, start: PreTrainedModel, share: float) -> None:
        """Leave so much of the way from another model's weights to those trained (Rame et al. 2024, "WARP", arXiv
        2406.16768, stage 3: linear interpolation towards initialization), and give them to the model.
        """
        weights = dict(start.named_parameters())
        for name, parameter in self._named:
            whole = self._masters[parameter].whole()
            self._masters[parameter].set(whole.lerp(weights[name].flatten().to(whole.dtype), 1.0 - share))

    def state_dict(self) -> dict[str, Tensor]:
        """Weights in full and moments, flat: `master.NAME`, `exp_avg.NAME`, `exp_avg_sq.NAME`, `step`."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self._named:
            shape, moments = parameter.shape, self._moments[parameter]
            tensors[f"master.{name}"] = self._masters[parameter].whole().view(shape)
            if self._steps:
                tensors["step"] = torch.tensor([float(self._steps)])
                tensors[f"exp_avg.{name}"] = moments.exp_avg_N.view(shape)
                tensors[f"exp_avg_sq.{name}"] = moments.exp_avg_sq_N.view(shape)
        return tensors

    @torch.no_grad()
    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `state_dict` gave, and give the model its weights."""
        for name, parameter in self._named:
            self._masters[parameter].set(tensors[f"master.{name}"].to(parameter.device).flatten())
            if "step" in tensors:
                moments = self._moments[parameter]
                moments.exp_avg_N.copy_(tensors[f"exp_avg.{name}"].flatten())
                moments.exp_avg_sq_N.copy_(tensors[f"exp_avg_sq.{name}"].flatten())
                self._steps = int(tensors["step"])

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
