"""A model's decoder layers as compiled calls, in sampling; recognised by what they compute."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPast

from darkhorse.policy.attention import attention_plan, plan_in_force
from darkhorse.policy.native import layers
from darkhorse.policy.native.attention import CacheAttention, PackedAttention
from darkhorse.policy.native.library import library
from darkhorse.policy.native.products import PackedWeight

_TOKENS, _PLACES = 2, 5
"""What a decoder is tried with: new tokens, one a slot, and places of the cache."""


class _Linear(ctypes.Structure):
    """`Linear` of `decoder.h`."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("weight", "bias")]


class _Layer(ctypes.Structure):
    """`DecoderLayer` of `decoder.h`."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("attention_norm", "query_norm", "key_norm", "gate_norm")),
        *((name, _Linear) for name in ("query_key_value", "attended", "gate_up", "down")),
        *((name, ctypes.c_int64) for name in ("C", "inner", "K", "Q", "D", "number", "window")),
        *((name, ctypes.c_double) for name in ("eps", "scaling")),
        ("plus_one", ctypes.c_int64),
    ]


class CompiledDecoder:
    """A model without its head whose layers are compiled calls where a plan's attention is compiled and nothing is
    differentiated; else it computes what it did.

    Args:
        model: embedding, rotary embedding, layers and norm.
        layers: their sizes, and the addresses of their weights.
        held: those weights.
    """

    def __init__(self, model: Any, layers: Sequence[_Layer], held: object) -> None:
        self._model, self._otherwise = model, model.forward
        self._layers, self._held = (_Layer * len(layers))(*layers), held
        compiled = library()
        assert compiled is not None
        self._decode_layers, self._read_layer = compiled.decode_layers, compiled.read_layer

    def forward(self, *args: Any, **inputs: Any) -> BaseModelOutputWithPast:
        """What the model's own method computes of `input_ids` and `position_ids`, `[1, T]` each."""
        attention = getattr(plan_in_force(), "compiled_attention", None)
        known = not args and set(inputs) == {"input_ids", "position_ids", "use_cache"}
        if known and torch.is_inference_mode_enabled() and isinstance(attention, CacheAttention | PackedAttention):
            hidden = self.compute(inputs["input_ids"], inputs["position_ids"], attention)
            return BaseModelOutputWithPast(last_hidden_state=hidden)
        made: BaseModelOutputWithPast = self._otherwise(*args, **inputs)
        return made

    def compute(self, tokens: Tensor, positions: Tensor, attention: CacheAttention | PackedAttention) -> Tensor:
        """Hidden states `[1, T, C]`.

        Raises:
            ValueError: if the model's embeddings are not what the layers read.
        """
        hidden = self._model.embed_tokens(tokens)
        cos, sin = self._model.rotary_emb(hidden, position_ids=positions)
        turn, layer = (cos.contiguous(), sin.contiguous()), self._layers[0]
        for x, width in (hidden, layer.C), (turn[0], layer.D), (turn[1], layer.D):
            if x.dtype != torch.bfloat16 or x.shape != (*tokens.shape, width) or not x.is_contiguous():
                raise ValueError(f"embeddings of another kind: {x.dtype} {[*x.shape]}")
        if isinstance(attention, CacheAttention):
            self._decode(hidden, turn, attention)
        else:
            self._read(hidden, turn, attention)
        normed: Tensor = self._model.norm(hidden)
        return normed

    def _decode(self, hidden: Tensor, turn: Sequence[Tensor], attention: CacheAttention) -> None:
        turning = [x.data_ptr() for x in turn]
        where = ctypes.addressof(self._layers), len(self._layers)
        self._decode_layers(hidden.data_ptr(), *where, *turning, *attention.where)

    def _read(self, hidden: Tensor, turn: Sequence[Tensor], attention: PackedAttention) -> None:
        turning = [x.data_ptr() for x in turn]
        for layer in self._layers:
            shape = hidden.shape[1], layer.K, layer.D
            keys_TKD, values_TKD = hidden.new_empty(shape), hidden.new_empty(shape)
            kept = keys_TKD.data_ptr(), values_TKD.data_ptr()
            self._read_layer(
                hidden.data_ptr(), ctypes.addressof(layer), *turning, len(keys_TKD), *kept, *attention.where
            )
            if attention.sink is not None:
                attention.sink(layer.number, keys_TKD.transpose(0, 1), values_TKD.transpose(0, 1))


@torch.inference_mode()
def compiled_decoder(model: Any, packed: Mapping[nn.Module, PackedWeight]) -> CompiledDecoder | None:
    """A model's layers as compiled calls; None if one of them computes anything but norm, attention, norm and gated
    product, each added to what came in, or if something else is done between them.

    Args:
        model: without its head, computing with the packed weights.
        packed: by the first of the layers that a weight is of.
    """
    try:
        parts = [_Parts(module, packed) for module in model.layers]
        trial = _Trial(model, parts)
        expected = trial.result()
        found = CompiledDecoder(model, [part.layer(*trial.seen[part.number]) for part in parts], parts)
        computed = found.compute(trial.tokens, trial.positions, trial.cache)
    except (AttributeError, KeyError, IndexError, RuntimeError, TypeError, ValueError):
        return None
    return found if torch.equal(computed, expected) else None


class _Parts:
    """Norms and weights of a layer.

    Raises:
        AttributeError, KeyError: if there are others than a decoder layer's.
        ValueError: if they have other forms or sizes than the compiled layer takes them to have.
    """

    def __init__(self, module: Any, packed: Mapping[nn.Module, PackedWeight]) -> None:
        attention, gated = module.self_attn, module.mlp
        self.norms = [module.input_layernorm, *(getattr(attention, name, None) for name in ("q_norm", "k_norm"))]
        self.norms.append(module.post_attention_layernorm)
        self.linears = [packed[x] for x in (attention.q_proj, attention.o_proj, gated.gate_proj, gated.down_proj)]
        self.number, self.channels = attention.layer_idx, attention.head_dim
        project, attended, *_ = self.linears
        self.queries = attended.channels // self.channels
        self.heads = (project.outputs // self.channels - self.queries) // 2
        form, *others = {layers.norm_form(norm) for norm in self.norms if norm is not None}
        if form is None or others or not layers.is_silu(gated.act_fn) or not self._fit():
            raise ValueError("not a layer that is compiled")
        self.form = form

    def _fit(self) -> bool:
        project, attended, gate_up, down = self.linears
        width = project.channels
        widths = (width, self.channels, self.channels, width)
        return (
            all(norm is None or _is_weight(norm.weight, size) for norm, size in zip(self.norms, widths, strict=True))
            and (attended.outputs, gate_up.channels, down.outputs) == (width,) * 3
            and gate_up.outputs == 2 * down.channels
            and attended.channels == self.queries * self.channels
            and project.outputs == (self.queries + 2 * self.heads) * self.channels
            and self.heads > 0
            and self.queries % self.heads == 0
        )

    def layer(self, scaling: float, window: int | None) -> _Layer:
        """What the compiled layer is told."""
        project, _, _, down = self.linears
        sizes = project.channels, down.channels, self.heads, self.queries // self.heads, self.channels
        pointers = [None if norm is None else norm.weight.data_ptr() for norm in self.norms]
        epsilon, plus_one = self.form
        linears = map(_linear, self.linears)
        return _Layer(*pointers, *linears, *sizes, self.number, window or 0, epsilon, scaling, plus_one)


class _Trial:
    """A plan under which a model is tried; it notes how the layers attend.

    Args:
        model: without its head.
        parts: of its layers.

    Attributes:
        tokens, positions: what it is tried with.
        cache: that is attended over.
        seen: scaling and window, by the layer's number.
    """

    compiled_attention = None  # the layers' own operations are to be seen

    def __init__(self, model: Any, parts: Sequence[_Parts]) -> None:
        self._model = model
        positions = range(_PLACES - _TOKENS, _PLACES)
        self.tokens, self.positions = torch.arange(1, 1 + _TOKENS)[None], torch.tensor([positions])
        shape = (1 + max(part.number for part in parts), _TOKENS, parts[0].heads, _PLACES, parts[0].channels)
        self.cache = CacheAttention([(_numbers(*shape), _numbers(*shape))], [positions], 1)
        self._shapes = {
            part.number: [(count, _TOKENS, part.channels) for count in (part.queries, part.heads, part.heads)]
            for part in parts
            if (part.heads, part.channels) == (parts[0].heads, parts[0].channels)
        }
        self.seen: dict[int, tuple[float, int | None]] = {}

    def attend(
        self, layer: int, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        """See `AttentionPlan.attend`.

        Raises:
            ValueError: for a layer that attends twice or by other heads than its weights suggest.
        """
        shapes = [tuple(x.shape) for x in (query_HTD, key_KTD, value_KTD)]
        if layer in self.seen or shapes != self._shapes.get(layer):
            raise ValueError("a layer attends in a way of its own")
        self.seen[layer] = scaling, window
        return self.cache.attend(layer, query_HTD, key_KTD, value_KTD, scaling, window)

    def result(self) -> Tensor:
        """What the model itself computes."""
        with attention_plan(self):
            made = self._model(input_ids=self.tokens, position_ids=self.positions, use_cache=False)
        hidden: Tensor = made.last_hidden_state
        return hidden


def _numbers(*shape: int) -> Tensor:
    """Numbers without a pattern, always the same."""
    return torch.arange(math.prod(shape)).mul(1.7).sin().view(shape).bfloat16()


def _is_weight(weight: Tensor, size: int) -> bool:
    return weight.dtype == torch.bfloat16 and weight.shape == (size,) and weight.is_contiguous()


def _linear(weight: PackedWeight) -> _Linear:
    return _Linear(weight.packed.data_ptr(), None if weight.bias_O is None else weight.bias_O.data_ptr())
