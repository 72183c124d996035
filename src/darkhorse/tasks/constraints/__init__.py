"""Checkable constraints on a text: one table of kinds, each a small model that can tell whether it holds.

Kinds follow the idea of verifiable instructions (IFEval, Zhou et al. 2023, arXiv:2311.07911). Every check is a pure
function of the text, total (it never raises) and linear in its length.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from darkhorse.tasks.constraints.character_rules import (
    CharacterCount,
    Date,
    EndingMark,
    Hashtags,
    Lowercase,
    Mark,
    MarkCount,
    NoCommas,
    NoDigits,
    NoLetter,
    NoMark,
    Number,
    Uppercase,
)
from darkhorse.tasks.constraints.layout_rules import (
    Acrostic,
    Asides,
    Bold,
    CodeBlock,
    Divided,
    FirstLine,
    Headings,
    JsonKeys,
    LastLine,
    LinePrefix,
    Parts,
    Placeholder,
    Postscript,
    Quoted,
    Table,
    Tag,
    Title,
)
from darkhorse.tasks.constraints.list_rules import (
    Alphabetical,
    Among,
    Bullets,
    ItemList,
    Labels,
    NumberedSteps,
)
from darkhorse.tasks.constraints.rule import Relation, Rule, compare
from darkhorse.tasks.constraints.sentence_rules import (
    DifferentOpeners,
    LineCount,
    ParagraphCount,
    SentenceCount,
    SentenceLength,
    SentenceMark,
)
from darkhorse.tasks.constraints.word_rules import (
    CapitalWords,
    EndsWith,
    Forbidden,
    KeywordCount,
    Keywords,
    NoDoubles,
    Refrain,
    StartsWith,
    Topic,
    WordCount,
    WordLength,
    WordOrder,
)

__all__ = [
    "Acrostic",
    "Alphabetical",
    "Among",
    "Asides",
    "Bold",
    "Bullets",
    "CapitalWords",
    "CharacterCount",
    "CodeBlock",
    "Constraint",
    "Date",
    "DifferentOpeners",
    "Divided",
    "EndingMark",
    "EndsWith",
    "FirstLine",
    "Forbidden",
    "Hashtags",
    "Headings",
    "ItemList",
    "JsonKeys",
    "KeywordCount",
    "Keywords",
    "Labels",
    "LastLine",
    "LineCount",
    "LinePrefix",
    "Lowercase",
    "Mark",
    "MarkCount",
    "NoCommas",
    "NoDigits",
    "NoDoubles",
    "NoLetter",
    "NoMark",
    "Number",
    "NumberedSteps",
    "ParagraphCount",
    "Parts",
    "Placeholder",
    "Postscript",
    "Quoted",
    "Refrain",
    "Relation",
    "Rule",
    "SentenceCount",
    "SentenceLength",
    "SentenceMark",
    "StartsWith",
    "Table",
    "Tag",
    "Title",
    "Topic",
    "Uppercase",
    "WordCount",
    "WordLength",
    "WordOrder",
    "compare",
    "constraint",
    "kinds",
]

Constraint = Annotated[
    Topic
    | WordCount
    | StartsWith
    | EndsWith
    | Keywords
    | KeywordCount
    | Forbidden
    | WordOrder
    | NoDoubles
    | WordLength
    | CapitalWords
    | Refrain
    | Lowercase
    | Uppercase
    | NoCommas
    | NoLetter
    | EndingMark
    | Number
    | NoMark
    | MarkCount
    | NoDigits
    | CharacterCount
    | Date
    | Hashtags
    | SentenceCount
    | SentenceLength
    | DifferentOpeners
    | SentenceMark
    | ParagraphCount
    | LineCount
    | Bullets
    | ItemList
    | Among
    | Alphabetical
    | NumberedSteps
    | Labels
    | Quoted
    | Title
    | Placeholder
    | JsonKeys
    | Postscript
    | Parts
    | Divided
    | Headings
    | Bold
    | CodeBlock
    | Table
    | Acrostic
    | LinePrefix
    | FirstLine
    | LastLine
    | Tag
    | Asides,
    Field(discriminator="kind"),
]
"""Any constraint, told apart by `kind`."""

_ADAPTER: TypeAdapter[Rule] = TypeAdapter(Constraint)


def constraint(data: dict[str, Any]) -> Rule:
    """The constraint described by `{"kind": ..., **parameters}`.

    Raises:
        pydantic.ValidationError: if the kind is unknown or its parameters do not fit.
    """
    return _ADAPTER.validate_python(data)


def kinds() -> list[str]:
    """All kinds, sorted."""
    return sorted(rule.model_fields["kind"].default for rule in Rule.__subclasses__())
