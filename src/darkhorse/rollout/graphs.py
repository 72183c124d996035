"""Decoding steps as CUDA graphs: a step of a small model is a thousand kernels, which take several times as long to be
started one by one from Python as to run.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedModel

from darkhorse.rollout.cache import DecodePlan, SlotCache, Span
from darkhorse.rollout.prefill import Forward

_FEWEST_SLOTS = 8
_MOST_GRAPHS = 128
_Key: TypeAlias = tuple[tuple[int, int, int, int], ...]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Captured:
    graph: Any
    inputs_3S: Tensor
    hidden_SC: Tensor


class GraphDecoder:
    """Captures the model's operations once for every arrangement of the cache that comes up twice, and replays them.

    A graph reads and writes the memory it was captured on: the model's weights, which an update overwrites in place,
    and the cache's buffers. An arrangement is which buffers hold the slots and how many slots take part, so a graph
    serves again whenever the same buffers are handed out, and never for others.

    Args:
        model: on a CUDA device.
        forward: runs it; called with tensors on that device.
    """

    spare_rows = 1

    def __init__(self, model: PreTrainedModel, forward: Forward) -> None:
        self._model, self._forward, self._device = model, forward, model.device
        self._weights = _places(model)
        self._graphs: OrderedDict[_Key, _Captured] = OrderedDict()
        self._seen: set[_Key] = set()
        self._pool = torch.cuda.graph_pool_handle()
        self._refused = _depends_on_length(model)

    def step(self, cache: SlotCache, tokens: Sequence[int], width: int = 1) -> Tensor:
        """See `Decoder.step`; one token a slot."""
        assert width == 1
        spans = cache.advance(slots_taking_part)
        inputs_3S = padded_inputs(spans, tokens)
        return self._run(spans, inputs_3S)[: len(tokens)]

    def _run(self, spans: Sequence[Span], inputs_3S: Tensor) -> Tensor:
        key = arrangement(spans)
        captured = self._graphs.get(key)
        if captured is None and key in self._seen and not self._refused:
            captured = self._capture(key, spans, inputs_3S)
        self._seen.add(key)
        pinned = inputs_3S.pin_memory()
        if captured is None:
            return padded_step(self._forward, spans, pinned.to(self._device, non_blocking=True))
        self._graphs.move_to_end(key)
        captured.inputs_3S.copy_(pinned, non_blocking=True)
        captured.graph.replay()
        return captured.hidden_SC

    def _capture(self, key: _Key, spans: Sequence[Span], inputs_3S: Tensor) -> _Captured | None:
        """A graph of the step; None if the model does something that a graph cannot hold."""
        inputs = inputs_3S.to(self._device)
        graph: Any = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))
        try:
            with torch.cuda.stream(stream):
                graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
                try:
                    hidden = padded_step(self._forward, spans, inputs)
                finally:
                    graph.capture_end()
        except RuntimeError as error:
            logger.warning("decoding without CUDA graphs, slower: %s", str(error).splitlines()[0])
            self._refused = True
            return None
        torch.cuda.current_stream(self._device).wait_stream(stream)
        captured = self._graphs[key] = _Captured(graph, inputs, hidden)
        if len(self._graphs) > _MOST_GRAPHS:
            self._graphs.popitem(last=False)
        return captured

    def fits(self, model: PreTrainedModel) -> bool:
        """Whether the graphs still compute what the model does: its weights lie where they lay."""
        return model is self._model and _places(model) == self._weights


def slots_taking_part(live: int, slots: int) -> int:
    """A power of two, so that few arrangements come up; at most all slots."""
    return min(slots, max(_FEWEST_SLOTS, 1 << (live - 1).bit_length()))


def padded_inputs(spans: Sequence[Span], tokens: Sequence[int]) -> Tensor:
    """Rows of tokens, of positions, and of the slots that are live followed by others: `[3, S]`, on the processor.

    Args:
        spans: with positions for all slots taking part; a slot that is not live stands at position 0.
        tokens: one for every live slot, in order.
    """
    positions = [position for span in spans for position in span.positions]
    live = [slot for slot, position in enumerate(positions) if position]
    padded = [0] * len(positions)
    for slot, token in zip(live, tokens, strict=True):
        padded[slot] = token
    live_first = live + [0] * (len(positions) - len(live))
    return torch.tensor([padded, positions, live_first])


def padded_step(forward: Forward, spans: Sequence[Span], inputs_3S: Tensor) -> Tensor:
    """Hidden states of a step, those of live slots first, `[S, C]`; inputs as `padded_inputs` gives them."""
    tokens_S, positions_S, live_first_S = inputs_3S
    hidden = forward(DecodePlan(spans, positions_S), tokens_S[None], positions_S[None])
    return hidden.index_select(0, live_first_S)


def arrangement(spans: Sequence[Span]) -> _Key:
    """What a graph of a step depends on."""
    return tuple(
        (span.keys_LSKTD.data_ptr(), span.values_LSKTD.data_ptr(), span.keys_LSKTD.shape[3], len(span.positions))
        for span in spans
    )


def _places(model: PreTrainedModel) -> list[int]:
    return [parameter.data_ptr() for parameter in model.parameters()]


def _depends_on_length(model: PreTrainedModel) -> bool:
    """Whether rotary frequencies are computed anew where a sequence grows, which a graph would not do."""
    kinds = [str(getattr(module, "rope_type", "")) for module in model.modules()]
    return any("dynamic" in kind or "longrope" in kind for kind in kinds)
