"""The local engine against Transformers' `generate`, against itself in other batches, and against the trainer."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from dataclasses import replace

import pytest
import torch

import tiny
from darkhorse.config.rollout import SamplingConfig
from darkhorse.errors import UserError
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.rollout import cache, lane, prefill
from darkhorse.rollout.buffers import Buffers
from darkhorse.rollout.cache import place_elements
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.local import LocalEngine
from darkhorse.rollout.sampling import truncate_logits


def generate(engine, requests):
    """Completions by request and sample."""

    async def collect():
        return [completion async for completion in engine.generate(requests)]

    found = asyncio.run(collect())
    by_sample = {(completion.request, completion.sample): completion for completion in found}
    wanted = {(number, sample) for number, r in enumerate(requests) for sample in range(r.num_samples)}
    assert len(by_sample) == len(found) and set(by_sample) == wanted
    return dict(sorted(by_sample.items()))


def requests_of(count, samples, **settings):
    """Requests whose prompts and limits all differ."""
    rng = random.Random(0)
    return [
        Request(
            [rng.randrange(256) for _ in range(rng.randrange(1, 20))],
            SamplingParams(**({"max_tokens": rng.randrange(1, 30), "seed": number} | settings)),
            samples,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_greedy_decoding_equals_generate_token_for_token(kind):
    policy = tiny.policy(kind)
    if kind in ("llama", "mistral"):
        tiny.ending_often(policy)
    reference = tiny.model(kind)
    reference.load_state_dict(policy.model.state_dict())
    requests = requests_of(6, 1, temperature=0.0, max_tokens=24)
    found = generate(LocalEngine(policy, max_sequences=4), requests)
    for number, request in enumerate(requests):
        prompt = torch.tensor([request.prompt])
        wanted = reference.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=24,
            eos_token_id=policy.renderer.end_of_turn,
        )
        assert found[number, 0].tokens == wanted[0, prompt.shape[1] :].tolist()


@pytest.mark.parametrize("kind", ["llama", "mistral"])
@pytest.mark.parametrize("max_sequences", [1, 3, 5])
def test_refilled_slots_give_the_samples_of_one_big_batch(kind, max_sequences):
    policy = tiny.ending_often(tiny.policy(kind))
    requests = requests_of(9, 2, temperature=1.3)
    together = generate(LocalEngine(policy, max_sequences=64), requests)
    refilled = generate(LocalEngine(policy, max_sequences=max_sequences), requests)
    for key, completion in together.items():
        assert refilled[key].tokens == completion.tokens
        assert refilled[key].finish_reason == completion.finish_reason
        assert refilled[key].logprobs == pytest.approx(completion.logprobs, abs=1e-4)
    lengths = {len(completion.tokens) for completion in together.values()}
    reasons = {completion.finish_reason for completion in together.values()}
    assert len(lengths) > 4 and reasons == {"stop", "length"}, "the samples end at too few places to test anything"


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_long_prompt_read_in_pieces_gives_the_samples_of_one_read_at_once(kind, monkeypatch):
    policy = tiny.policy(kind)
    rng = random.Random(3)
    prompts = [[rng.randrange(256) for _ in range(length)] for length in (70, 8, 65, 129)]
    requests = [Request(prompt, SamplingParams(max_tokens=6, seed=n), 2) for n, prompt in enumerate(prompts)]
    at_once = generate(LocalEngine(policy), requests)
    monkeypatch.setattr(lane, "tokens_at_once", lambda device: 64)
    monkeypatch.setattr(prefill, "_PIECE", 32)
    in_pieces = generate(LocalEngine(policy), requests)
    for key, completion in at_once.items():
        assert in_pieces[key].tokens == completion.tokens
        assert in_pieces[key].logprobs == pytest.approx(completion.logprobs, abs=1e-4)


def test_settings_of_one_batch_do_not_mix():
    policy = tiny.policy()
    mixed = [
        Request([1, 2, 3], SamplingParams(temperature=temperature, top_k=top_k, max_tokens=9, seed=5), 2)
        for temperature, top_k in ((0.0, 0), (1.0, 0), (0.5, 3), (1.0, 3))
    ]
    together = generate(LocalEngine(policy), mixed)
    for number, request in enumerate(mixed):
        alone = generate(LocalEngine(policy), [request])
        assert [together[number, sample].tokens for sample in (0, 1)] == [alone[0, sample].tokens for sample in (0, 1)]


def test_seeds_decide_samples():
    engine = LocalEngine(tiny.policy())
    one, two = (Request([1, 2, 3], SamplingParams(max_tokens=12, seed=seed), 3) for seed in (1, 2))
    first, again, other = (generate(engine, [request]) for request in (one, one, two))
    assert [c.tokens for c in first.values()] == [c.tokens for c in again.values()]
    assert len({tuple(c.tokens) for found in (first, other) for c in found.values()}) == 6


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_reported_log_probabilities_are_the_trainers(kind, temperature):
    policy = tiny.policy(kind)
    requests = requests_of(4, 3, temperature=temperature, max_tokens=15)
    found = generate(LocalEngine(policy, max_sequences=6), requests)
    row = [
        Segment(request.prompt, [found[number, sample].tokens for sample in range(3)])
        for number, request in enumerate(requests)
    ]
    with torch.no_grad():
        wanted, _ = completion_logprobs(policy.model, PackedPlan(row), temperature=temperature)
    got = [logprob for number in range(4) for sample in range(3) for logprob in found[number, sample].logprobs]
    torch.testing.assert_close(torch.tensor(got), wanted, rtol=0, atol=1e-4)


def test_log_probabilities_are_those_of_the_truncated_distribution():
    policy, reference = tiny.policy(), tiny.model()
    request = Request([7, 8, 9], SamplingParams(0.8, top_p=0.7, top_k=9, min_p=0.05, max_tokens=12, seed=3), 4)
    for completion in generate(LocalEngine(policy), [request]).values():
        ids = torch.tensor([[7, 8, 9, *completion.tokens]])
        with torch.no_grad():
            logits = reference(input_ids=ids).logits[0, 2:-1] / 0.8
        exact = torch.log_softmax(truncate_logits(logits, 9, 0.7, 0.05), -1)
        wanted = exact.gather(1, ids[0, 3:, None])[:, 0]
        assert completion.logprobs == pytest.approx(wanted.tolist(), abs=1e-4)


def test_completions_end_where_they_should():
    policy = tiny.ending_often(tiny.policy())
    end = policy.renderer.end_of_turn
    for completion in generate(LocalEngine(policy), requests_of(12, 2, temperature=1.3, max_tokens=20)).values():
        assert len(completion.tokens) == len(completion.logprobs) <= 20
        assert end not in completion.tokens[:-1]
        if completion.finish_reason == "stop":
            assert completion.tokens[-1] == end
        else:
            assert len(completion.tokens) == 20


def test_stop_strings_end_a_completion_and_stay_in_it():
    policy = tiny.policy()
    free = generate(LocalEngine(policy), [Request([1, 2], SamplingParams(max_tokens=40, seed=4), 6)])
    text = policy.renderer.decode(free[0, 2].tokens[:12])
    stop = next(text[at : at + 2] for at in range(3, len(text)) if "\ufffd" not in text[at : at + 2])
    stopped = generate(LocalEngine(policy), [Request([1, 2], SamplingParams(max_tokens=40, stop=(stop,), seed=4), 6)])
    for sample in range(6):
        tokens, whole = stopped[0, sample].tokens, free[0, sample].tokens
        assert tokens == whole[: len(tokens)]
        if stop in policy.renderer.decode(whole):
            assert stopped[0, sample].finish_reason == "stop"
            assert stop in policy.renderer.decode(tokens) and stop not in policy.renderer.decode(tokens[:-1])
        else:
            assert tokens == whole
    assert len(stopped[0, 2].tokens) <= 12


def test_a_presence_penalty_is_taken_from_the_tokens_already_there():
    policy = tiny.policy()
    request = Request([1, 2, 3], SamplingParams(presence_penalty=0.8, temperature=0.7, max_tokens=12, seed=4))
    completion = generate(LocalEngine(policy), [request])[0, 0]
    with torch.no_grad():
        tokens = torch.tensor([[1, 2, 3, *completion.tokens]])
        logits_TV = tiny.model()(input_ids=tokens, use_cache=False).logits[0, 2:-1]
    for place, token in enumerate(completion.tokens):
        row = logits_TV[place].clone()
        row[list(set(completion.tokens[:place]))] -= 0.8
        assert completion.logprobs[place] == pytest.approx(float((row / 0.7).log_softmax(-1)[token]), abs=1e-4)


def test_a_large_presence_penalty_repeats_nothing():
    sampling = SamplingParams(presence_penalty=100.0, max_tokens=60, seed=2, ignore_end=True)
    completion = generate(LocalEngine(tiny.policy()), [Request([1, 2, 3], sampling)])[0, 0]
    assert len(set(completion.tokens)) == len(completion.tokens) == 60


def test_the_end_of_the_turn_can_be_ignored():
    policy = tiny.policy()
    tiny.ending_often(policy)
    asked = requests_of(6, 2, max_tokens=30)
    ended = generate(LocalEngine(policy), asked)
    whole = generate(LocalEngine(policy), [replace(r, sampling=replace(r.sampling, ignore_end=True)) for r in asked])
    assert any(len(c.tokens) < 30 for c in ended.values())
    for key, completion in whole.items():
        assert len(completion.tokens) == 30 and completion.finish_reason == "length"
        assert completion.tokens[: len(ended[key].tokens)] == ended[key].tokens


def test_a_sync_moves_the_version_and_shares_the_weights():
    policy = tiny.policy()
    engine = LocalEngine(policy)
    request = Request([3, 4, 5], SamplingParams(temperature=0.0, max_tokens=8), 1)
    before = generate(engine, [request])[0, 0]
    with torch.no_grad():
        policy.model.get_output_embeddings().weight.copy_(tiny.model(seed=9).lm_head.weight)
    engine.sync_weights(policy)
    after = generate(engine, [request])[0, 0]
    assert (before.weights_version, after.weights_version) == (0, 1)
    assert before.tokens != after.tokens


def test_a_smaller_batch_after_a_larger_one_sees_nothing_of_it():
    engine = LocalEngine(tiny.policy("mistral"))
    small = [Request([9, 9], SamplingParams(max_tokens=7, seed=1), 2)]
    fresh = generate(engine, small)
    generate(engine, requests_of(8, 3, max_tokens=60))
    again = generate(engine, small)
    assert [c.tokens for c in fresh.values()] == [c.tokens for c in again.values()]


def test_no_requests_give_no_completions():
    assert generate(LocalEngine(tiny.policy()), []) == {}


@pytest.fixture
def four_threads():
    """As many lanes as the tests ask for, whatever the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("lanes", [2, 3, 20])
def test_lanes_draw_what_one_lane_draws(lanes):
    policy, requests = tiny.policy(), requests_of(9, 3)
    one = generate(LocalEngine(policy, max_sequences=64), requests)
    several = generate(LocalEngine(policy, max_sequences=64, lanes=lanes, min_sequences_per_lane=1), requests)
    assert [c.tokens for c in one.values()] == [c.tokens for c in several.values()]
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize(
    ("most", "sequences", "lanes", "places"),
    [(256, 7, 1, 256), (256, 15, 1, 256), (256, 16, 2, 128), (256, 24, 3, 85), (256, 400, 3, 85), (16, 400, 2, 8)],
)
def test_a_lane_is_opened_for_enough_sequences_only(most, sequences, lanes, places):
    engine = LocalEngine(tiny.policy(), most, lanes=3, min_sequences_per_lane=8)
    found = engine._lanes_for([Request([1], SamplingParams(), sequences)])
    assert len(found) == lanes
    assert {lane.keywords["max_sequences"] for lane in found} == {places}


@pytest.mark.usefixtures("four_threads")
def test_what_fails_in_a_lane_is_raised_and_the_others_stop():
    running = threading.active_count()

    def fail(request, sample, token):
        if request == 3:
            raise ArithmeticError("no such token")

    engine = LocalEngine(tiny.policy(), 64, fail, lanes=2, min_sequences_per_lane=1)
    with pytest.raises(ArithmeticError, match="no such token"):
        generate(engine, requests_of(9, 3, max_tokens=500))
    assert threading.active_count() == running


@pytest.mark.usefixtures("four_threads")
def test_lanes_stop_when_nobody_listens():
    running = threading.active_count()

    async def first():
        completions = LocalEngine(tiny.policy(), 64, lanes=2, min_sequences_per_lane=1).generate(requests_of(9, 3))
        async for completion in completions:
            await completions.aclose()
            return completion

    assert asyncio.run(first()) is not None
    assert threading.active_count() == running


def test_other_coroutines_run_between_steps():
    async def race():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        async for _ in LocalEngine(tiny.policy()).generate([Request([1], SamplingParams(max_tokens=10), 1)]):
            pass
        ticking.cancel()
        return ticks

    assert asyncio.run(race()) >= 8


def test_sampling_settings_come_from_the_recipe():
    config = SamplingConfig(
        temperature=0.6, top_p=0.95, top_k=40, min_p=0.01, presence_penalty=1.5, max_completion_length=77
    )
    assert SamplingParams.of(config, 3) == SamplingParams(0.6, 0.95, 40, 0.01, 77, (), 3, presence_penalty=1.5)


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize(("sequences", "lanes"), [(2, 1), (64, 1), (64, 3)])
@pytest.mark.parametrize("resumes", [True, False])
def test_requests_appended_meanwhile_are_continued_as_if_asked_alone(sequences, lanes, resumes):
    """Follow-ups that are longer than anything asked first, so that the cache grows under live sequences."""
    first = requests_of(6, 2, temperature=0.0)
    engine = LocalEngine(tiny.policy(), max_sequences=sequences, lanes=lanes, min_sequences_per_lane=1)

    async def converse():
        requests, found = list(first), []
        async for completion in engine.generate(requests):
            found.append(completion)
            if completion.request < len(first) and completion.sample == 0:
                prompt = [*first[completion.request].prompt, *completion.tokens, *range(150)]
                ended = (completion.request, 0) if resumes else None
                requests.append(Request(prompt, SamplingParams(temperature=0.0, max_tokens=40), continues=ended))
        return requests, found

    requests, found = asyncio.run(converse())
    assert len(requests) == 2 * len(first)
    alone = generate(LocalEngine(tiny.policy(), max_sequences=4), requests)
    assert {(c.request, c.sample): c.tokens for c in found} == {key: c.tokens for key, c in alone.items()}
    assert len(found) == len(alone)


def test_a_continuation_of_something_else_is_read_from_its_start():
    first = Request([1, 2, 3], SamplingParams(temperature=0.0, max_tokens=5))
    other = Request([9, 8, 7, 6, 5, 4], SamplingParams(temperature=0.0, max_tokens=5), continues=(0, 0))

    async def converse():
        requests, found = [first], []
        async for completion in LocalEngine(tiny.policy()).generate(requests):
            found.append(completion)
            if completion.request == 0:
                requests.append(other)
        return found

    ((tokens,),) = ([c.tokens for c in asyncio.run(converse()) if c.request == 1],)
    assert tokens == generate(LocalEngine(tiny.policy()), [other])[0, 0].tokens


@pytest.mark.parametrize("lanes", [1, 2])
def test_a_small_cache_makes_requests_wait_and_changes_no_sample(lanes, monkeypatch):
    policy = tiny.ending_often(tiny.policy())
    rng = random.Random(5)
    requests = [
        Request([rng.randrange(256) for _ in range(rng.randrange(1, 200))], SamplingParams(max_tokens=60, seed=n), 3)
        for n in range(12)
    ]
    wanted = generate(LocalEngine(policy, 64), requests)
    gib = 2000 * place_elements(policy.model.config) * 4 / 2**30  # of two thousand positions
    engine = LocalEngine(policy, 64, lanes=lanes, cache_gib=gib, min_sequences_per_lane=1)
    most, take = dict.fromkeys((one._buffers for one in engine._lanes), 0), Buffers.take

    def noted(buffers, shape):
        taken = take(buffers, shape)
        most[buffers] = max(most[buffers], buffers.held)
        return taken

    monkeypatch.setattr(Buffers, "take", noted)
    found = generate(engine, requests)
    for key, completion in wanted.items():
        assert found[key].tokens == completion.tokens
        assert found[key].logprobs == pytest.approx(completion.logprobs, abs=1e-4)
    for buffers, held in most.items():
        assert 0 < held <= 1.5 * 2000 / len(engine._lanes) * place_elements(policy.model.config)
        assert buffers.held == 0, "afterwards the memory is training's"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_beginnings_read_in_one_place_change_no_bit(dtype, monkeypatch):
    policy = tiny.ending_often(tiny.policy(dtype=dtype))
    rng = random.Random(3)
    start = [rng.randrange(256) for _ in range(150)]
    prompts = [start[:length] + [rng.randrange(256) for _ in range(rng.randrange(1, 40))] for length in (150, 150, 70)]
    requests = [Request(prompt, SamplingParams(max_tokens=40, seed=n), 3) for n, prompt in enumerate(prompts)]
    shared = []
    alike = cache.equals
    monkeypatch.setattr(cache, "equals", lambda slots: shared.append(alike(slots)) or shared[-1])
    found = generate(LocalEngine(policy, 64), requests)
    lengths = {length for of_step in shared for _, length in of_step}
    assert {144, 64} <= lengths, "samples of a prompt, and prompts that part after 70 tokens"
    monkeypatch.setattr(cache, "equals", lambda slots: [(number, 0) for number, _ in enumerate(slots)])
    for key, completion in generate(LocalEngine(policy, 64), requests).items():
        assert (found[key].tokens, found[key].logprobs) == (completion.tokens, completion.logprobs)


def test_a_lane_that_runs_alone_has_all_of_the_memory():
    policy = tiny.policy()
    gib = 500 * place_elements(policy.model.config) * 4 / 2**30
    request = Request([1, 2, 3], SamplingParams(max_tokens=200, ignore_end=True))
    (completion,) = generate(LocalEngine(policy, lanes=2, cache_gib=gib), [request]).values()
    assert len(completion.tokens) == 200


def test_unset_the_cache_may_fill_a_third_of_the_memory(monkeypatch):
    policy = tiny.policy()
    memory = 3 * 500 * place_elements(policy.model.config) * 4
    monkeypatch.setattr("darkhorse.rollout.local.memory_bytes", lambda device: memory)
    with pytest.raises(UserError, match="up to 903 tokens"):
        generate(LocalEngine(policy), [Request([1, 2, 3], SamplingParams(max_tokens=900))])


def test_a_sequence_that_can_never_fit_is_an_error():
    policy = tiny.policy()
    gib = 500 * place_elements(policy.model.config) * 4 / 2**30
    with pytest.raises(UserError, match=r"up to 903 tokens needs a key-value cache") as caught:
        generate(LocalEngine(policy, cache_gib=gib), [Request([1, 2, 3], SamplingParams(max_tokens=900))])
    assert "engine.cache_gib" in caught.value.remedy


def run_lane(made, inbox, between=lambda steps: None, **kwargs):
    """Completions of a lane, with something done between its steps."""
    found, steps = [], 0
    for news in made.run(inbox, 16, 2**30, keep_coming=True, **kwargs):
        if news is not None:
            found.append(news)
        else:
            between(steps := steps + 1)
    return {(c.request, c.sample): c.tokens for c in found}


def test_requests_that_come_between_steps_are_continued_as_if_asked_alone():
    policy = tiny.policy()
    requests = requests_of(6, 2, temperature=1.3)
    wanted = {key: c.tokens for key, c in generate(LocalEngine(policy), requests).items()}
    inbox = deque(enumerate(requests[:2]))

    def arrive(steps):
        if steps <= 4:
            inbox.append((steps + 1, requests[steps + 1]))

    assert run_lane(lane.Lane(policy, None), inbox, arrive) == wanted


def test_a_withdrawn_sample_stops_at_once_and_changes_no_other():
    policy = tiny.policy()
    requests = [Request([n, 2, 3], SamplingParams(max_tokens=40, seed=n, ignore_end=True), 3) for n in range(20)]
    wanted = {key: c.tokens for key, c in generate(LocalEngine(policy), requests).items()}
    drawn = []
    made = lane.Lane(policy, lambda request, sample, token: drawn.append((request, sample)))

    def withdraw(steps):
        if steps == 3:
            made.withdraw(1, 1)  # being decoded
            made.withdraw(19, 2)  # waiting
            made.withdraw(99, 0)  # unknown

    found = run_lane(made, deque(enumerate(requests)), withdraw)
    assert found == {key: tokens for key, tokens in wanted.items() if key not in {(1, 1), (19, 2)}}
    assert drawn.count((1, 1)) <= 5 and drawn.count((19, 2)) == 0


def test_others_go_on_while_a_long_prompt_is_read(monkeypatch):
    monkeypatch.setattr(prefill, "_PIECE", 32)
    policy = tiny.policy()
    lengths, answers = (640, 40, 30, 700, 9), (4, 12, 12, 4, 30)
    requests = [
        Request([7] * length, SamplingParams(max_tokens=most, seed=n, ignore_end=True), 2)
        for n, (length, most) in enumerate(zip(lengths, answers, strict=True))
    ]
    wanted = {key: c.tokens for key, c in generate(LocalEngine(policy), requests).items()}
    drawn: list[int] = []
    made = lane.Lane(policy, lambda request, sample, token: drawn.append(request))
    made._at_once = 64
    inbox = deque(enumerate(requests[:4]))

    def arrive(steps):
        if steps == 2:
            inbox.append((4, requests[4]))

    assert run_lane(made, inbox, arrive) == wanted
    first = {request: drawn.index(request) for request in range(5)}
    assert {1, 2, 4} == {request for request in range(5) if first[request] < min(first[0], first[3])}
    assert drawn.index(4) < len(drawn) - 1 - drawn[::-1].index(1), "what came in waited for the others"


def test_a_long_prompt_that_nobody_waits_for_is_read_no_further(monkeypatch):
    monkeypatch.setattr(prefill, "_PIECE", 32)
    made = lane.Lane(tiny.policy(), None)
    made._at_once = 64
    forward, pieces = made._forward, []

    def read(*arguments):
        pieces.append(1)
        if len(pieces) == 3:
            made.withdraw(0, 0)
            made.withdraw(0, 1)
        return forward(*arguments)

    monkeypatch.setattr(made, "_forward", read)
    requests = [Request([1] * length, SamplingParams(max_tokens=3, ignore_end=True), 2) for length in (3200, 40)]
    assert set(run_lane(made, deque(enumerate(requests)))) == {(1, 0), (1, 1)}
    assert len(pieces) < 10


def test_a_temperature_that_would_divide_to_infinity_is_greedy():
    requests = [Request([5, 6], SamplingParams(temperature, max_tokens=8)) for temperature in (0.0, 1e-45, 1e-6)]
    greedy, *others = (c.tokens for c in generate(LocalEngine(tiny.policy()), requests).values())
    assert others == [greedy, greedy]


@pytest.mark.parametrize(
    "setting", [{"temperature": -1.0}, {"temperature": float("nan")}, {"top_p": 0}, {"max_tokens": 0}, {"seed": None}]
)
def test_settings_out_of_range_are_an_error(setting):
    (name,) = setting
    with pytest.raises(UserError, match=f"{name} is .* Give a"):
        SamplingParams(**setting)


def test_the_longest_sequence_is_one_that_fits():
    policy = tiny.policy()
    made = lane.Lane(policy, None)
    cache_bytes = 500 * place_elements(policy.model.config) * 4
    longest = made.longest(cache_bytes)
    assert 200 < longest < 500
    for length in (1, longest // 2, longest - 1):
        request = Request([1] * length, SamplingParams(max_tokens=longest - length, ignore_end=True))
        assert [c.finish_reason for c in made.run(deque([(0, request)]), 4, cache_bytes) if c] == ["length"]
    with pytest.raises(UserError, match="up to"):
        list(made.run(deque([(0, Request([1] * longest, SamplingParams(max_tokens=64)))]), 4, cache_bytes))


def test_what_was_likeliest_is_the_models_own_view():
    policy = tiny.policy()
    seen = []
    made = lane.Lane(policy, None, lambda request, sample, found: seen.append(found))
    sampling = SamplingParams(0.5, top_k=2, max_tokens=9, seed=3, likeliest=4, presence_penalty=1.0)
    (completion,) = [c for c in made.run(deque([(0, Request([7, 8], sampling))]), 4, 2**30) if c]
    with torch.no_grad():
        ids = torch.tensor([[7, 8, *completion.tokens]])
        exact = torch.log_softmax(tiny.model()(input_ids=ids).logits[0, 1:-1], -1)
    assert len(seen) == len(completion.tokens)
    for place, found in enumerate(seen):
        assert found.logprob == pytest.approx(float(exact[place, completion.tokens[place]]), abs=1e-4)
        assert [token for token, _ in found.tokens] == exact[place].topk(4).indices.tolist()


def test_frequency_penalties_and_biases_are_added_to_the_logits():
    policy = tiny.policy()
    sampling = SamplingParams(frequency_penalty=0.6, logit_bias=((65, 3.0), (66, -2.0)), max_tokens=14, seed=4)
    completion = generate(LocalEngine(policy), [Request([1, 2, 3], sampling)])[0, 0]
    with torch.no_grad():
        logits_TV = tiny.model()(input_ids=torch.tensor([[1, 2, 3, *completion.tokens]])).logits[0, 2:-1]
    assert len(set(completion.tokens)) < 14, "nothing came twice"
    for place, token in enumerate(completion.tokens):
        row = logits_TV[place].clone()
        for earlier in completion.tokens[:place]:
            row[earlier] -= 0.6
        row[65] += 3.0
        row[66] -= 2.0
        assert completion.logprobs[place] == pytest.approx(float(row.log_softmax(-1)[token]), abs=1e-4)
