"""Messages to tokens, piece by piece: what was sampled is never tokenized again."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkhorse.types import Message, ToolSchema

END_OF_TURN = "<|im_end|>"
_GENERATION_PROMPT = "<|im_start|>assistant\n<think>\n"


@dataclass(frozen=True)
class Rendered:
    """Tokens of a prompt and a completion.

    Attributes:
        prompt: tokens up to and including the generation prompt.
        completion: everything after it.
        loss_mask: one entry a completion token: 1 where the assistant wrote it (end of turn included), else 0.
    """

    prompt: list[int]
    completion: list[int]
    loss_mask: list[int]


class Renderer:
    """Turns messages into token ids with a tokenizer that carries QwQ's template.

    Args:
        tokenizer: a Hugging Face tokenizer.

    Raises:
        ValueError: if the tokenizer has no `<|im_end|>` token to end a turn with.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        ids = tokenizer.encode(END_OF_TURN, add_special_tokens=False)
        if len(ids) != 1:
            raise ValueError(f"the tokenizer has no single {END_OF_TURN} token")
        self.end_of_turn: int = ids[0]
        self._alone: dict[int, str] = {}  # texts of single tokens, as they are asked for

    def encode(self, text: str) -> list[int]:
        """Token ids of a piece of text, without special tokens added; a lone surrogate becomes `?`."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens; a closing end-of-turn token is dropped."""
        tokens = list(tokens)
        if tokens and tokens[-1] == self.end_of_turn:
            tokens.pop()
        if len(tokens) != 1:
            return str(self.tokenizer.decode(tokens, skip_special_tokens=False))
        text = self._alone.get(tokens[0])
        if text is None:
            text = self._alone[tokens[0]] = str(self.tokenizer.decode(tokens, skip_special_tokens=False))
        return text

    def prompt(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> list[int]:
        """Tokens of a conversation that ends where the model is to think: after `<think>` and a newline.

        What tools answered cannot end its turn or begin another one, as in `observed`.
        """
        text = self.tokenizer.apply_chat_template(
            [_harmless(message) for message in messages],
            tools=list(tools) or None,
            tokenize=False,
            add_generation_prompt=True,
        )
        return self.encode(text)

    def tool_results(self, results: Sequence[str]) -> list[int]:
        """Tokens that follow an assistant turn: the tools' answers and the next generation prompt."""
        return self.observed([{"role": "tool", "content": result} for result in results])

    def observed(self, messages: Sequence[Message]) -> list[int]:
        """Tokens that follow an assistant turn: what tools and the user say to it, and the next generation prompt.

        Tools' answers that stand together share a turn, as in the template. None of these texts can end its turn or
        begin another one: the template's marks in them are broken up.
        """
        pieces = ["\n"]
        for role, together in itertools.groupby(messages, lambda message: message["role"]):
            texts = [_inert(message["content"]) for message in together]
            if role == "tool":
                body = "".join(f"\n<tool_response>\n{text}\n</tool_response>" for text in texts)
                pieces.append(f"<|im_start|>user{body}{END_OF_TURN}\n")
            else:
                pieces += [f"<|im_start|>user\n{text}{END_OF_TURN}\n" for text in texts]
        return self.encode("".join([*pieces, _GENERATION_PROMPT]))

    def demonstration(
        self, prompt: Sequence[Message], completion: Sequence[Message], tools: Sequence[ToolSchema] = ()
    ) -> Rendered:
        """Tokens of a worked example, built from the same pieces as a rollout of it would be.

        Args:
            prompt: the task's messages.
            completion: assistant messages (`thinking</think>answer`), and what tools and the user say in between.
            tools: the task's functions.
        """
        tokens: list[int] = []
        mask: list[int] = []
        said: list[Message] = []
        for message in completion:
            if message["role"] != "assistant":
                said.append(message)
                continue
            if tokens:
                piece = self.observed(said)
                tokens += piece
                mask += [0] * len(piece)
                said = []
            piece = [*self.encode(message["content"]), self.end_of_turn]
            tokens += piece
            mask += [1] * len(piece)
        return Rendered(self.prompt(prompt, tools), tokens, mask)


def _harmless(message: Message) -> Message:
    content = message.get("content")
    if message["role"] != "tool" or not isinstance(content, str):
        return message
    return {**message, "content": _inert(content)}


def _inert(text: str) -> str:
    return text.replace("<|", "< |").replace("</tool_response>", "< /tool_response>")
