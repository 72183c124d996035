"""A conversation: what has been said, and the answering of one more message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from darkhorse.chat.tool_calls import MalformedCall, parse_tool_calls
from darkhorse.serving.model import Answer, ContextFull, Model
from darkhorse.serving.replies import Call
from darkhorse.serving.screen import Screen
from darkhorse.serving.toolbox import Toolbox
from darkhorse.types import Message

_MOST_TURNS = 8
"""Times the model may call tools before it has to answer."""
_ANSWERS_SHARE = 4
"""Old turns are forgotten where they leave an answer less than this part of the context."""


class Conversation:
    """Messages so far. Thinking is kept for `/save`, and never shown to the model again.

    Args:
        model: that answers.
        screen: where answers go.
        toolbox: tools it may call.
        settings: of the sampling.
        max_tokens: most tokens of one answer; None for as many as fit.
        system: system message; none when empty.

    Attributes:
        thinks: whether the model thinks first.
    """

    def __init__(
        self,
        model: Model,
        screen: Screen,
        toolbox: Toolbox,
        settings: Mapping[str, Any],
        max_tokens: int | None = None,
        system: str = "",
    ) -> None:
        self._model, self._screen, self._toolbox = model, screen, toolbox
        self._settings = dict(settings) if max_tokens is None else {**settings, "max_tokens": max_tokens}
        self._max_tokens = max_tokens
        self.system, self.thinks = system, True
        self._turns: list[list[Message]] = []
        self._last: str | None = None
        self._answered = False

    def reset(self) -> None:
        """Forget everything but the system message."""
        self._turns, self._last, self._answered = [], None, False

    def transcript(self) -> dict[str, Any]:
        """All messages, thinking included."""
        return {"messages": [*self._head(), *(message for turn in self._turns for message in turn)]}

    def retry(self) -> None:
        """Answer the last message again, as if it had not been answered."""
        if self._last is None:
            self._screen.note("(there is nothing to answer yet)")
            return
        if self._answered:
            self._turns.pop()
        self.answer(self._last)

    def answer(self, text: str) -> None:
        """Stream the answer. A turn that ends before it has an answer is not remembered."""
        self._last, self._answered = text, False
        turn: list[Message] = [{"role": "user", "content": text}]
        try:
            for _ in range(_MOST_TURNS):
                said = self._say(turn)
                if said is None:
                    return
                answer = said
                broken = [call for call in parse_tool_calls(answer.content) if isinstance(call, MalformedCall)]
                if not self._toolbox.names or not (answer.calls or broken):
                    break
                self._call_tools(answer, broken, turn)
        except KeyboardInterrupt:
            self._screen.end()
            self._screen.note("(stopped; this turn is not remembered)")
            return
        note = ""
        if answer.finish_reason == "length":
            limited = self._max_tokens is not None and answer.tokens >= self._max_tokens
            note = "(cut off at --max-tokens)" if limited else "(cut off: the context is full)"
        if answer.content and not answer.calls:
            turn.append({"role": "assistant", "content": answer.content, "reasoning_content": answer.reasoning})
            self._turns.append(turn)
            self._answered = True
        else:
            note = f"{note} (no answer: this turn is not remembered)".strip()
        if note:
            self._screen.note(note)

    def _head(self) -> list[Message]:
        return [{"role": "system", "content": self.system}] if self.system else []

    def _say(self, turn: list[Message]) -> Answer | None:
        """One assistant message; None if the turn does not fit even alone. The oldest turns make room."""
        while True:
            answer = Answer()
            messages = [*self._head(), *(message for old in self._turns for message in old), *turn]
            # a turn alone may use all of the context; beside older ones its answer is to have some room
            room = min(self._model.context // _ANSWERS_SHARE, self._max_tokens or self._model.context)
            pieces = self._model.stream(
                messages,
                self._toolbox.schemas,
                thinks=self.thinks,
                least_room=room if self._turns else 1,
                into=answer,
                **self._settings,
            )
            try:
                for piece in pieces:
                    self._screen.show(piece)
            except ContextFull:
                if not self._turns:
                    self._screen.note("(the message does not fit the model's context)")
                    return None
                self._turns.pop(0)
                self._screen.note("(the context is full: the oldest turn is forgotten)")
            else:
                self._screen.end()
                return answer
            finally:
                pieces.close()

    def _call_tools(self, answer: Answer, broken: list[MalformedCall], turn: list[Message]) -> None:
        """Add results to a turn, those of calls that cannot be read last; these stand in the answer's text."""
        calls = [{"function": {"name": c.name, "arguments": json.loads(c.arguments)}} for c in answer.calls]
        turn.append(
            {
                "role": "assistant",
                "content": answer.content,
                "tool_calls": calls,
                "reasoning_content": answer.reasoning,
            }
        )
        asked: list[Call | MalformedCall] = [*answer.calls, *broken]
        for call in asked:
            result = self._toolbox.call(call)
            self._screen.result(result)
            turn.append({"role": "tool", "content": result})
