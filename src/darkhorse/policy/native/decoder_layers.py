"""Decoder layers as one compiled call each, in sampling; recognised by what they compute."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from darkhorse.policy.attention import attention_plan, plan_in_force
from darkhorse.policy.native import layers
from darkhorse.policy.native.library import library
from darkhorse.policy.native.operations import CacheAttention, PackedAttention
from darkhorse.policy.native.products import PackedWeight

_TOKENS, _PLACES = 2, 5
"""What a layer is tried with: new tokens, one a slot, and places of the cache."""


class _Linear(ctypes.Structure):
    """`Linear` of `decoder_layer.h`."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("weight", "bias")]


class _Layer(ctypes.Structure):
    """`DecoderLayer` of `decoder_layer.h`."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("attention_norm", "query_norm", "key_norm", "gate_norm")),
        *((name, _Linear) for name in ("query_key_value", "attended", "gate_up", "down")),
        *((name, ctypes.c_int64) for name in ("C", "inner", "K", "Q", "D", "number", "window")),
        *((name, ctypes.c_double) for name in ("eps", "scaling")),
        ("plus_one", ctypes.c_int64),
    ]


class _Trial:
    """A plan under which a layer is tried; it notes how the layer attends.

    Args:
        number: of the layer in the cache.
        linears: the layer's.
        channels: of a head.

    Attributes:
        heads: query heads, and key-value heads.
        inputs: hidden states, cosines and sines.
        cache: that is attended over.
        scaling, window: what the layer attends with.
    """

    def __init__(self, number: int, linears: Sequence[PackedWeight], channels: int) -> None:
        project, attended, *_ = linears
        queries = attended.channels // channels
        self.heads = queries, (project.outputs // channels - queries) // 2
        turn = (1, _TOKENS, channels)
        self.inputs = _numbers(1, _TOKENS, project.channels), _numbers(*turn), _numbers(*turn)
        shape = (_TOKENS, self.heads[1], _PLACES, channels)
        keys, values = (_numbers(*shape).expand(number + 1, *shape) for _ in range(2))  # the same for all layers
        self.cache = CacheAttention([(keys, values)], [range(_PLACES - _TOKENS, _PLACES)], 1)
        self.compiled_attention: CacheAttention | None = None  # the layer's own operations are to be seen
        self._number = number
        self.scaling, self.window = 0.0, 0
        self._seen: list[bool] = []

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`."""
        self.scaling, self.window = scaling, window or 0
        shapes = [tuple(x.shape) for x in (query_HTD, key_KTD, value_KTD)]
        queries, heads = self.heads
        channels = self.inputs[1].shape[2]
        expected = [(count, _TOKENS, channels) for count in (queries, heads, heads)]
        if layer != self._number or shapes != expected:
            raise ValueError("the layer attends in a way of its own")
        self._seen.append(True)
        return self.cache.attend(layer, query_HTD, key_KTD, value_KTD, scaling, window)

    def of(self, module: nn.Module) -> Tensor | None:
        """What a layer makes of the inputs; None if it cannot be called so, or does not attend once."""
        hidden, *turn = self.inputs
        try:
            with attention_plan(self):
                made = module.forward(hidden, position_embeddings=tuple(turn))
        except (AttributeError, RuntimeError, TypeError, ValueError):
            return None
        return made if isinstance(made, Tensor) and len(self._seen) == 1 else None


def _numbers(*shape: int) -> Tensor:
    """Numbers without a pattern, always the same."""
    return torch.arange(math.prod(shape)).mul(1.7).sin().view(shape).bfloat16()


class CompiledLayer:
    """A decoder layer that is one call where a plan's attention is compiled and nothing is differentiated, and else
    what it was.
    """

    def __init__(self, module: nn.Module, layer: _Layer, held: object) -> None:
        self._otherwise: Callable[..., Tensor] = module.forward
        self._layer, self._held = layer, held
        compiled = library()
        assert compiled is not None
        self._decode, self._read = compiled.decode_layer, compiled.read_layer

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """What the layer's own method computes."""
        turn: tuple[Tensor, Tensor] | None = kwargs.get("position_embeddings")
        if turn is not None and torch.is_inference_mode_enabled() and _plain(hidden_states, *turn):
            attention = getattr(plan_in_force(), "compiled_attention", None)
            if isinstance(attention, CacheAttention) and attention.dtype == torch.bfloat16:
                return self.decode(hidden_states, *turn, attention)
            if isinstance(attention, PackedAttention):
                return self.read(hidden_states, *turn, attention)
        return self._otherwise(hidden_states, *args, **kwargs)

    def decode(self, hidden: Tensor, cos: Tensor, sin: Tensor, attention: CacheAttention) -> Tensor:
        """New hidden states of a decoding step; `[1, T, C]`, and `[1, T, D]` for cosines and sines, contiguous."""
        out = torch.empty_like(hidden)
        self._decode(*self._pointers(out, hidden, cos, sin), *attention.where)
        return out

    def read(self, hidden: Tensor, cos: Tensor, sin: Tensor, attention: PackedAttention) -> Tensor:
        """The same of a packed row."""
        tokens, layer = hidden.shape[1], self._layer
        out, keys_TKD = torch.empty_like(hidden), hidden.new_empty(tokens, layer.K, layer.D)
        values_TKD = torch.empty_like(keys_TKD)
        kept = keys_TKD.data_ptr(), values_TKD.data_ptr()
        self._read(*self._pointers(out, hidden, cos, sin), tokens, *kept, *attention.where)
        if attention.sink is not None:
            attention.sink(layer.number, keys_TKD.transpose(0, 1), values_TKD.transpose(0, 1))
        return out

    def _pointers(self, out: Tensor, hidden: Tensor, cos: Tensor, sin: Tensor) -> tuple[int, ...]:
        return out.data_ptr(), hidden.data_ptr(), ctypes.addressof(self._layer), cos.data_ptr(), sin.data_ptr()


def _plain(*inputs: Tensor) -> bool:
    return all(x.dtype == torch.bfloat16 and x.is_contiguous() and len(x) == 1 for x in inputs)


@torch.inference_mode()
def compiled_layer(module: Any, packed: Mapping[nn.Module, PackedWeight]) -> CompiledLayer | None:
    """A decoder layer as one compiled call; None if it computes anything but norm, attention, norm and gated product.

    Args:
        module: the layer, computing with the packed weights.
        packed: by the first of the layers that a weight is of.
    """
    try:
        attention, gated = module.self_attn, module.mlp
        norms = [module.input_layernorm, *(getattr(attention, name, None) for name in ("q_norm", "k_norm"))]
        norms.append(module.post_attention_layernorm)
        linears = [packed[x] for x in (attention.q_proj, attention.o_proj, gated.gate_proj, gated.down_proj)]
        number, channels = attention.layer_idx, attention.head_dim
        silu = layers.is_silu(gated.act_fn)
    except (AttributeError, KeyError):
        return None
    form, *others = {layers.norm_form(norm) for norm in norms if norm is not None}
    if not silu or form is None or others or not _fit(norms, linears, channels):
        return None
    trial = _Trial(number, linears, channels)
    expected = trial.of(module)
    if expected is None:
        return None
    queries, heads = trial.heads
    sizes = linears[0].channels, linears[3].channels, heads, queries // heads, channels, number, trial.window
    pointers = [None if norm is None else norm.weight.data_ptr() for norm in norms]
    layer = _Layer(*pointers, *map(_linear, linears), *sizes, form[0], trial.scaling, form[1])
    found = CompiledLayer(module, layer, [norms, linears])
    return found if torch.equal(found.decode(*trial.inputs, trial.cache), expected) else None


def _fit(norms: Sequence[Any], linears: Sequence[PackedWeight], channels: int) -> bool:
    """Whether weights have the sizes that the compiled layer takes them to have."""
    project, attended, gate_up, down = linears
    width = project.channels
    widths = (width, channels, channels, width)
    heads, rest = divmod(project.outputs - attended.channels, 2 * channels)
    return (
        all(norm is None or _is_weight(norm.weight, size) for norm, size in zip(norms, widths, strict=True))
        and (attended.outputs, gate_up.channels, down.outputs) == (width,) * 3
        and gate_up.outputs == 2 * down.channels
        and heads > 0
        and rest == 0
        and attended.channels % (heads * channels) == 0
    )


def _is_weight(weight: Tensor, size: int) -> bool:
    return weight.dtype == torch.bfloat16 and weight.shape == (size,) and weight.is_contiguous()


def _linear(weight: PackedWeight) -> _Linear:
    return _Linear(weight.packed.data_ptr(), None if weight.bias_O is None else weight.bias_O.data_ptr())
