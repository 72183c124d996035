"""What can be known about a stage's data before it starts: a bad row must not end a run that has trained for hours."""

from __future__ import annotations

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.errors import UserError, did_you_mean
from darkhorse.tasks.mixture import Mixture
from darkhorse.tasks.task import Demonstration
from darkhorse.verify import registry


def check_demonstrations(mixture: Mixture) -> None:
    """Check that the rows supervised fine-tuning reads hold worked answers.

    Raises:
        UserError: naming the first that does not.
    """
    for source, item in mixture.finite_items():
        if not isinstance(item, Demonstration):
            raise UserError(
                f"Task '{item.id}' of source '{source}' has no worked answer, which supervised fine-tuning needs.",
                "Add the field 'completion' to every row, or use a synthetic source.",
            )


def check_verifiers(mixture: Mixture) -> None:
    """Check that the verifiers named by rows exist.

    Raises:
        UserError: naming the first that does not.
    """
    known = registry.names()
    for source, item in mixture.finite_items():
        task = item.task if isinstance(item, Demonstration) else item
        if not task.verifier:
            raise UserError(
                f"Task '{task.id}' of source '{source}' names no verifier, which reinforcement learning needs.",
                "Add the fields 'verifier' and 'truth' to every row.",
            )
        if task.verifier not in known:
            raise UserError(
                f"Task '{task.id}' of source '{source}' names the verifier '{task.verifier}', which does not exist.",
                did_you_mean(task.verifier, known),
            )
