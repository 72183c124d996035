"""A lane of the local engine: sequences decoded together, batching continuously over a slot cache."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from darkhorse.errors import UserError
from darkhorse.policy.attention import AttentionPlan, attention_plan
from darkhorse.policy.loading import Policy
from darkhorse.rollout.buffers import Buffers
from darkhorse.rollout.cache import SlotCache, place_elements
from darkhorse.rollout.decoding import Decoder, EagerDecoder
from darkhorse.rollout.drawing import Drawer
from darkhorse.rollout.engine import Inbox, Likeliest, Request
from darkhorse.rollout.graphs import GraphDecoder
from darkhorse.rollout.ledger import Ledger
from darkhorse.rollout.prefill import Read, common_beginning, read_in_pieces, read_prompts, tokens_at_once
from darkhorse.rollout.sequence import LiveSequence, begin, end_of
from darkhorse.rollout.trajectory import Completion, FinishReason

_REFILL_BELOW = 0.75
"""Share of the slots still busy below which waiting prompts are read, several at a time."""
_LIKE_LENGTH = 64
"""Prompts whose lengths lie in the same span of so many tokens count as alike."""
_LEAST_BLOCK = 8
"""Slots at least of a block of the cache where requests keep coming."""
DRAFT_TOKENS = 7
"""Tokens guessed for a sequence at most, where nothing else is said."""


@dataclass(frozen=True)
class _Ask:
    """Samples of a request that are still to be drawn."""

    index: int
    request: Request
    samples: Sequence[int]

    @property
    def end(self) -> int:
        """How long its sequences may get."""
        return end_of(self.request)

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
        draft_tokens: most tokens guessed for a sequence at a step, where few are decoded and rows cost little: those
            that turn out to be what is drawn need no step of their own.
    """

    def __init__(
        self,
        policy: Policy,
        on_token: Callable[[int, int, int], None] | None,
        on_likeliest: Callable[[int, int, Likeliest], None] | None = None,
        draft_tokens: int = DRAFT_TOKENS,
    ) -> None:
        self.policy = policy
        self._drawer, self._draft_tokens = Drawer(on_token, on_likeliest), draft_tokens
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
        """Give up a sample before the next decoding step, if it has not ended; its slot is free then. From any thread.

        A long prompt that is being read for samples given up is read no further.
        """
        self._withdrawn.append((request, sample))

    def rest(self) -> None:
        """Hold no memory for keys and values until the next run."""
        self._buffers.let_go()

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
        live: list[LiveSequence] = []
        slots = min(max_sequences, sum(request.num_samples for _, request in inbox))
        capacity = cache_bytes // self._place_bytes
        cache = self._new_cache(slots, capacity)
        decoder = self._decoder()
        reading: _Reading | None = None
        while inbox or waiting or live or reading:
            for index, request in sorted(inbox, key=lambda pair: reading_order(pair[1]), reverse=True):
                kept = self._kept_for(request)
                free = len(live) < max_sequences
                if kept is not None and free and cache.ledger.has_room(len(kept.tokens), end_of(request)):
                    slot = cache.add(kept.keys, kept.values, end_of(request), kept.tokens)
                    live.insert(slot, begin(index, 0, request, len(kept.tokens)))
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
                self._step(decoder, live, cache)
                yield from self._retire(live, cache, inbox)
            yield None

    def _new_cache(self, slots: int, capacity: int) -> SlotCache:
        return SlotCache(self.policy.model.config, slots, self._buffers, capacity)

    def _give_up(
        self, waiting: deque[_Ask], reading: _Reading | None, live: list[LiveSequence], cache: SlotCache
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
    def _vacate(slot: int, live: list[LiveSequence], cache: SlotCache) -> None:
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
        self, asks: Sequence[_Ask], read: Read, live: list[LiveSequence], cache: SlotCache, inbox: Inbox
    ) -> Iterator[Completion]:
        """Give the samples of requests whose prompts have been read their slots, and draw their first token."""
        last_hidden, computed = read
        fresh: list[LiveSequence] = []
        prompt_of: list[int] = []
        for number, (ask, (prompt_keys, prompt_values)) in enumerate(zip(asks, computed, strict=True)):
            for sample in ask.samples:
                fresh.append(begin(ask.index, sample, ask.request))
                prompt_of.append(number)
                slot = cache.add(prompt_keys, prompt_values, ask.end, ask.request.prompt)
                live.insert(slot, fresh[-1])
        logits = self._head(last_hidden)[prompt_of]
        self._drawer.draw(fresh, logits)
        yield from self._retire(live, cache, inbox)

    @torch.inference_mode()
    def _step(self, decoder: Decoder, live: list[LiveSequence], cache: SlotCache) -> None:
        """Read what every live sequence has next, and draw what follows: a token, or as many as were guessed right and
        one more.
        """
        fed, width = self._feed(decoder, live, cache)
        logits = self._head(decoder.step(cache, [token for tokens in fed for token in tokens], width))
        if width == 1:
            self._drawer.draw(live, logits)
            return
        going = list(range(len(live)))
        for number in range(width):
            self._drawer.draw([live[slot] for slot in going], logits[[slot * width + number for slot in going]])
            unused = width - 1 - number
            right = [slot for slot in going if unused and self._goes_on(live[slot], fed[slot][number + 1])]
            for slot in going:
                if slot in right:
                    live[slot].take()
                else:
                    cache.shorten(slot, unused)
            going = right

    def _feed(self, decoder: Decoder, live: list[LiveSequence], cache: SlotCache) -> tuple[list[list[int]], int]:
        """What each sequence reads in a step, as many tokens each: its next one and guesses, filled up with what is
        forgotten again.
        """
        most = min(self._draft_tokens, decoder.spare_rows // len(live) - 1)
        if most > 0:
            most = min(most, cache.room - 1)
        guesses = [sequence.guess(most) for sequence in live] if most > 0 else []
        width = 1 + max(map(len, guesses), default=0)
        fed = [[sequence.take()] for sequence in live]
        for tokens, guess in zip(fed, guesses, strict=False):
            tokens += guess + [0] * (width - 1 - len(guess))
        return fed, width

    def _goes_on(self, sequence: LiveSequence, fed: int) -> bool:
        """Whether a sequence has not ended, and what was fed to the model is what it was to read next."""
        ended = not sequence.unread and self._finish_reason(sequence) is not None
        return not ended and sequence.next == fed

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

    def _retire(self, live: list[LiveSequence], cache: SlotCache, inbox: Inbox) -> Iterator[Completion]:
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

    def _finish_reason(self, sequence: LiveSequence) -> FinishReason | None:
        if sequence.tokens[-1] == self._stop_token and not sequence.sampling.ignore_end:
            return "stop"
        if sequence.sampling.stop:
            text = self.policy.renderer.decode(sequence.tokens)
            if any(stop in text for stop in sequence.sampling.stop):
                return "stop"
        return "length" if len(sequence.tokens) >= sequence.sampling.max_tokens else None


def reading_order(request: Request) -> tuple[int, list[int]]:
    """Sort key by which prompts are read: longest first, since sequences of like length share a block of the cache;
    those of about the same length by their tokens, so that common beginnings stand together and are computed once.
    """
    return -(len(request.prompt) // _LIKE_LENGTH), list(request.prompt)


def _book(ledger: Ledger, ask: _Ask, most: int) -> int:
    """Book samples until there is no more room; how many found some."""
    count = 0
    while count < min(len(ask.samples), most) and ledger.book(len(ask.request.prompt), ask.end) is not None:
        count += 1
    return count


def _has_room(ledger: Ledger, ask: _Ask) -> bool:
    return _book(ledger.copy(), ask, len(ask.samples)) == len(ask.samples)
