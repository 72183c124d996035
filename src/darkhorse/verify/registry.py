"""Verifiers by name, and the one way to ask for a verdict."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from darkhorse.chat.reasoning import THINK_CLOSE, THINK_OPEN, Response
from darkhorse.errors import UserError, described, did_you_mean
from darkhorse.sandbox.protocol import RunLimits
from darkhorse.tasks.task import Task
from darkhorse.verify import plugins
from darkhorse.verify.verdict import Abstained, Scored, Verdict

if TYPE_CHECKING:
    from darkhorse.sandbox.client import SandboxClient


@dataclass(frozen=True)
class Context:
    """What verifiers may need from outside.

    Attributes:
        sandbox: client of the code-execution server; None when the recipe starts none.
        limits: of programs whose task sets none.
        rewards: whether verdicts train a policy. Verifiers then default to their strict reading of an answer, and
            refuse to imitate laxer graders.
    """

    sandbox: SandboxClient | None = None
    limits: RunLimits = field(default_factory=RunLimits)
    rewards: bool = False

    def refuse_imitation(self, task: Task, field: str) -> None:
        """Refuse to judge as a published grader does, flaws included, where verdicts train a policy.

        Args:
            task: whose truth asks for it.
            field: of the truth, as a person would write it.

        Raises:
            UserError: if verdicts are rewards.
        """
        if self.rewards:
            raise UserError(
                f"The truth of task '{task.id}' says {field}, a published grader too lax for a reward.",
                "Leave it out here, and use it for evaluations only.",
            )


Verifier = Callable[[Task, Response, Context], Awaitable[Verdict]]
_VERIFIERS: dict[str, Verifier] = {}
_FORMAT = {"gate": "format"}


def register(name: str) -> Callable[[Verifier], Verifier]:
    """Decorator that adds a verifier under `name`.

    Raises:
        ValueError: if the name is taken.
    """

    def add(verifier: Verifier) -> Verifier:
        if name in _VERIFIERS:
            raise ValueError(f"verifier '{name}' is registered twice")
        _VERIFIERS[name] = verifier
        return verifier

    return add


def names() -> list[str]:
    """All verifier names, registered or offered by a plug-in, sorted."""
    return sorted({*_VERIFIERS, *plugins.names()})


def get(name: str) -> Verifier:
    """The verifier called `name`, registered or offered by a plug-in.

    Raises:
        UserError: if there is none, or if a plug-in that offers it is broken or takes a name that is taken.
    """
    verifier: Verifier | None = plugins.load(name, _VERIFIERS.get(name))
    if verifier is None:
        raise UserError(f"There is no verifier named '{name}'.", did_you_mean(name, names()))
    return verifier


async def judge(task: Task, response: Response, context: Context) -> Verdict:
    """The verdict on a response. Format is a gate: it scores 0 when the thinking never closes, when no answer follows,
    or when the answer opens or closes thinking once more, so that readers would disagree on where it begins.

    A verifier that raises is our failure, not the model's: it abstains.

    Raises:
        UserError: if the task names a verifier that does not exist.
    """
    verifier = get(task.verifier)
    if not response.closed:
        return Scored(0.0, "The thinking was never closed with </think>.", _FORMAT, "no_answer")
    if not response.answer.strip():
        return Scored(0.0, "There is no answer after the thinking.", _FORMAT, "no_answer")
    if THINK_CLOSE in response.answer or THINK_OPEN in response.answer:
        return Scored(0.0, "The answer opens or closes the thinking once more.", _FORMAT, "no_answer")
    return await run(verifier, task, response, context)


async def run(verifier: Verifier, task: Task, response: Response, context: Context) -> Verdict:
    """A verifier's verdict; an abstention if it raises, which is our failure and not the model's.

    Raises:
        UserError: if the verifier does.
    """
    try:
        return await verifier(task, response, context)
    except UserError:
        raise
    except Exception as error:
        return Abstained(f"verifier '{task.verifier}' failed: {described(error)}")
