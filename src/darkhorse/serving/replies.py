"""Tokens of one sample to pieces of a reply, as soon as they can no longer change: thinking, answer, tool calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from darkhorse.chat.reasoning import THINK_CLOSE, THINK_OPEN
from darkhorse.chat.renderer import Renderer
from darkhorse.chat.tool_calls import ToolCall, parse_tool_calls

CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"


@dataclass(frozen=True)
class Call:
    """A tool call: `arguments` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Piece:
    """A part of a reply: text of one kind, or a call."""

    kind: Literal["reasoning", "content", "call"]
    text: str = ""
    call: Call | None = None


@dataclass(frozen=True)
class Form:
    """How a sample's text is to be read.

    Attributes:
        thinks: whether the prompt opened `<think>`.
        calls: whether `<tool_call>` blocks of the answer are calls; else they are text.
        stop: strings that end the answer; they are not part of it. Those in the thinking end nothing.
        strip: whether white space around the thinking and the answer is dropped.
        forced: the function whose arguments the prompt has already begun; None for none.
        begun_call: whether the prompt has already opened a call and its name's quotation mark.
    """

    thinks: bool = True
    calls: bool = False
    stop: tuple[str, ...] = ()
    strip: bool = True
    forced: str | None = None
    begun_call: bool = False

    @property
    def opening(self) -> str:
        """What follows the generation prompt, `<think>` and a newline, to hold the model to this form."""
        if self.forced is not None:
            return f'\n</think>\n\n{CALL_OPEN}\n{{"name": {json.dumps(self.forced)}, "arguments": '
        if self.begun_call:
            return f'\n</think>\n\n{CALL_OPEN}\n{{"name": "'
        return "" if self.thinks else "\n</think>\n\n"


class TokenText:
    """Text of tokens that come one by one: whole characters only, and spaces as in the whole text."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._tokens: list[int] = []
        self._context = 0  # where the tokens begin that are decoded along, so that spaces come out as in the whole
        self._said = ""  # the text of those before

    def add(self, token: int) -> str:
        """What can be said since the last time."""
        if token == self._renderer.end_of_turn:
            return ""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        if text.endswith("\ufffd"):
            return ""
        new = text[len(self._said) :]
        del self._tokens[: self._context]
        self._context, self._said = len(self._tokens), self._decode(self._tokens)
        return new

    def rest(self) -> str:
        """What was held back."""
        text = self._decode(self._tokens)[len(self._said) :]
        self._tokens, self._context, self._said = [], 0, ""
        return text

    def _decode(self, tokens: Sequence[int]) -> str:
        return self._renderer.decode(tokens) if tokens else ""


class Reply:
    """Reads one sample.

    Args:
        renderer: of the model.
        form: how to read it.

    Attributes:
        tokens: drawn so far.
        reasoning_tokens: those of the thinking, its closing tag included.
        complete: whether the answer has reached a stop string or the end of a forced call; nothing more is read.
        calls: how many calls there have been.
    """

    def __init__(self, renderer: Renderer, form: Form) -> None:
        self._text, self._form = TokenText(renderer), form
        self._state: Literal["thinking", "answer", "call", "forced"] = "thinking" if form.thinks else "answer"
        self._buffer, self._at_start = "", True
        if form.forced is not None:
            self._state = "forced"
        elif form.begun_call:
            self._state, self._buffer = "call", '{"name": "'
        self._blank: dict[str, str | None] = {"reasoning": None, "content": None}  # held back; None at the start
        self.tokens = self.reasoning_tokens = self.calls = 0
        self.complete = False

    def add(self, token: int) -> list[Piece]:
        """The pieces that a token completes."""
        self.tokens += 1
        self.reasoning_tokens += self._state == "thinking"
        return self._read(self._text.add(token))

    def end(self) -> list[Piece]:
        """What was held back."""
        pieces = self._read(self._text.rest())
        if self.complete:
            return pieces
        left, self._buffer = self._buffer, ""
        if self._state == "thinking":
            pieces += self._say("reasoning", left)
        elif self._state == "answer":
            pieces += self._say("content", left)
        elif self._state == "call":
            pieces += self._call(left, "")
        elif self._form.forced is not None:
            pieces.append(self._made(Call(self._form.forced, left)))
        return pieces

    def _read(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        if not text:
            return pieces
        self._buffer += text
        while not self.complete and self._step(pieces):
            pass
        return pieces

    def _step(self, pieces: list[Piece]) -> bool:
        """Read one part of the buffer; whether another may follow."""
        if self._state == "forced":
            return self._read_forced(pieces)
        if self._state == "call":
            inside, close, after = self._buffer.partition(CALL_CLOSE)
            if close:
                pieces += self._call(inside, close)
                self._state, self._buffer = "answer", after
            return bool(close)
        if self._state == "thinking":
            if self._at_start:
                self._buffer = self._buffer.lstrip()
                if THINK_OPEN.startswith(self._buffer) and self._buffer != THINK_OPEN:
                    return False
                self._buffer, self._at_start = self._buffer.removeprefix(THINK_OPEN), False
            ends: tuple[str, ...] = (THINK_CLOSE,)
        else:
            ends = (*self._form.stop, *((CALL_OPEN,) if self._form.calls else ()))
        kind: Literal["reasoning", "content"] = "reasoning" if self._state == "thinking" else "content"
        found = min(((at, end) for end in ends if (at := self._buffer.find(end)) >= 0), default=None)
        if found is None:
            held = max((_begun(self._buffer, end) for end in ends), default=0)
            pieces += self._say(kind, self._buffer[: len(self._buffer) - held])
            self._buffer = self._buffer[len(self._buffer) - held :]
            return False
        at, end = found
        pieces += self._say(kind, self._buffer[:at])
        self._buffer = self._buffer[at + len(end) :]
        if end == THINK_CLOSE and kind == "reasoning":
            self._state = "answer"
        elif end == CALL_OPEN and self._form.calls and end not in self._form.stop:
            self._state = "call"
        else:
            self.complete = True
        return True

    def _read_forced(self, pieces: list[Piece]) -> bool:
        if "}" in self._buffer and self._form.forced is not None:
            try:
                _, end = json.JSONDecoder().raw_decode(self._buffer.lstrip())
            except (ValueError, RecursionError):
                return False
            pieces.append(self._made(Call(self._form.forced, self._buffer.lstrip()[:end])))
            self.complete = True
        return False

    def _call(self, inside: str, close: str) -> list[Piece]:
        (parsed,) = parse_tool_calls(f"{CALL_OPEN}{inside}{CALL_CLOSE}")
        if isinstance(parsed, ToolCall):
            return [self._made(Call(parsed.name, json.dumps(parsed.arguments, ensure_ascii=False)))]
        return self._say("content", f"{CALL_OPEN}{inside}{close}")  # no call: the reader shall see what was said

    def _made(self, call: Call) -> Piece:
        self.calls += 1
        return Piece("call", call=call)

    def _say(self, kind: Literal["reasoning", "content"], text: str) -> list[Piece]:
        """Text without white space around the whole, if it is to be stripped: it waits until more comes."""
        if self._form.strip:
            blank = self._blank[kind]
            text = text.lstrip() if blank is None else blank + text
            kept = text.rstrip()
            if kept or blank is not None:
                self._blank[kind] = text[len(kept) :]
            text = kept
        return [Piece(kind, text)] if text else []


def _begun(text: str, tag: str) -> int:
    """Length of the longest end of `text` that is an unfinished beginning of `tag`."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)
