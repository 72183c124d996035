"""What an instruction type is: an id, its parameters, and two checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Check = Callable[[str], bool]
Mode = Literal["reward", "compat"]
CompareTo = Literal["less than", "at least"]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Phrase = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]


class Parameters(BaseModel):
    """The parameters of an instruction; subclasses add them. Numbers may be written as floats (`5.0`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Unavailable(Exception):
    """A check needs a package that is not installed; the message names the extra that brings it."""


class NoParameters(Parameters):
    """For instructions without parameters."""


P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True)
class Instruction(Generic[P]):
    """An instruction type of a published benchmark.

    Attributes:
        parameters: model of its `kwargs`.
        compat: the published check.
        reward: the corrected check, for rewards.
        require: raises ValueError or `Unavailable` where the check of a mode cannot work with the parameters.
    """

    parameters: type[P]
    compat: Callable[[str, P], bool]
    reward: Callable[[str, P], bool]
    require: Callable[[P, Mode], None] | None = None

    def bind(self, kwargs: dict[str, Any], mode: Mode, prompt: str) -> Check:
        """The check of one instruction with its parameters filled in.

        Args:
            kwargs: as the benchmark's data has them; None stands for absent.
            mode: which of the two checks.
            prompt: the task's prompt, the text to repeat where `kwargs` gives none.

        Raises:
            ValueError: if the parameters do not fit.
            Unavailable: if the check needs a package that is not installed.
        """
        given = {name: value for name, value in kwargs.items() if value is not None}
        if "prompt_to_repeat" in self.parameters.model_fields:
            given.setdefault("prompt_to_repeat", prompt)
        try:
            parameters = self.parameters.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if self.require:
            self.require(parameters, mode)
        check = self.compat if mode == "compat" else self.reward
        return lambda text: check(text, parameters)


def compared(found: int, relation: CompareTo, wanted: int) -> bool:
    """Whether `found` is less than, or at least, `wanted`."""
    return found < wanted if relation == "less than" else found >= wanted
