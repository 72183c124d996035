"""Drawing the next tokens of sequences by the settings of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from darkhorse.rollout.engine import Likeliest
from darkhorse.rollout.sampling import greedy_tokens, sample_tokens, truncate_logits
from darkhorse.rollout.sequence import LiveSequence

_GREEDY_BELOW = 1e-5
"""Temperatures that divide logits to infinity are lower; the likeliest token has all the probability long before."""
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
        by_settings: dict[tuple[float, float, int, float], list[int]] = {}
        for row, sequence in enumerate(live):
            if not sequence.unread:
                s = sequence.sampling
                by_settings.setdefault((s.temperature, s.top_p, s.top_k, s.min_p), []).append(row)
        at_once = _CPU_ROWS if logits.device.type == "cpu" else len(live)
        for settings, rows in by_settings.items():
            for start in range(0, len(rows), at_once):
                self._draw_alike(live, logits, rows[start : start + at_once], *settings)

    def _draw_alike(
        self,
        live: Sequence[LiveSequence],
        logits: Tensor,
        rows: list[int],
        temperature: float,
        top_p: float,
        top_k: int,
        min_p: float,
    ) -> None:
        together = rows[-1] - rows[0] + 1 == len(rows)
        part = (logits[rows[0] : rows[-1] + 1] if together else logits[rows]).float()
        likeliest = self._likeliest(live, rows, part)
        for number, row in enumerate(rows):
            _shift(part[number], live[row])
        if temperature < _GREEDY_BELOW:
            tokens, logprobs = greedy_tokens(part)
        else:
            part = truncate_logits(part if temperature == 1.0 else part / temperature, top_k, top_p, min_p)
            draws = torch.tensor([live[row].uniforms[len(live[row].tokens)] for row in rows], device=part.device)
            tokens, logprobs = sample_tokens(part, draws)
        for row, token, logprob in zip(rows, tokens.tolist(), logprobs.tolist(), strict=True):
            live[row].tokens.append(token)
            live[row].logprobs.append(logprob)
            if row in likeliest:
                self._report(live[row], token, likeliest[row])
            if self._on_token is not None:
                self._on_token(live[row].request, live[row].sample, token)

    def _likeliest(self, live: Sequence[LiveSequence], rows: list[int], part: Tensor) -> dict[int, Tensor]:
        """The model's own log-probabilities in the rows that ask for them."""
        if self._on_likeliest is None:
            return {}
        return {
            row: part[number].log_softmax(-1)
            for number, row in enumerate(rows)
            if live[row].sampling.likeliest is not None
        }

    def _report(self, sequence: LiveSequence, token: int, logprobs: Tensor) -> None:
        assert self._on_likeliest is not None
        values, tokens = logprobs.topk(min(sequence.sampling.likeliest or 0, len(logprobs)))
        found = Likeliest(float(logprobs[token]), tuple(zip(tokens.tolist(), values.tolist(), strict=True)))
        self._on_likeliest(sequence.request, sequence.sample, found)


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
