"""A sample being decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.lookup import Lookup
from darkhorse.rollout.sampling import uniforms


@dataclass
class LiveSequence:
    """A sample between its first token and its last.

    Attributes:
        request, sample: which one it is.
        prompt: all of it.
        sampling: of its request.
        uniforms: the numbers that decide its draws.
        unread: prompt tokens that decoding steps read before it is drawn.
        tokens, logprobs: drawn so far.
    """

    request: int
    sample: int
    prompt: Sequence[int]
    sampling: SamplingParams
    uniforms: np.ndarray
    unread: deque[int] = field(default_factory=deque)
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    _lookup: Lookup | None = None

    @property
    def next(self) -> int:
        """The token that the model reads next."""
        return self.unread[0] if self.unread else self.tokens[-1]

    def take(self) -> int:
        """Hand out the token that the model reads next."""
        return self.unread.popleft() if self.unread else self.tokens[-1]

    def guess(self, most: int) -> list[int]:
        """What the model will read after its next token: the rest of the prompt, which is certain, or what followed the
        last tokens when they stood there before.
        """
        if self.unread:
            return [self.unread[place] for place in range(1, min(most + 1, len(self.unread)))]
        if self._lookup is None:
            self._lookup = Lookup(self.prompt)
        return self._lookup.guess(self.tokens, most)


def begin(index: int, sample: int, request: Request, computed: int | None = None) -> LiveSequence:
    """A sample of a request whose first `computed` prompt tokens have been read; all of them when None."""
    draws = uniforms(request.sampling.seed, sample, request.sampling.max_tokens)
    unread = deque(request.prompt[computed:] if computed is not None else ())
    return LiveSequence(index, sample, request.prompt, request.sampling, draws, unread)


def end_of(request: Request) -> int:
    """How long a sequence of a request may get."""
    return len(request.prompt) + request.sampling.max_tokens
