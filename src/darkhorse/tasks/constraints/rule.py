"""What a constraint on a text is, and the types of its parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Word = Annotated[str, Field(pattern=r"^\S+$")]
Line = Annotated[str, Field(pattern=r"^\S(?:[^\n]*\S)?$")]
Relation = Literal["exactly", "at_least", "at_most"]


def compare(found: int, relation: Relation, count: int) -> bool:
    """Whether `found` is exactly, at least or at most `count`."""
    return {"exactly": found == count, "at_least": found >= count, "at_most": found <= count}[relation]


class Rule(BaseModel):
    """A constraint; subclasses add a `kind`, their parameters and the check."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def holds(self, text: str) -> bool:
        """Whether the text obeys."""
        return self._check(text)

    def _check(self, text: str) -> bool:
        raise NotImplementedError

    def describe(self) -> str:
        """Kind and parameters in one line, e.g. `word_count(relation='exactly', count=8)`."""
        parameters = ", ".join(f"{key}={value!r}" for key, value in self.model_dump().items() if key != "kind")
        return f"{self.model_dump()['kind']}({parameters})"
