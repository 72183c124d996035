"""Messages to tokens, piece by piece: what was sampled is never tokenized again."""

from __future__ import annotations

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

    def encode(self, text: str) -> list[int]:
        """Token ids of a piece of text, without special tokens added; a lone surrogate becomes `?`."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens; a closing end-of-turn token is dropped."""
        tokens = list(tokens)
        if tokens and tokens[-1] == self.end_of_turn:
            tokens.pop()
        return str(self.tokenizer.decode(tokens, skip_special_tokens=False))

    def prompt(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> list[int]:
        """Tokens of a conversation that ends where the model is to think: after `<think>` and a newline."""
        text = self.tokenizer.apply_chat_template(
            list(messages), tools=list(tools) or None, tokenize=False, add_generation_prompt=True
        )
        return self.encode(text)

    def tool_results(self, results: Sequence[str]) -> list[int]:
        """Tokens that follow an assistant turn: the tools' answers and the next generation prompt."""
        body = "".join(f"\n<tool_response>\n{result}\n</tool_response>" for result in results)
        return self.encode(f"\n<|im_start|>user{body}{END_OF_TURN}\n{_GENERATION_PROMPT}")

    def demonstration(
        self, prompt: Sequence[Message], completion: Sequence[Message], tools: Sequence[ToolSchema] = ()
    ) -> Rendered:
        """Tokens of a worked example, built from the same pieces as a rollout of it would be.

        Args:
            prompt: the task's messages.
            completion: assistant messages (`thinking</think>answer`) and tool messages, alternating.
            tools: the task's functions.
        """
        tokens: list[int] = []
        mask: list[int] = []
        results: list[str] = []
        for message in completion:
            if message["role"] == "tool":
                results.append(message["content"])
                continue
            if tokens:
                piece = self.tool_results(results)
                tokens += piece
                mask += [0] * len(piece)
                results = []
            piece = [*self.encode(message["content"]), self.end_of_turn]
            tokens += piece
            mask += [1] * len(piece)
        return Rendered(self.prompt(prompt, tools), tokens, mask)
