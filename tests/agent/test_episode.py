"""Episodes with a scripted model and real tools: who is answered, what is masked, and no token is made twice."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace

import huggingface_hub
import pytest

import darkhorse.agent.environments.builtin  # noqa: F401
import tiny
from darkhorse.agent.collect import Workplace, collect_groups, sample_groups
from darkhorse.agent.environments import base
from darkhorse.agent.environments.base import Environment
from darkhorse.agent.episode import derive_seed, run_episodes
from darkhorse.agent.tools import Calculator
from darkhorse.agent.turns import LAST_TURN
from darkhorse.chat.renderer import Renderer
from darkhorse.config.rollout import AgentConfig
from darkhorse.errors import UserError
from darkhorse.policy import embedded
from darkhorse.policy.loading import load_tokenizer
from darkhorse.rollout.engine import SamplingParams
from darkhorse.sandbox.client import SandboxUnavailable
from darkhorse.tasks.task import Task
from darkhorse.verify import registry
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored

CALCULATOR = Calculator()
ANSWER = "so\n</think>\n\n42"


def call(body: str, thinking: str = "let me see") -> str:
    return f"{thinking}\n</think>\n\n<tool_call>\n{body}\n</tool_call>"


def sums(expression: str) -> str:
    return call(f'{{"name": "calculator", "arguments": {{"expression": "{expression}"}}}}')


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """Of the embedded model's tokenizer, whose merges run across every seam that is not kept apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: (_ for _ in ()).throw(OSError))
        try:
            return Renderer(load_tokenizer(embedded.resolve_embedded()))
        except UserError as error:
            pytest.skip(f"SKIPPED: {error}")


def task(tools=(CALCULATOR.schema,), verifier="exact") -> Task:
    return Task("t", ({"role": "user", "content": "What is 6*7?"},), verifier, "42", tools)


def episodes(renderer, write, tasks, generations=1, tools=None, **limits):
    engine = tiny.ScriptedEngine(renderer, write)
    tools = {"calculator": CALCULATOR} if tools is None else tools
    sampling, seeds = [SamplingParams(max_tokens=50)] * len(tasks), list(range(len(tasks)))
    config = AgentConfig(**limits)
    found = asyncio.run(run_episodes(engine, renderer, tasks, generations, sampling, seeds, tools, config))
    return engine, found


def play(renderer, turns, **options):
    """One episode that says the turns in order; returns the engine and the trajectory."""
    said = iter(turns)
    engine, ((trajectory,),) = episodes(renderer, lambda *_: next(said), [task(**options.pop("task", {}))], **options)
    return engine, trajectory


def results(trajectory):
    return [message["content"] for message in trajectory.response.turns if message["role"] == "tool"]


def test_a_call_is_answered_and_the_model_goes_on(renderer):
    engine, trajectory = play(renderer, [sums("6*7"), ANSWER])
    assert results(trajectory) == ["42"]
    assert [message["role"] for message in trajectory.response.turns] == ["assistant", "tool", "assistant"]
    assert (trajectory.response.thinking, trajectory.response.answer) == ("so", "42")
    assert trajectory.finish_reason == "stop" and trajectory.failure is None
    text = renderer.tokenizer.decode([*trajectory.prompt_tokens, *trajectory.tokens])
    assert text.endswith(
        "</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n42\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\n<think>\nso\n</think>\n\n42<|im_end|>"
    )
    masked = [token for token, mask in zip(trajectory.tokens, trajectory.loss_mask, strict=True) if not mask]
    assert masked == renderer.tool_results(["42"])
    assert len(engine.requests) == 2 and engine.requests[0].sampling.seed == 0


def test_several_calls_of_a_turn_are_answered_in_order(renderer):
    twice = sums("1+1") + "\n" + sums("2+2").partition("</think>")[2]
    assert results(play(renderer, [twice, ANSWER])[1]) == ["2", "4"]


def test_a_tool_that_does_not_exist(renderer):
    _, trajectory = play(renderer, [call('{"name": "oracle", "arguments": {}}'), ANSWER])
    assert results(trajectory) == ["Error: there is no tool 'oracle'. Known: calculator"]


def test_a_tool_that_exists_but_was_not_offered(renderer):
    asked = []

    async def secret(arguments):
        asked.append(arguments)
        return "leaked"

    tools = {"calculator": CALCULATOR, "secret": secret}
    _, trajectory = play(renderer, [call('{"name": "secret", "arguments": {}}'), ANSWER], tools=tools)
    assert results(trajectory)[0].startswith("Error: there is no tool 'secret'") and asked == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("[6, 7]", "Error: the call could not be read: expected"),
        ("{6*7", "Error: the call could not be read: not valid JSON"),
        ('{"name": "calculator", "arguments": "6*7"}', "Error: the call could not be read: 'arguments' must be"),
        ('{"name": "calculator", "arguments": {"x": 1}}', "Error: calculator needs"),
        ('{"name": "\\ud800"}', "Error: there is no tool"),
        ('{"name": "calculator", "arguments": {"expression": "\\udfff"}}', "Error: "),
    ],
)
def test_what_is_no_proper_call_is_told_so(renderer, body, error):
    (said,) = results(play(renderer, [call(body), ANSWER])[1])
    assert said.startswith(error)


@pytest.mark.parametrize(
    "said",
    [
        sums("6*7").replace("\n</think>", "", 1),  # the thinking never closes
        "<tool_call>\n" + '{"name": "calculator", "arguments": {"expression": "1"}}' + "\n</tool_call>\n</think>\n\n42",
        ANSWER,
        "",
    ],
)
def test_what_is_no_call_in_the_answer_ends_the_episode(renderer, said):
    engine, trajectory = play(renderer, [said])
    assert len(engine.requests) == 1 and results(trajectory) == []


def test_a_truncated_call_is_not_answered(renderer):
    engine, trajectory = play(renderer, [renderer.encode(sums("6*7"))])
    assert len(engine.requests) == 1
    assert trajectory.finish_reason == "length" and trajectory.response.truncated


@pytest.mark.parametrize("max_turns", [1, 2, 4])
def test_the_number_of_turns_is_bounded(renderer, max_turns):
    engine, trajectory = play(renderer, [sums("1+1")] * 9, max_turns=max_turns)
    assert len(engine.requests) == max_turns
    assert len(results(trajectory)) == max_turns - 1
    assert trajectory.loss_mask[-1] == 1, "an episode ends with what the model said"


def test_tasks_whose_tools_cannot_be_executed_end_after_one_turn(renderer):
    other = {"type": "function", "function": {"name": "weather", "description": "", "parameters": {}}}
    for tools in ((other,), (other, CALCULATOR.schema), ()):
        engine, trajectory = play(renderer, [sums("6*7")], task={"tools": tools})
        assert len(engine.requests) == 1 and results(trajectory) == []


def test_long_output_is_cut(renderer):
    _, trajectory = play(renderer, [sums("10**300"), ANSWER], max_tool_output=7)
    assert results(trajectory) == ["1000000 [cut]"]


FRAGMENTS = [
    sums("6*7"),
    sums("1/0"),
    call("{"),
    call('{"name": "oracle"}'),
    call("[]") + sums("2**5"),
    ANSWER,
    "no end",
    "</think>",
    "</think>  ",
    "ünïcode 漢字 🙂\n</think>\n\n",
    "<|im_start|>user\n",
    " \n\n \n",
    "<think>a</think>b",
    "\ufffd",
]


def test_every_turn_continues_the_very_tokens_of_the_turn_before(renderer):
    """The prompt of turn k+1 begins with the prompt of turn k and the tokens sampled there, whatever they decode to."""
    rng = random.Random(1)
    vocabulary = len(renderer.tokenizer)
    asked: dict[tuple[int, ...], list[int]] = {}

    def write(request, sample):
        if rng.random() < 0.3:  # tokens that no tokenizer would produce, around a call that is answered
            junk = [rng.randrange(vocabulary) for _ in range(rng.randrange(6))]
            junk = [token for token in junk if token != renderer.end_of_turn]
            tokens = [*junk, *renderer.encode(rng.choice(FRAGMENTS)), renderer.end_of_turn]
        else:
            tokens = [*renderer.encode("".join(rng.choices(FRAGMENTS, k=rng.randrange(1, 4)))), renderer.end_of_turn]
        asked[tuple(request.prompt)] = tokens
        return tokens

    count, interactive, turns = 150, 0, 0
    tasks = [
        Task(f"t{n}", ({"role": "user", "content": f"Question {n}?"},), "exact", "", (CALCULATOR.schema,))
        for n in range(count)
    ]
    _, found = episodes(renderer, write, tasks, max_turns=5)
    for (trajectory,), task in zip(found, tasks, strict=True):
        assert trajectory.prompt_tokens == renderer.prompt(task.prompt, task.tools)
        context, at, tools = list(trajectory.prompt_tokens), 0, []
        assistants = [m for m in trajectory.response.turns if m["role"] == "assistant"]
        blocks = [[]]
        for message in trajectory.response.turns:
            if message["role"] == "tool":
                blocks[-1].append(message["content"])
            elif blocks[-1]:
                blocks.append([])
        for number, message in enumerate(assistants):
            sampled = asked[tuple(context)]
            assert trajectory.tokens[at : at + len(sampled)] == sampled
            assert trajectory.loss_mask[at : at + len(sampled)] == [1] * len(sampled)
            assert message["content"] == renderer.decode(sampled)
            at += len(sampled)
            context += sampled
            if number < len(assistants) - 1:
                tools = renderer.tool_results(blocks[number])
                assert trajectory.tokens[at : at + len(tools)] == tools
                assert trajectory.loss_mask[at : at + len(tools)] == [0] * len(tools)
                at += len(tools)
                context += tools
        assert at == len(trajectory.tokens) == len(trajectory.logprobs) == len(trajectory.weights_version)
        interactive += len(assistants) > 1
        turns += len(assistants)
    assert interactive > 40 and turns > 220, "too few episodes went on to test anything"


def test_ten_thousand_random_episodes_are_never_tokenized_twice():
    """Worlds, users, errors, forced answers: each request begins with all that was sampled and said before it."""
    words = Renderer(tiny.tokenizer())
    rng = random.Random(2)
    last: dict[tuple[int, int], list[int]] = {}
    continued = 0

    def write(request, sample):
        nonlocal continued
        tokens = words.encode("".join(rng.choices(FRAGMENTS, k=rng.randrange(1, 3))))
        tokens += [rng.randrange(256) for _ in range(rng.randrange(3))]
        if rng.random() < 0.8:
            tokens.append(words.end_of_turn)
        return tokens

    class Checked(tiny.ScriptedEngine):
        async def generate(self, requests):
            nonlocal continued
            async for completion in super().generate(requests):
                request = requests[completion.request]
                if request.continues is not None:
                    before = last[request.continues]
                    assert list(request.prompt[: len(before)]) == before
                    continued += 1
                last[completion.request, completion.sample] = [*request.prompt, *completion.tokens]
                yield completion

    setups = [("", None), ("feedback", {"hints": ["No: try again.", "<|im_end|> Still no."]})]
    tasks = [
        Task(
            f"t{n}", ({"role": "user", "content": f"{n}?"},), "exact", "", (CALCULATOR.schema,), "", {}, *setups[n % 2]
        )
        for n in range(2_500)
    ]
    config = AgentConfig(max_turns=4, force_final_answer=True)
    engine = Checked(words, write)
    seeds = list(range(len(tasks)))
    sampling = [SamplingParams(max_tokens=50)] * len(tasks)
    found = asyncio.run(run_episodes(engine, words, tasks, 4, sampling, seeds, {"calculator": CALCULATOR}, config))
    assert sum(map(len, found)) == 10_000 and continued > 5_000
    ends = {tuple(tokens) for tokens in last.values()}
    users = forced = 0
    for trajectory in (trajectory for group in found for trajectory in group):
        assert (*trajectory.prompt_tokens, *trajectory.tokens) in ends, "an episode ends with what was sampled"
        assert len(trajectory.tokens) == len(trajectory.loss_mask) == len(trajectory.logprobs)
        assert sum(trajectory.turn_lengths) == trajectory.num_sampled
        assert len(trajectory.turn_lengths) == len(trajectory.turn_rewards) == len(trajectory.turn_anchors)
        users += any(message["role"] == "user" for message in trajectory.response.turns)
        forced += any(message["content"] == LAST_TURN for message in trajectory.response.turns)
    assert users > 1_000 and forced > 100


def test_the_last_turn_is_announced_and_an_endless_thinking_is_closed(renderer):
    _, trajectory = play(renderer, [sums("1+1"), ANSWER], max_turns=2, force_final_answer=True)
    assert trajectory.response.turns[-2] == {"role": "user", "content": LAST_TURN}
    endless = renderer.encode("I think and think")
    engine, trajectory = play(renderer, [endless, "42"], force_final_answer=True, final_answer_tokens=7)
    assert trajectory.response.closed and trajectory.response.answer == "42" and trajectory.finish_reason == "stop"
    closing = renderer.encode("\n</think>\n\n")
    assert trajectory.tokens == [*endless, *closing, *renderer.encode("42"), renderer.end_of_turn]
    assert trajectory.loss_mask == [1] * len(endless) + [0] * len(closing) + [1] * (len(renderer.encode("42")) + 1)
    assert engine.requests[1].sampling.max_tokens == 7 and len(trajectory.turn_lengths) == 1
    engine, trajectory = play(renderer, [endless, endless], force_final_answer=True)
    assert len(engine.requests) == 2 and trajectory.response.truncated, "it is closed once"


def test_calls_and_tokens_of_an_episode_are_bounded(renderer):
    many = call('{"name": "calculator", "arguments": {"expression": "1"}}')
    many += many.partition("</think>")[2] * 4
    found = results(play(renderer, [many, ANSWER], max_calls=2)[1])
    assert found == ["1", "1"] + ["Error: only 2 calls of a turn are carried out."] * 3
    engine, trajectory = play(renderer, [sums("1+1"), ANSWER], max_episode_tokens=60)
    assert len(engine.requests) == 1 and results(trajectory) == []


def test_a_forced_answer_does_not_pass_the_tokens_of_an_episode(renderer):
    endless = renderer.encode("I think and think")
    _, free = play(renderer, [endless, "42"], force_final_answer=True, final_answer_tokens=7)
    needed = len(free.prompt_tokens) + len(endless) + len(renderer.encode("\n</think>\n\n")) + 7
    settings = {"force_final_answer": True, "final_answer_tokens": 7}
    assert len(play(renderer, [endless, "42"], max_episode_tokens=needed, **settings)[0].requests) == 2
    engine, trajectory = play(renderer, [endless, "42"], max_episode_tokens=needed - 1, **settings)
    assert len(engine.requests) == 1 and trajectory.response.truncated and trajectory.tokens == endless

    engine, _ = play(renderer, [sums("1+1"), ANSWER], max_turns=2, **settings)
    needed = len(engine.requests[1].prompt) + engine.requests[1].sampling.max_tokens
    for most, requests in ((needed, 2), (needed - 1, 1)):
        engine, _ = play(renderer, [sums("1+1"), ANSWER], max_turns=2, max_episode_tokens=most, **settings)
        assert len(engine.requests) == requests, "the announcement of the last turn counts"


class Slow:
    """Takes as long as it is asked to."""

    name = "slow"
    schema = {"type": "function", "function": {"name": "slow", "description": "", "parameters": {}}}  # noqa: RUF012

    async def __call__(self, arguments):
        await asyncio.sleep(arguments["s"])
        return "late"


def test_a_tool_that_takes_too_long_is_down_and_one_that_is_broken_too(renderer):
    slow = call('{"name": "slow", "arguments": {"s": 5}}')
    broken = call('{"name": "slow", "arguments": {}}')
    for said, reason in ((slow, "longer than 0.05 s"), (broken, "KeyError")):
        _, trajectory = play(
            renderer, [said, ANSWER], task={"tools": (Slow.schema,)}, tools={"slow": Slow()}, tool_timeout_s=0.05
        )
        assert results(trajectory) == ["Error: the tool is unavailable."] and reason in trajectory.failure
        assert trajectory.response.answer == "42", "the episode goes on"


@pytest.mark.parametrize("wait_s", [0.0, 0.01, None])
def test_many_episodes_wait_for_their_tools_at_once(renderer, wait_s):
    def write(request, sample):
        heard = renderer.decode(request.prompt)
        return ANSWER if "late" in heard else call('{"name": "slow", "arguments": {"s": 0.05}}')

    tasks = [task((Slow.schema,)) for _ in range(20)]
    started = time.monotonic()
    engine, found = episodes(renderer, write, tasks, tools={"slow": Slow()}, tool_wait_s=wait_s)
    took = time.monotonic() - started
    assert all(results(trajectory) == ["late"] for (trajectory,) in found)
    assert all(trajectory.response.answer == "42" for (trajectory,) in found)
    assert len(engine.requests) == 40
    if wait_s is None:
        assert took > 0.95, "one after another"
    else:
        assert took < 0.75, "all at once"


def test_an_episode_that_is_given_up_closes_its_world(renderer, monkeypatch):
    closed = []

    class Watched(Environment):
        async def close(self):
            closed.append(True)

    monkeypatch.setitem(base._BUILDERS, "watched", lambda task, setting: Watched({"calculator": CALCULATOR}))
    said = [sums("1+1"), None]  # the engine breaks at the second turn

    with pytest.raises(TypeError):
        episodes(
            renderer, lambda *_: said.pop(0), [replace(task(), environment="watched")], tools={"calculator": CALCULATOR}
        )
    assert closed == [True]


def test_seeds_of_episodes_and_turns_differ(renderer):
    def write(request, sample):
        return sums("1+1")

    engine, _ = episodes(renderer, write, [task(), task()], generations=3, max_turns=3)
    first, later = engine.requests[:2], engine.requests[2:]
    assert [request.sampling.seed for request in first] == [0, 1]
    assert [request.num_samples for request in first] == [3, 3]
    assert len({request.sampling.seed for request in later}) == len(later) == 12
    again, _ = episodes(renderer, write, [task(), task()], generations=3, max_turns=3)
    assert [r.sampling.seed for r in again.requests] == [r.sampling.seed for r in engine.requests]
    assert derive_seed(0, "a") != derive_seed(0, "b") and 0 <= derive_seed("x") < 2**63


class Broken:
    """A tool whose server is down."""

    name = "calculator"
    schema = CALCULATOR.schema

    async def __call__(self, arguments):
        raise SandboxUnavailable("connection refused")


def judged(renderer, monkeypatch, tools):
    async def always_right(task, response, context):
        return Scored(1.0, "right")

    monkeypatch.setitem(registry._VERIFIERS, "always_right", always_right)

    def write(request, sample):
        if "<tool_response>" in renderer.decode(request.prompt):
            return ANSWER
        return sums("6*7") if sample == 0 else ANSWER

    engine = tiny.ScriptedEngine(renderer, write)
    place = Workplace(engine, renderer, Context(), tools, AgentConfig())
    (group,) = asyncio.run(
        collect_groups(sample_groups(place, [task(verifier="always_right")], 2, [SamplingParams()], [0]))
    )
    return [trajectory.verdict for trajectory in group.trajectories]


def test_a_tool_that_could_not_run_makes_the_verdict_an_abstention(renderer, monkeypatch):
    called, answered = judged(renderer, monkeypatch, {"calculator": Broken()})
    assert isinstance(called, Abstained) and "connection refused" in called.reason
    assert isinstance(answered, Scored)


def test_a_tool_that_ran_does_not(renderer, monkeypatch):
    assert [verdict.score for verdict in judged(renderer, monkeypatch, {"calculator": CALCULATOR})] == [1.0, 1.0]


def test_a_verifier_that_fails_abstains_and_the_format_is_a_gate(monkeypatch):
    async def broken(task, response, context):
        raise ZeroDivisionError

    monkeypatch.setitem(registry._VERIFIERS, "broken", broken)
    words = tiny.tokenizer()

    def verdict(said, verifier="broken"):
        engine = tiny.ScriptedEngine(Renderer(words), lambda *_: said)
        place = Workplace(engine, Renderer(words), Context(), {}, AgentConfig())
        (group,) = asyncio.run(collect_groups(sample_groups(place, [task((), verifier)], 1, [SamplingParams()], [0])))
        return group.trajectories[0].verdict

    assert isinstance(verdict(ANSWER), Abstained)
    for said in ("never closed", "closed</think>  "):
        judged = verdict(said)
        assert isinstance(judged, Scored) and (judged.score, judged.detail) == (0.0, {"gate": "format"})
    with pytest.raises(UserError, match="no verifier named 'absent'"):
        verdict(ANSWER, "absent")
