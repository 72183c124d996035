"""Drawing the next tokens of sequences by the settings of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from darkhorse.policy.native import operations
from darkhorse.rollout.engine import Likeliest
from darkhorse.rollout.sampling import greedy_tokens, sample_tokens, truncate_logits
from darkhorse.rollout.sequence import LiveSequence

_GREEDY_BELOW = 1e-5
"""Temperatures that divide logits to infinity are lower; the likeliest token has all the probability long before."""
_Settings: TypeAlias = tuple[float, int, float, float]
"""Temperature, top-k, top-p and min-p."""
_CPU_ROWS = 16
"""Rows of logits that are drawn from at a time on a processor, so that they stay in its caches."""


class Drawer:
    """Draws tokens, and tells of them.

    Args:
        on_token: called with request, sample and token as each token is drawn.
        on_likeliest: called before it, with the log-probabilities that the request's `likeliest` asks for.
    """

    def __init__(
        self,
        on_token: Callable[[int, int, int], None] | None,
        on_likeliest: Callable[[int, int, Likeliest], None] | None,
    ) -> None:
        self._on_token, self._on_likeliest = on_token, on_likeliest

    @torch.inference_mode()
    def draw(self, live: Sequence[LiveSequence], logits: Tensor) -> None:
        """One token for every sequence that has read its prompt, from its row of logits, `[live, V]`."""
        by_settings: dict[_Settings, list[int]] = {}
        for row, sequence in enumerate(live):
            if not sequence.unread:
                s = sequence.sampling
                by_settings.setdefault((s.temperature, s.top_k, s.top_p, s.min_p), []).append(row)
        for settings, rows in by_settings.items():
            together = rows[-1] - rows[0] + 1 == len(rows)
            part = logits[rows[0] : rows[-1] + 1] if together else logits[rows]
            self._draw_alike([live[row] for row in rows], part, settings)

    def _draw_alike(self, sequences: Sequence[LiveSequence], logits: Tensor, settings: _Settings) -> None:
        likeliest = self._likeliest(sequences, logits)
        if any(map(_shifts, sequences)):
            logits = logits.float()  # a copy, unless it is in float32
            for row, sequence in zip(logits, sequences, strict=True):
                _shift(row, sequence)
        numbers = [sequence.uniforms[len(sequence.tokens)] for sequence in sequences]
        tokens, logprobs = _drawn(logits, torch.tensor(numbers, dtype=torch.float64), settings)
        for row, (sequence, token, logprob) in enumerate(zip(sequences, tokens, logprobs, strict=True)):
            sequence.tokens.append(token)
            sequence.logprobs.append(logprob)
            if row in likeliest:
                self._report(sequence, token, likeliest[row])
            if self._on_token is not None:
                self._on_token(sequence.request, sequence.sample, token)

    def _likeliest(self, sequences: Sequence[LiveSequence], logits: Tensor) -> dict[int, Tensor]:
        """The model's own log-probabilities in the rows that ask for them."""
        if self._on_likeliest is None:
            return {}
        return {
            row: logits[row].float().log_softmax(-1)
            for row, sequence in enumerate(sequences)
            if sequence.sampling.likeliest is not None
        }

    def _report(self, sequence: LiveSequence, token: int, logprobs: Tensor) -> None:
        assert self._on_likeliest is not None
        values, tokens = logprobs.topk(min(sequence.sampling.likeliest or 0, len(logprobs)))
        found = Likeliest(float(logprobs[token]), tuple(zip(tokens.tolist(), values.tolist(), strict=True)))
        self._on_likeliest(sequence.request, sequence.sample, found)


def _drawn(logits: Tensor, uniforms: Tensor, settings: _Settings) -> tuple[list[int], list[float]]:
    """A token for every row, and its log-probability."""
    temperature, top_k, top_p, min_p = settings
    greedy = temperature < _GREEDY_BELOW
    if operations.serves(logits):
        tokens, logprobs = operations.draw(logits, uniforms, 0.0 if greedy else temperature, top_k, top_p, min_p)
        return tokens.tolist(), logprobs.tolist()
    found: tuple[list[int], list[float]] = [], []
    at_once = _CPU_ROWS if logits.device.type == "cpu" else len(logits)
    for rows, draws in zip(logits.split(at_once), uniforms.to(logits.device).split(at_once), strict=True):
        part = rows.float()
        if greedy:
            tokens, logprobs = greedy_tokens(part)
        else:
            tempered = part if temperature == 1.0 else part / temperature
            tokens, logprobs = sample_tokens(truncate_logits(tempered, top_k, top_p, min_p), draws)
        found[0].extend(tokens.tolist())
        found[1].extend(logprobs.tolist())
    return found


def _shifts(sequence: LiveSequence) -> bool:
    """Whether a request's settings add something to logits."""
    sampling = sequence.sampling
    return bool(sampling.presence_penalty or sampling.frequency_penalty or sampling.logit_bias)


def _shift(logits: Tensor, sequence: LiveSequence) -> None:
    """Add what a request's settings add to the logits of a row."""
    sampling = sequence.sampling
    if (sampling.presence_penalty or sampling.frequency_penalty) and sequence.tokens:
        counts = Counter(sequence.tokens)
        tokens = sorted(counts)
        frequency = torch.tensor([counts[token] for token in tokens], device=logits.device)
        logits[tokens] -= sampling.presence_penalty + sampling.frequency_penalty * frequency
    for token, bias in sampling.logit_bias:
        logits[token] += bias
