"""Our verifiers as reward functions of other trainers: TRL's and verl's.

Both are synchronous and may be called from any thread, with or without an event loop running in it: verdicts are
reached on one loop in a thread of its own, so that what verifiers keep open stays open between calls.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from darkhorse.chat.reasoning import Response, split_reasoning
from darkhorse.chat.tool_calls import format_tool_call
from darkhorse.errors import UserError
from darkhorse.tasks.task import Task
from darkhorse.types import Message
from darkhorse.verify import registry
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Verdict

Result = TypeVar("Result")

VERIFIER_OF_SOURCE = {
    "openai/gsm8k": "math",
    "lighteval/MATH": "math",
    "DigitalLearningGmbH/MATH-lighteval": "math",
    "HuggingFaceH4/MATH-500": "math",
    "math_dapo": "math",
    "countdown": "countdown",
    "kk_logic": "knights_knaves",
}
"""Which verifier judges the data sources that verl's own examples name."""


END_TOKENS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "</s>")
"""What a decoded response may end in; some of verl's reward managers keep it."""


class AbstainedError(Exception):
    """A verifier reached no decision, and the trainer that asked has no place for that.

    Attributes:
        verdict: the abstention.
    """

    def __init__(self, verdict: Abstained) -> None:
        self.verdict = verdict
        super().__init__(f"{verdict.reason} (kind: {verdict.kind})")


def trl_reward(
    name: str,
    truth: str = "truth",
    reasoning: bool = True,
    json_truth: bool = False,
    context: Context | None = None,
) -> Callable[..., list[float | None]]:
    """A reward function for TRL's trainers, `reward(prompts, completions, **columns)`.

    An abstention is None, which TRL leaves out. Completions are texts or lists of messages; of messages the last one of
    the assistant is judged, with its `tool_calls` as the text of a call.

    Args:
        name: of the verifier.
        truth: the data set's column that holds what the verifier needs.
        reasoning: whether completions begin with thinking that `</think>` ends; otherwise all of it is the answer.
        json_truth: whether the column holds JSON text. (A column of objects gets every key of every row.)
        context: what verifiers may need from outside.

    Raises:
        UserError: if there is no such verifier; in a call, if there is no such column.
    """
    _verifier(name)

    def reward(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        if truth not in columns:
            known = ", ".join(sorted(columns)) or "none"
            raise UserError(f"The reward '{name}' finds no column '{truth}' in the data; there are: {known}.")
        tasks = []
        for place, (prompt, value) in enumerate(zip(prompts, columns[truth], strict=True)):
            asked = json.loads(value) if json_truth else plain(value)
            tasks.append(Task(f"trl/{place}", _messages(prompt, "user"), name, asked))
        answers = [_response(completion, reasoning) for completion in completions]
        verdicts = run(_judge_all(tasks, answers, context or Context(rewards=True)))
        return [None if isinstance(verdict, Abstained) else verdict.score for verdict in verdicts]

    reward.__name__ = reward.__qualname__ = name  # TRL logs `rewards/{name}/mean`
    return reward


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: dict[str, Any] | None = None,
    verifier: str | None = None,
    reasoning: bool = True,
    abstained_score: float | None = None,
    context: Context | None = None,
    **unused: Any,
) -> dict[str, Any]:
    """A reward for verl's `custom_reward_function`; the arguments after `extra_info` are its `reward_kwargs`.

    verl cannot leave a sample out. By default an abstention therefore raises: a failure of ours must not train the
    model as a wrong answer.

    Args:
        data_source: the row's; chooses the verifier where nothing else does, by `VERIFIER_OF_SOURCE` or as its name.
        solution_str: the decoded response; an end token at its end is dropped.
        ground_truth: what the verifier needs.
        extra_info: the row's; its key `verifier` chooses the verifier.
        verifier: chooses the verifier of every row.
        reasoning: whether responses begin with thinking that `</think>` ends.
        abstained_score: the score of an abstention; None to raise.
        context: what verifiers may need from outside.
        unused: what other versions of verl pass besides.

    Returns:
        `score`, `acc` (the same), `abstained` (0.0 or 1.0) and `kind`; verl logs each key.

    Raises:
        UserError: if no verifier is known for the row.
        AbstainedError: if the verifier abstains and `abstained_score` is None.
    """
    name = verifier or (extra_info or {}).get("verifier") or VERIFIER_OF_SOURCE.get(data_source, data_source)
    _verifier(name)
    task = Task(f"verl/{data_source}", (), name, plain(ground_truth))
    text = solution_str.rstrip()
    for token in END_TOKENS:
        text = text.removesuffix(token)
    (verdict,) = run(_judge_all([task], [_response(text, reasoning)], context or Context(rewards=True)))
    if isinstance(verdict, Abstained):
        if abstained_score is None:
            raise AbstainedError(verdict)
        return {"score": abstained_score, "acc": abstained_score, "abstained": 1.0, "kind": verdict.kind}
    return {"score": verdict.score, "acc": verdict.score, "abstained": 0.0, "kind": verdict.kind}


def plain(value: Any) -> Any:
    """A value of a data set without numpy's types."""
    if hasattr(value, "tolist") and not isinstance(value, str | bytes):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine, awaited on the adapters' own loop; it may be called from anywhere but that loop.

    Raises:
        RuntimeError: if it is called from that loop.
    """
    loop = _loop()
    try:
        here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is loop:
        coroutine.close()
        raise RuntimeError("a verifier cannot wait for another through a synchronous adapter")
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


_LOCK = threading.Lock()
_LOOPS: dict[int, asyncio.AbstractEventLoop] = {}  # by process: a fork inherits the entry, not the thread


def _loop() -> asyncio.AbstractEventLoop:
    with _LOCK:
        loop = _LOOPS.get(os.getpid())
        if loop is None:
            loop = _LOOPS[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="darkhorse-adapters", daemon=True).start()
        return loop


def _verifier(name: str) -> None:
    import darkhorse.verify.builtin  # noqa: F401  registers the verifiers

    registry.get(name)


async def _judge_all(tasks: list[Task], responses: list[Response], context: Context) -> list[Verdict]:
    pairs = zip(tasks, responses, strict=True)
    return list(await asyncio.gather(*(registry.judge(task, response, context) for task, response in pairs)))


def _messages(value: Any, role: str) -> tuple[Message, ...]:
    return ({"role": role, "content": value},) if isinstance(value, str) else tuple(value)


def _response(completion: Any, reasoning: bool) -> Response:
    turns = _messages(completion, "assistant")
    last = next((turn for turn in reversed(turns) if turn.get("role") == "assistant"), {})
    text = _text(last)
    thought = last.get("reasoning_content")
    if isinstance(thought, str):
        return Response(thought.strip(), text.strip(), True, turns)
    return split_reasoning(text, turns) if reasoning else Response("", text.strip(), True, turns)


def _text(message: Message) -> str:
    """A message's content, as text or in parts, and its calls as the chat template writes them."""
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
    calls = []
    for call in message.get("tool_calls") or ():
        function = call.get("function", call)
        arguments = function.get("arguments", {})
        arguments = json.loads(arguments) if isinstance(arguments, str) and _is_json(arguments) else arguments
        calls.append(format_tool_call(str(function.get("name")), arguments))
    return "\n".join([content, *calls]) if content else "\n".join(calls)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
