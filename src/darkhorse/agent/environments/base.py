"""What the world of an episode is, and worlds by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from darkhorse.agent.tools.base import Tool, close_tools, for_episode
from darkhorse.chat.reasoning import Response
from darkhorse.errors import UserError, did_you_mean
from darkhorse.tasks.task import Task
from darkhorse.types import Message
from darkhorse.verify.registry import Context


@dataclass(frozen=True)
class Setting:
    """What worlds are made with.

    Attributes:
        tools: executable tools of the run, by name.
        context: what verifiers need; its sandbox runs programs.
        seed: of the episode.
    """

    tools: Mapping[str, Tool] = field(default_factory=dict)
    context: Context = field(default_factory=Context)
    seed: int = 0


class Environment:
    """The world of one episode: made for it, used once, closed with it.

    What raises here is our failure, not the model's: the episode goes on, and is abstained on.

    Args:
        tools: what the model can call, by name; those that keep something start anew.

    Attributes:
        tools: the same, as this episode has them.
    """

    def __init__(self, tools: Mapping[str, Tool] | None = None) -> None:
        self.tools = for_episode(tools or {})

    async def reply(self, response: Response) -> str | Sequence[Message] | None:
        """What the user says to an answer without calls; None ends the episode.

        A world without `tools` is asked about turns with calls too, and may answer with messages (`tool`, `user`).
        """
        return None

    def state(self) -> Any:
        """What the episode came to, for the verifier (`response.state`) and the report: JSON values."""
        return None

    async def close(self) -> None:
        """Close what is open; safe to call twice."""
        await close_tools(self.tools.values())


EnvironmentBuilder = Callable[[Task, Setting], Environment]
_BUILDERS: dict[str, EnvironmentBuilder] = {}


def register_environment(name: str) -> Callable[[EnvironmentBuilder], EnvironmentBuilder]:
    """Decorator that adds a world (a class, or a function that makes one) for tasks whose `environment` is `name`.

    Raises:
        ValueError: if the name is taken.
    """

    def add(builder: EnvironmentBuilder) -> EnvironmentBuilder:
        if name in _BUILDERS:
            raise ValueError(f"environment '{name}' is registered twice")
        _BUILDERS[name] = builder
        return builder

    return add


def environment_names() -> list[str]:
    """All registered names, sorted."""
    return sorted(_BUILDERS)


def environment_builder(name: str) -> EnvironmentBuilder:
    """What makes the worlds called `name`.

    Raises:
        UserError: if there is none.
    """
    if name not in _BUILDERS:
        raise UserError(f"There is no environment named '{name}'.", did_you_mean(name, _BUILDERS))
    return _BUILDERS[name]


@register_environment("")
def _tools_only(task: Task, setting: Setting) -> Environment:
    """The tools a task shows, if all of them can be executed; otherwise none, and the episode ends after one turn."""
    shown = [schema["function"]["name"] for schema in task.tools]
    executable = all(name in setting.tools for name in shown)
    return Environment({name: setting.tools[name] for name in shown} if executable else {})
