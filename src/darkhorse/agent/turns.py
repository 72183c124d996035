"""One episode between two requests to the engine: hear a turn, answer its calls, say what follows."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from darkhorse.agent.environments.base import Environment, Setting, environment_builder
from darkhorse.agent.tools.calling import ToolFailed, call_tool
from darkhorse.chat.reasoning import THINK_CLOSE, Response, split_reasoning
from darkhorse.chat.renderer import Renderer
from darkhorse.chat.tool_calls import MalformedCall, ToolCall, parse_tool_calls
from darkhorse.config.rollout import AgentConfig
from darkhorse.errors import described
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.trajectory import Completion, Trajectory
from darkhorse.tasks.task import Task
from darkhorse.types import Message

LAST_TURN = "This is your last turn: give the final answer now, without calling a tool."
_UNAVAILABLE = "Error: the tool is unavailable."
_CLOSING = f"\n{THINK_CLOSE}\n\n"


class Episode:
    """An episode under way.

    Args:
        task: what is to be done.
        trajectory: filled as the episode goes on.
        sampling: settings of every turn.
        setting: what its environment is made with.
        renderer: of the policy's tokenizer.
        config: limits.
        on_message: called with every message as it is there.

    Attributes:
        requests: made to the engine so far, the current one included.
    """

    def __init__(
        self,
        task: Task,
        trajectory: Trajectory,
        sampling: SamplingParams,
        setting: Setting,
        renderer: Renderer,
        config: AgentConfig,
        on_message: Callable[[Task, Message], None] | None = None,
    ) -> None:
        self.task, self.trajectory, self.sampling, self.setting = task, trajectory, sampling, setting
        self.requests = 1
        self._renderer, self._config, self._on_message = renderer, config, on_message
        self._environment: Environment | None = None
        self._turns: list[Message] = []
        self._turn: list[int] = []  # tokens of a turn that goes on after its thinking was closed
        self._assistant_turns = 0
        self._anchor = ""

    def hear(self, completion: Completion) -> None:
        """Take what the model sampled."""
        same_turn = bool(self._turn)
        self.trajectory.append_sampled(completion, same_turn)
        self._turn += completion.tokens
        if not same_turn:
            self._assistant_turns += 1
            self.trajectory.turn_anchors.append(self._anchor)

    async def respond(self) -> bool:
        """Answer the turn; returns whether the model is asked again."""
        truncated = self.trajectory.finish_reason == "length"
        text = self._renderer.decode(self._turn)
        closing = self._renderer.encode(_CLOSING)
        cut = truncated and self._config.force_final_answer and not split_reasoning(text).closed
        if cut and self._has_room(len(closing) + self._config.final_answer_tokens):
            self._observe(closing)
            self._turn += closing
            return True
        self._turn = []
        self._say({"role": "assistant", "content": text})
        response = split_reasoning(text, tuple(self._turns), truncated)
        said, reward = await self._answer(response)
        self.trajectory.turn_rewards.append(reward)
        if said and self._config.force_final_answer and self._assistant_turns == self._config.max_turns - 1:
            said.append({"role": "user", "content": LAST_TURN})
        tokens = self._renderer.observed(said) if said else []
        last = self._assistant_turns >= self._config.max_turns
        if not said or last or not self._has_room(len(tokens) + self.sampling.max_tokens):
            self._end(response)
            await self.close()
            return False
        for message in said:
            self._say(message)
        self._anchor = hashlib.blake2b(repr(said).encode("utf-8", "replace"), digest_size=8).hexdigest()
        self._observe(tokens)
        return True

    def next_request(self, seed: int, continues: tuple[int, int] | None) -> Request:
        """The request for what follows; arguments as in `Request`."""
        self.requests += 1
        tokens = [*self.trajectory.prompt_tokens, *self.trajectory.tokens]
        most = self.sampling.max_tokens
        if self._turn:
            most = min(most, self._config.final_answer_tokens)
        return Request(tokens, replace(self.sampling, seed=seed, max_tokens=most), continues=continues)

    async def close(self) -> None:
        """Close the environment; safe to call twice."""
        environment, self._environment = self._environment, None
        if environment is not None and _holds_something(environment):
            try:
                await asyncio.wait_for(environment.close(), self._config.tool_timeout_s)
            except Exception as error:
                self._failed(f"the environment could not be closed: {described(error)}")

    async def _answer(self, response: Response) -> tuple[list[Message], float]:
        """What tools, or the user, say to a turn, and the share of calls that succeeded; nothing ends the episode."""
        if response.truncated:
            return [], 0.0
        last = self._assistant_turns >= self._config.max_turns
        try:
            environment = self._open()
            if environment.tools and (calls := parse_tool_calls(response.answer)):
                if last:
                    return [], 0.0
                results = await self._results(environment, calls)
                right = sum(not result.startswith("Error") for result in results)
                return [{"role": "tool", "content": result} for result in results], right / len(results)
            if type(environment).reply is Environment.reply:  # nobody to ask: no other coroutine need run meanwhile
                return [], 0.0
            reply = await asyncio.wait_for(environment.reply(response), self._config.tool_timeout_s)
        except Exception as error:
            self._failed(f"the environment failed: {described(error)}")
            return [], 0.0
        if reply is None:
            return [], 0.0
        return [{"role": "user", "content": reply}] if isinstance(reply, str) else list(reply), 0.0

    async def _results(self, environment: Environment, calls: Sequence[ToolCall | MalformedCall]) -> list[str]:
        most = self._config.max_calls
        results = await asyncio.gather(*(self._result(environment, call) for call in calls[:most]))
        return results + [f"Error: only {most} calls of a turn are carried out."] * len(calls[most:])

    async def _result(self, environment: Environment, call: ToolCall | MalformedCall) -> str:
        try:
            return await call_tool(environment.tools, call, self._config)
        except ToolFailed as error:
            self._failed(str(error))
            return _UNAVAILABLE

    def _open(self) -> Environment:
        if self._environment is None:
            self._environment = environment_builder(self.task.environment)(self.task, self.setting)
        return self._environment

    def _end(self, response: Response) -> None:
        state = None
        if self.task.environment or self._environment is not None:
            try:
                state = self._open().state()  # a world that nothing happened in has a state too
            except Exception as error:
                self._failed(f"the environment failed: {described(error)}")
        self.trajectory.response = replace(response, turns=tuple(self._turns), state=state)

    def _has_room(self, more: int) -> bool:
        most = self._config.max_episode_tokens
        return most is None or len(self.trajectory.prompt_tokens) + len(self.trajectory.tokens) + more <= most

    def _say(self, message: Message) -> None:
        self._turns.append(message)
        if self._on_message is not None:
            self._on_message(self.task, message)

    def _observe(self, tokens: list[int]) -> None:
        self.trajectory.append_observed(tokens, self.trajectory.weights_version[-1])

    def _failed(self, reason: str) -> None:
        self.trajectory.failure = self.trajectory.failure or reason


def _holds_something(environment: Environment) -> bool:
    own = type(environment).close is not Environment.close
    return own or any(hasattr(tool, "close") for tool in environment.tools.values())
