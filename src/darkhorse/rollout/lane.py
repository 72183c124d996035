"""A lane of the local engine: sequences decoded together, batching continuously over a slot cache."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from darkhorse.errors import UserError
from darkhorse.policy.attention import AttentionPlan, attention_plan
from darkhorse.policy.loading import Policy
from darkhorse.rollout.buffers import Buffers
from darkhorse.rollout.cache import SlotCache, place_elements
from darkhorse.rollout.decoding import Decoder, EagerDecoder
from darkhorse.rollout.engine import Inbox, Likeliest, Request, SamplingParams
from darkhorse.rollout.graphs import GraphDecoder
from darkhorse.rollout.ledger import Ledger
from darkhorse.rollout.prefill import Read, common_beginning, read_in_pieces, read_prompts, tokens_at_once
from darkhorse.rollout.sampling import greedy_tokens, sample_tokens, truncate_logits, uniforms
from darkhorse.rollout.trajectory import Completion, FinishReason

_REFILL_BELOW = 0.75
"""Share of the slots still busy below which waiting prompts are read, several at a time."""
_LIKE_LENGTH = 64
"""Prompts whose lengths lie in the same span of so many tokens count as alike."""
_LEAST_BLOCK = 8
"""Slots at least of a block of the cache where requests keep coming."""
_GREEDY_BELOW = 1e-5
"""Temperatures that divide logits to infinity are lower; the likeliest token has all the probability long before."""
_CPU_ROWS = 16
"""Rows of logits that are drawn from at a time on a processor, so that they stay in its caches."""


@dataclass
class _Sequence:
    """A sample being decoded; `unread` holds prompt tokens that decoding steps read one by one before it is drawn."""

    request: int
    sample: int
    prompt: Sequence[int]
    sampling: SamplingParams
    uniforms: np.ndarray
    unread: deque[int] = field(default_factory=deque)
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Ask:
    """Samples of a request that are still to be drawn."""

    index: int
    request: Request
    samples: Sequence[int]

    @property
    def end(self) -> int:
        """How long its sequences may get."""
        return _end(self.request)

    def without(self, gone: set[tuple[int, int]]) -> _Ask | None:
        """What is left of it when some samples have been given up."""
        samples = [sample for sample in self.samples if (self.index, sample) not in gone]
        return replace(self, samples=samples) if samples else None


@dataclass
class _Reading:
    """A long prompt that is being read, a piece between one decoding step and the next; `read` when it has been."""

    ask: _Ask
    pieces: Iterator[Read | None]
    read: Read | None = None


@dataclass(frozen=True)
class _Kept:
    """What was computed for a sample that has just ended: its tokens, and their keys and values, `[L, K, T, D]`."""

    tokens: list[int]
    keys: Tensor
    values: Tensor


class Lane:
    """Decodes its share of an engine's requests.

    Args:
        policy: whose tensors are used as they are.
        on_token: called with request, sample and token as each token is drawn.
        on_likeliest: called before it, with the log-probabilities that the request's `likeliest` asks for.
    """

    def __init__(
        self,
        policy: Policy,
        on_token: Callable[[int, int, int], None] | None,
        on_likeliest: Callable[[int, int, Likeliest], None] | None = None,
    ) -> None:
        self.policy = policy
        self._on_token, self._on_likeliest = on_token, on_likeliest
        self._withdrawn: deque[tuple[int, int]] = deque()
        self.weights_version = 0
        self._stop_token = policy.renderer.end_of_turn
        self._kept: dict[tuple[int, int], _Kept] = {}
        model = policy.model
        self._place_bytes = place_elements(model.config) * model.dtype.itemsize
        self._buffers = Buffers(model.dtype, model.device)
        self._graphs: GraphDecoder | None = None
        self._at_once = tokens_at_once(model.device)

    def withdraw(self, request: int, sample: int) -> None:
        """Give up a sample before its next token, if it has not ended; its slot is free then. A long prompt that is
        being read for samples given up is read no further. From any thread.
        """
        self._withdrawn.append((request, sample))

    def longest(self, cache_bytes: int) -> int:
        """The longest sequence that finds room in an empty cache of so many bytes, however much of it is prompt."""
        capacity = cache_bytes // self._place_bytes
        ledger = self._new_cache(1, capacity).ledger
        return bisect_left(range(1, capacity + 1), True, key=lambda end: not ledger.has_room(end, end))

    def run(
        self, inbox: Inbox, max_sequences: int, cache_bytes: int, keep_coming: bool = False
    ) -> Iterator[Completion | None]:
        """Completions as they finish, and None between decoding steps.

        Args:
            inbox: requests and their numbers, taken out as they are read; more may come in while a completion is out.
            max_sequences: most sequences decoded at once.
            cache_bytes: about the most memory of their keys and values; a sequence waits where there might not be room
                to its end.
            keep_coming: more requests will come in, between steps as well: blocks of the cache are then made for those
                that came together.
        """
        self._buffers.most = cache_bytes // self._buffers.dtype.itemsize
        waiting: deque[_Ask] = deque()
        live: list[_Sequence] = []
        slots = min(max_sequences, sum(request.num_samples for _, request in inbox))
        capacity = cache_bytes // self._place_bytes
        cache = self._new_cache(slots, capacity)
        decoder = self._decoder()
        reading: _Reading | None = None
        while inbox or waiting or live or reading:
            for index, request in sorted(inbox, key=lambda pair: reading_order(pair[1]), reverse=True):
                kept = self._kept_for(request)
                free = len(live) < max_sequences
                if kept is not None and free and cache.ledger.has_room(len(kept.tokens), _end(request)):
                    slot = cache.add(kept.keys, kept.values, _end(request))
                    live.insert(slot, _resume(index, request, len(kept.tokens)))
                else:
                    waiting.appendleft(_Ask(index, request, range(request.num_samples)))
            inbox.clear()
            self._kept.clear()
            if self._withdrawn:
                waiting, reading = self._give_up(waiting, reading, live, cache)
            if keep_coming:
                cache.expect(min(max_sequences, max(_LEAST_BLOCK, sum(len(ask.samples) for ask in waiting))))
            if len(live) <= _REFILL_BELOW * max_sequences:
                while waiting and (asks := self._admissible(waiting, reading, len(live), max_sequences, cache)):
                    if self._is_long(asks[0]):
                        reading = _Reading(asks[0], self._read_in_pieces(asks[0].request.prompt))
                    else:
                        yield from self._admit(asks, self._read(asks), live, cache, inbox)
            if reading is not None:
                reading.read = reading.read or next(reading.pieces)
                if reading.read is not None and _has_room(cache.ledger, reading.ask):
                    yield from self._admit([reading.ask], reading.read, live, cache, inbox)
                    reading = None
            if live:
                self._draw(live, self._decode(decoder, live, cache))
                yield from self._retire(live, cache, inbox)
            yield None

    def _new_cache(self, slots: int, capacity: int) -> SlotCache:
        return SlotCache(self.policy.model.config, slots, self._buffers, capacity)

    def _give_up(
        self, waiting: deque[_Ask], reading: _Reading | None, live: list[_Sequence], cache: SlotCache
    ) -> tuple[deque[_Ask], _Reading | None]:
        """Free the slots of withdrawn samples; returns what waits and what is being read without them."""
        gone: set[tuple[int, int]] = set()
        while self._withdrawn:
            gone.add(self._withdrawn.popleft())
        for slot in reversed(range(len(live))):
            if (live[slot].request, live[slot].sample) in gone:
                self._vacate(slot, live, cache)
        if reading is not None:
            ask = reading.ask.without(gone)
            reading = replace(reading, ask=ask) if ask is not None else None
        return deque(left for ask in waiting if (left := ask.without(gone)) is not None), reading

    @staticmethod
    def _vacate(slot: int, live: list[_Sequence], cache: SlotCache) -> None:
        """Take a sequence out of its slot; another one moves there."""
        moved = cache.remove(slot)
        live[slot] = live[moved]
        del live[moved]

    def _kept_for(self, request: Request) -> _Kept | None:
        """What is still held of the sample that a request continues."""
        kept = self._kept.get(request.continues) if request.continues is not None else None
        if kept is None or request.num_samples != 1 or list(request.prompt[: len(kept.tokens)]) != kept.tokens:
            return None
        return kept

    def _is_long(self, ask: _Ask) -> bool:
        return len(ask.request.prompt) > self._at_once

    def _admissible(
        self, waiting: deque[_Ask], reading: _Reading | None, live: int, most: int, cache: SlotCache
    ) -> list[_Ask]:
        """Take out of `waiting` what can be read next in one pass, or one long prompt if none is being read; all
        samples of a request together, unless even alone they would not find room.
        """
        ledger = cache.ledger.copy()
        if reading is not None:
            live += _book(ledger, reading.ask, len(reading.ask.samples))
        free = most - live
        taken: list[_Ask] = []
        tokens = 0
        place = 0
        while place < len(waiting) and (not taken or tokens < self._at_once):
            ask = waiting[place]
            if self._is_long(ask) and reading is not None:
                place += 1  # its turn comes; shorter ones need not wait for it
                continue
            if self._is_long(ask) and taken:
                break  # read alone
            room = _book(ledger, ask, free)
            if room < len(ask.samples):
                if taken or live:
                    break
                if room == 0:
                    raise self._too_long(ask, cache)
                waiting.insert(place + 1, replace(ask, samples=ask.samples[room:]))
            del waiting[place]
            before = taken[-1].request.prompt if taken else ()
            tokens += len(ask.request.prompt) - common_beginning(before, ask.request.prompt)
            taken.append(replace(ask, samples=ask.samples[:room]))
            free -= room
        return taken

    def _too_long(self, ask: _Ask, cache: SlotCache) -> UserError:
        needed, most = ask.end * self._place_bytes, (cache.ledger.capacity or 0) * self._place_bytes
        return UserError(
            f"One sequence of up to {ask.end} tokens needs a key-value cache of {needed / 2**30:.2f} GiB, and half as "
            f"much to grow, but there are {most / 2**30:.2f} GiB.",
            "Raise engine.cache_gib (each lane has its share of it), or lower max_completion_length.",
        )

    @torch.inference_mode()
    def _read(self, asks: Sequence[_Ask]) -> Read:
        return read_prompts(self._forward, [ask.request.prompt for ask in asks])

    @torch.inference_mode()
    def _read_in_pieces(self, prompt: Sequence[int]) -> Iterator[Read | None]:
        yield from read_in_pieces(self._forward, prompt)

    @torch.inference_mode()
    def _admit(
        self, asks: Sequence[_Ask], read: Read, live: list[_Sequence], cache: SlotCache, inbox: Inbox
    ) -> Iterator[Completion]:
        """Give the samples of requests whose prompts have been read their slots, and draw their first token."""
        last_hidden, computed = read
        fresh: list[_Sequence] = []
        prompt_of: list[int] = []
        for number, (ask, (prompt_keys, prompt_values)) in enumerate(zip(asks, computed, strict=True)):
            sampling = ask.request.sampling
            for sample in ask.samples:
                draws = uniforms(sampling.seed, sample, sampling.max_tokens)
                fresh.append(_Sequence(ask.index, sample, ask.request.prompt, sampling, draws))
                prompt_of.append(number)
                live.insert(cache.add(prompt_keys, prompt_values, ask.end), fresh[-1])
        logits = self._head(last_hidden)[prompt_of]
        self._draw(fresh, logits)
        yield from self._retire(live, cache, inbox)

    @torch.inference_mode()
    def _decode(self, decoder: Decoder, live: list[_Sequence], cache: SlotCache) -> Tensor:
        """Logits of the next token of every live sequence, `[live, V]`."""
        tokens = [s.unread.popleft() if s.unread else s.tokens[-1] for s in live]
        return self._head(decoder.step(cache, tokens))

    def _decoder(self) -> Decoder:
        model = self.policy.model
        if model.device.type != "cuda":
            return EagerDecoder(self._forward, model.device)
        if self._graphs is None or not self._graphs.fits(model):
            self._graphs = GraphDecoder(model, self._forward)
        return self._graphs

    def _forward(self, plan: AttentionPlan, tokens: Tensor, positions: Tensor) -> Tensor:
        model = self.policy.model
        with attention_plan(plan):
            output = model.base_model(
                input_ids=tokens.to(model.device), position_ids=positions.to(model.device), use_cache=False
            )
        hidden: Tensor = output.last_hidden_state[0]
        return hidden

    def _head(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.policy.model.get_output_embeddings()(hidden)
        return logits

    @torch.inference_mode()
    def _draw(self, live: list[_Sequence], logits: Tensor) -> None:
        """One token for every sequence that has read its prompt, by its own settings."""
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
        live: list[_Sequence],
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

    def _likeliest(self, live: list[_Sequence], rows: list[int], part: Tensor) -> dict[int, Tensor]:
        """The model's own log-probabilities in the rows that ask for them."""
        if self._on_likeliest is None:
            return {}
        return {
            row: part[number].log_softmax(-1)
            for number, row in enumerate(rows)
            if live[row].sampling.likeliest is not None
        }

    def _report(self, sequence: _Sequence, token: int, logprobs: Tensor) -> None:
        assert self._on_likeliest is not None
        values, tokens = logprobs.topk(min(sequence.sampling.likeliest or 0, len(logprobs)))
        found = Likeliest(float(logprobs[token]), tuple(zip(tokens.tolist(), values.tolist(), strict=True)))
        self._on_likeliest(sequence.request, sequence.sample, found)

    def _retire(self, live: list[_Sequence], cache: SlotCache, inbox: Inbox) -> Iterator[Completion]:
        """Completions of the sequences that ended; another one moves into each freed slot. What was computed for one
        is kept if a request that continues it came in meanwhile.
        """
        for slot in reversed(range(len(live))):
            sequence = live[slot]
            reason = None if sequence.unread else self._finish_reason(sequence)
            if reason is None:
                continue
            key = sequence.request, sequence.sample
            yield Completion(*key, sequence.tokens, sequence.logprobs, reason, self.weights_version)
            if any(request.continues == key for _, request in inbox):
                computed = [*sequence.prompt, *sequence.tokens[:-1]]
                self._kept[key] = _Kept(computed, *cache.copy(slot))
            self._vacate(slot, live, cache)

    def _finish_reason(self, sequence: _Sequence) -> FinishReason | None:
        if sequence.tokens[-1] == self._stop_token and not sequence.sampling.ignore_end:
            return "stop"
        if sequence.sampling.stop:
            text = self.policy.renderer.decode(sequence.tokens)
            if any(stop in text for stop in sequence.sampling.stop):
                return "stop"
        return "length" if len(sequence.tokens) >= sequence.sampling.max_tokens else None


def _shift(logits: Tensor, sequence: _Sequence) -> None:
    """Add what a request's settings add to the logits of a row."""
    sampling = sequence.sampling
    if (sampling.presence_penalty or sampling.frequency_penalty) and sequence.tokens:
        counts = Counter(sequence.tokens)
        tokens = sorted(counts)
        frequency = torch.tensor([counts[token] for token in tokens], device=logits.device)
        logits[tokens] -= sampling.presence_penalty + sampling.frequency_penalty * frequency
    for token, bias in sampling.logit_bias:
        logits[token] += bias


def reading_order(request: Request) -> tuple[int, list[int]]:
    """Sort key by which prompts are read: longest first, since sequences of like length share a block of the cache;
    those of about the same length by their tokens, so that common beginnings stand together and are computed once.
    """
    return -(len(request.prompt) // _LIKE_LENGTH), list(request.prompt)


def _end(request: Request) -> int:
    """How long a sequence of a request may get."""
    return len(request.prompt) + request.sampling.max_tokens


def _book(ledger: Ledger, ask: _Ask, most: int) -> int:
    """Book samples until there is no more room; how many found some."""
    count = 0
    while count < min(len(ask.samples), most) and ledger.book(len(ask.request.prompt), ask.end) is not None:
        count += 1
    return count


def _has_room(ledger: Ledger, ask: _Ask) -> bool:
    return _book(ledger.copy(), ask, len(ask.samples)) == len(ask.samples)


def _resume(index: int, request: Request, computed: int) -> _Sequence:
    """A request whose first `computed` tokens need not be read again."""
    draws = uniforms(request.sampling.seed, 0, request.sampling.max_tokens)
    return _Sequence(index, 0, request.prompt, request.sampling, draws, deque(request.prompt[computed:]))
