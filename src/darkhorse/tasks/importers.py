"""From rows in three shapes (Darkhorse's, TRL's and verl's) to tasks and demonstrations.

Strict, so that no bad row trains silently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeAlias

from darkhorse.chat.reasoning import THINK_CLOSE, THINK_OPEN
from darkhorse.errors import UserError
from darkhorse.tasks.task import Demonstration, Task
from darkhorse.types import Message

_ROLES = ("system", "user", "assistant", "tool")
_MISSING = object()

VERL_MATH_SOURCES = frozenset(
    {
        "openai/gsm8k",
        "lighteval/MATH",
        "DigitalLearningGmbH/MATH-lighteval",
        "HuggingFaceH4/MATH-500",
        "math_dapo",
        "math_dapo_reasoning",
        "numina_aops_forum",
        "numina_synthetic_math",
        "numina_amc_aime",
        "numina_synthetic_amc",
        "numina_cn_k12",
        "numina_olympiads",
    }
)
"""Values of verl's `data_source` that its reward router scores as mathematics."""

VERL_CODE_SOURCES = frozenset({"codecontests", "apps", "codeforces", "taco"})
"""Values of verl's `data_source` that its reward router scores by running code."""


@dataclass(frozen=True)
class Origin:
    """Where a row stands.

    Attributes:
        source: file or data set.
        row: number of the row, from 1.
    """

    source: str
    row: int

    @property
    def stem(self) -> str:
        """Short name of the source, e.g. `train` of `data/train.jsonl`, `gsm8k` of `openai/gsm8k`."""
        return PurePath(self.source).stem

    def error(self, problem: str, remedy: str) -> UserError:
        """The error about this row."""
        return UserError(f"{self.source}, row {self.row}: {problem}", remedy)


Importer: TypeAlias = Callable[[Mapping[str, Any], Origin], Task | Demonstration]
"""Turns a row into a task or a demonstration; raises UserError naming row, field, value and remedy."""


def from_darkhorse(row: Mapping[str, Any], origin: Origin) -> Task | Demonstration:
    """A row with `prompt` (messages or text), `verifier` and `truth`; optionally `id`, `source`, `tools`, `metadata`,
    and `environment` with its `setup`.

    A row that also has a `completion` (a reasoned answer as text, or the messages after the prompt) is a
    demonstration. Only such a row may leave out `verifier` and `truth`; it then serves supervised fine-tuning alone.

    Raises:
        UserError: if a field is missing, empty or of the wrong type.
    """
    completion = _completion(row, origin)
    judged = completion is None or row.get("verifier") is not None
    task = Task(
        id=_text(row, "id", origin, default=f"{origin.stem}/{origin.row}"),
        prompt=_prompt(row, origin),
        verifier=_text(row, "verifier", origin) if judged else "",
        truth=_truth(row, "truth", origin) if judged else None,
        tools=_tools(row, origin),
        source=_text(row, "source", origin, default=origin.stem),
        metadata=_object(row, "metadata", origin, default={}),
        environment=_text(row, "environment", origin, default=""),
        setup=row.get("setup"),
    )
    return task if completion is None else Demonstration(task, completion)


def from_trl(row: Mapping[str, Any], origin: Origin, *, verifier: str | None, truth_column: str | None) -> Task:
    """A row in TRL's shape: `prompt` (messages or text) and free columns, one of which holds the truth.

    Args:
        row: the row.
        origin: where it stands.
        verifier: verifier of all rows.
        truth_column: column with the truth. Other columns that hold a number, a flag or a short text become metadata.

    Raises:
        UserError: if an option is unset, or a field is missing, empty or of the wrong type.
    """
    if not verifier or not truth_column:
        unset = "truth_column" if verifier else "verifier"
        raise UserError(
            f"Rows of '{origin.source}' in TRL's shape need the option '{unset}', which is not set.",
            f"Set it; the columns are: {', '.join(sorted(row))}.",
        )
    return Task(
        id=f"{origin.stem}/{origin.row}",
        prompt=_prompt(row, origin),
        verifier=verifier,
        truth=_truth(row, truth_column, origin),
        source=origin.stem,
        metadata={name: value for name, value in row.items() if name not in ("prompt", truth_column) and _short(value)},
    )


def from_verl(row: Mapping[str, Any], origin: Origin, *, verifier: str | None = None) -> Task:
    """A row in verl's shape: `data_source`, `prompt` (messages), `ability`, `reward_model.ground_truth`, `extra_info`.

    Without `verifier`, it follows from `data_source` where verl's reward router knows it, else from `ability` (`math`
    or `code`).

    Raises:
        UserError: if a field is missing, empty or of the wrong type, no verifier follows, or the truth of a mathematics
            row is neither text nor number.
    """
    data_source = _text(row, "data_source", origin)
    if not isinstance(row.get("prompt"), list):
        raise origin.error(f"field 'prompt' must be a list of messages, found {_show(row.get('prompt'))}.", _PROMPT)
    truth = _truth(_object(row, "reward_model", origin), "ground_truth", origin, prefix="reward_model.")
    verifier = verifier or _verl_verifier(row, data_source, origin)
    if verifier == "math" and (isinstance(truth, bool) or not isinstance(truth, str | int | float)):
        raise origin.error(
            f"field 'reward_model.ground_truth' of a mathematics task must be text or a number, found {_show(truth)}.",
            "Set the option 'verifier' to one that reads this truth.",
        )
    return Task(
        id=f"{origin.stem}/{origin.row}",
        prompt=_prompt(row, origin),
        verifier=verifier,
        truth=truth,
        source=data_source,
        metadata=_object(row, "extra_info", origin, default={}),
    )


def _verl_verifier(row: Mapping[str, Any], data_source: str, origin: Origin) -> str:
    if data_source in VERL_MATH_SOURCES:
        return "math"
    if data_source in VERL_CODE_SOURCES:
        return "code"
    ability = str(row.get("ability") or "").casefold()
    if ability in ("math", "code"):
        return ability
    raise origin.error(
        f"no verifier is known for data_source '{data_source}' and ability {_show(row.get('ability'))}.",
        "Set the option 'verifier'.",
    )


_PROMPT = 'Give text, or messages like [{"role": "user", "content": "..."}] that end with the user.'


def _prompt(row: Mapping[str, Any], origin: Origin) -> tuple[Message, ...]:
    """The prompt as messages; text becomes one user message, so that it always goes through the chat template."""
    value = _required(row, "prompt", origin, "")
    if isinstance(value, str) and value.strip():
        return ({"role": "user", "content": value},)
    if not isinstance(value, list) or not value:
        raise origin.error(f"field 'prompt' must be text or a list of messages, found {_show(value)}.", _PROMPT)
    messages = tuple(_message(message, f"prompt[{number}]", origin) for number, message in enumerate(value))
    if messages[-1]["role"] not in ("user", "tool"):
        raise origin.error(f"field 'prompt' ends with the role '{messages[-1]['role']}'.", _PROMPT)
    return messages


_TURNS = re.compile(r"a([tu]+a)*")  # assistant, tool, user, by their initials
_COMPLETION = (
    'Give text like "thinking\\n</think>\\n\\nanswer", or such messages with what tools and users say between.'
)


def _completion(row: Mapping[str, Any], origin: Origin) -> tuple[Message, ...] | None:
    """The messages of a demonstration, a repeated opening `<think>` taken off; None when the row holds none."""
    value = row.get("completion")
    if value is None:
        return None
    if isinstance(value, str):
        value = [{"role": "assistant", "content": value}]
    if not isinstance(value, list) or not value:
        raise origin.error(f"field 'completion' must be text or a list of messages, found {_show(value)}.", _COMPLETION)
    messages = [dict(_message(message, f"completion[{number}]", origin)) for number, message in enumerate(value)]
    roles = [message["role"] for message in messages]
    if not _TURNS.fullmatch("".join(role[0] for role in roles)):
        raise origin.error(f"field 'completion' has messages of the roles {', '.join(roles)}.", _COMPLETION)
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            content = message.get("content") or ""
            if THINK_CLOSE not in content:
                raise origin.error(f"field 'completion[{number}].content' holds no {THINK_CLOSE}.", _COMPLETION)
            message["content"] = content.lstrip().removeprefix(THINK_OPEN).lstrip("\n")
    return tuple(messages)


def _message(value: Any, field: str, origin: Origin) -> Message:
    if not isinstance(value, Mapping):
        raise origin.error(f"field '{field}' must be a message, found {_show(value)}.", _PROMPT)
    # Columnar files give every message every key, with None where it has none.
    message = {key: item for key, item in value.items() if item is not None}
    if message.get("role") not in _ROLES:
        raise origin.error(f"field '{field}.role' is {_show(value.get('role'))}.", f"Use one of: {', '.join(_ROLES)}.")
    content = message.get("content")
    if message["role"] == "assistant" and content is None and message.get("tool_calls"):
        return message
    if not isinstance(content, str) or (message["role"] in ("system", "user") and not content.strip()):
        raise origin.error(f"field '{field}.content' must be text, found {_show(content)}.", _PROMPT)
    return message


def _tools(row: Mapping[str, Any], origin: Origin) -> tuple[dict[str, Any], ...]:
    tools = row.get("tools")
    if tools is None:
        return ()
    remedy = 'Give a list of {"type": "function", "function": {"name": ...}}.'
    if not isinstance(tools, list):
        raise origin.error(f"field 'tools' must be a list, found {_show(tools)}.", remedy)
    for number, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise origin.error(f"field 'tools[{number}]' must describe a function, found {_show(tool)}.", remedy)
    return tuple(dict(tool) for tool in tools)


def _truth(row: Mapping[str, Any], field: str, origin: Origin, prefix: str = "") -> Any:
    value = _required(row, field, origin, prefix)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise origin.error(
            f"field '{prefix}{field}' is empty ({_show(value)}).", "Give what the verifier compares with."
        )
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise origin.error(
            f"field '{prefix}{field}' is not JSON: {error}.", "Use text, numbers, lists, objects."
        ) from error
    return value


def _text(row: Mapping[str, Any], field: str, origin: Origin, default: str | None = None) -> str:
    value = row.get(field)
    if value is None and default is not None:
        return default
    value = _required(row, field, origin, "")
    if not isinstance(value, str) or not value.strip():
        raise origin.error(f"field '{field}' must be text, found {_show(value)}.", "Give a text that is not empty.")
    return value


def _object(
    row: Mapping[str, Any], field: str, origin: Origin, default: dict[str, Any] | None = None
) -> dict[str, Any]:
    value = row.get(field)
    if value is None and default is not None:
        return dict(default)
    value = _required(row, field, origin, "")
    if not isinstance(value, Mapping):
        raise origin.error(
            f"field '{field}' must be an object, found {_show(value)}.", "Give an object with named values."
        )
    return dict(value)


def _required(row: Mapping[str, Any], field: str, origin: Origin, prefix: str) -> Any:
    value = row.get(field, _MISSING)
    if value is _MISSING:
        raise origin.error(
            f"field '{prefix}{field}' is missing.",
            f"Add it, or choose another format; found: {', '.join(sorted(row))}.",
        )
    return value


def _short(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 100)


def _show(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
