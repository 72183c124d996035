"""Talking to a model in the terminal: its thinking dimmed, its answer plain, word by word as it is sampled."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import unicodedata
from collections.abc import Mapping

from rich.console import Console

from darkhorse.agent.talk import converse
from darkhorse.agent.tools import Tool
from darkhorse.chat.reasoning import THINK_CLOSE, split_reasoning
from darkhorse.config.model import ModelConfig
from darkhorse.config.rollout import AgentConfig
from darkhorse.policy.loading import Policy, load_policy
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.rollout.local import LocalEngine
from darkhorse.types import Message

_MAX_TURNS = 8
_MAX_TOOL_OUTPUT = 2_000
_HELP = "/reset forgets the conversation, /quit (or Ctrl-D) leaves, Ctrl-C stops an answer."


def chat(model: str, *, temperature: float, max_tokens: int, tools: Mapping[str, Tool] | None = None) -> None:
    """Read messages from standard input and answer them until `/quit` or the end of input.

    Args:
        model: a name as `[model] name` takes it, or a checkpoint folder.
        temperature: of the sampling; 0 is greedy. Top-p and top-k are QwQ's recommended 0.95 and 40.
        max_tokens: most tokens of one turn, thinking included.
        tools: what the model may call, by name; calls and what they give are shown.

    Raises:
        UserError: if the model does not exist.
    """
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  gives `input` line editing and a history
    console = Console(highlight=False)
    conversation = _Conversation(load_policy(ModelConfig(name=model)), console, temperature, max_tokens, tools)
    console.print(_HELP, style="dim")
    while True:
        try:
            line = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if line == "/quit":
            return
        if line == "/reset":
            conversation.reset()
        elif line.startswith("/"):
            console.print(_HELP, style="dim")
        elif line:
            conversation.answer(line)


class _Conversation:
    """Messages so far, and the answering of one more."""

    def __init__(
        self,
        policy: Policy,
        console: Console,
        temperature: float,
        max_tokens: int,
        tools: Mapping[str, Tool] | None = None,
    ) -> None:
        self._policy, self._console, self._tools = policy, console, dict(tools or {})
        self._temperature, self._max_tokens = temperature, max_tokens
        self._messages: list[Message] = []

    def reset(self) -> None:
        self._messages.clear()
        self._console.print("(forgotten)", style="dim")

    def answer(self, text: str) -> None:
        """Stream the answer. A turn that ends before it has an answer is not remembered."""
        messages = [*self._messages, {"role": "user", "content": text}]
        prompt = self._policy.renderer.prompt(messages, [tool.schema for tool in self._tools.values()])
        room = getattr(self._policy.model.config, "max_position_embeddings", None) or len(prompt) + self._max_tokens
        room = min(self._max_tokens, room - len(prompt))
        if room <= 0:
            self._console.print("(the conversation no longer fits the model; /reset starts a new one)", style="dim")
            return
        stream = _Stream(self._policy, self._console)
        if self._tools:
            self._answer_with_tools(messages, room)
            return
        try:
            asyncio.run(self._sample(prompt, room, stream))
            note = "(cut off at --max-tokens)" if stream.tokens[-1] != self._policy.renderer.end_of_turn else ""
        except KeyboardInterrupt:
            note = "(stopped)"
        text = stream.finish()
        if split_reasoning(text).answer:
            self._messages = [*messages, {"role": "assistant", "content": text}]
        else:
            note = f"{note} (no answer: this turn is not remembered)".strip()
        if note:
            self._console.print(note, style="dim")

    def _answer_with_tools(self, messages: list[Message], room: int) -> None:
        """An answer on the way to which tools are called; each turn is streamed, each result shown."""
        streams: dict[int, _Stream] = {}

        def add(request: int, sample: int, token: int) -> None:
            streams.setdefault(request, _Stream(self._policy, self._console)).add(token)

        def hear(message: Message) -> None:
            if message["role"] == "assistant":
                streams[max(streams)].finish()
            else:
                self._console.print(f"[tool] {_harmless(message['content'])}", style="cyan", markup=False)

        engine = LocalEngine(self._policy, 1, on_token=add)
        renderer = self._policy.renderer
        config = AgentConfig(max_turns=_MAX_TURNS, max_tool_output=_MAX_TOOL_OUTPUT)
        try:
            talk = converse(engine, renderer, messages, self._tools, self._sampling(room), config, hear)
            trajectory = asyncio.run(talk)
        except KeyboardInterrupt:
            self._console.print("\n(stopped; this turn is not remembered)", style="dim")
            return
        if trajectory.failure is not None:
            self._console.print(f"({trajectory.failure})", style="dim", markup=False)
        assert trajectory.response is not None
        if trajectory.response.answer:
            self._messages = [*messages, *trajectory.response.turns]
        else:
            self._console.print("(no answer: this turn is not remembered)", style="dim")

    def _sampling(self, room: int) -> SamplingParams:
        greedy = self._temperature == 0.0
        return SamplingParams(
            temperature=self._temperature,
            top_p=1.0 if greedy else 0.95,
            top_k=0 if greedy else 40,
            max_tokens=room,
            seed=secrets.randbits(63),
        )

    async def _sample(self, prompt: list[int], room: int, stream: _Stream) -> None:
        sampling = self._sampling(room)
        engine = LocalEngine(self._policy, 1, on_token=lambda request, sample, token: stream.add(token))
        async for _ in engine.generate([Request(prompt, sampling)]):
            pass


class _Stream:
    """Prints tokens as text once they can no longer change: whole characters, and no half of a closing tag."""

    def __init__(self, policy: Policy, console: Console) -> None:
        self.tokens: list[int] = []
        self._decode, self._console = policy.renderer.decode, console
        self._shown = 0

    def add(self, token: int) -> None:
        self.tokens.append(token)
        text = self._decode(self.tokens)
        if not text.endswith("\ufffd"):
            self._show(text, len(text) - _started(text, THINK_CLOSE))

    def finish(self) -> str:
        """Print what was held back and end the line; returns the whole text."""
        text = self._decode(self.tokens)
        self._show(text, len(text))
        self._console.print()
        return text

    def _show(self, text: str, end: int) -> None:
        """Print up to `end`: thinking dimmed, the closing tag left out."""
        close = text.find(THINK_CLOSE)
        thinking = len(text) if close < 0 else close
        self._print(text[self._shown : min(end, thinking)], "dim")
        self._print(text[max(self._shown, thinking + len(THINK_CLOSE)) : end], "")
        self._shown = max(self._shown, end)

    def _print(self, text: str, style: str) -> None:
        safe = _harmless(text)
        if safe:
            self._console.print(safe, style=style, end="", markup=False, emoji=False, soft_wrap=True)


def _harmless(text: str) -> str:
    """The text without what could steer the terminal."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf"))


def _started(text: str, tag: str) -> int:
    """Length of the longest end of `text` that is an unfinished beginning of `tag`."""
    return next((n for n in range(len(tag) - 1, 0, -1) if text.endswith(tag[:n])), 0)
