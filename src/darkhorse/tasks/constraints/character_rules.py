"""Constraints on letters, digits and marks."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Literal

from pydantic import Field

from darkhorse.tasks.constraints.rule import Count, Relation, Rule, compare
from darkhorse.tasks.texts import bare_words

Mark = Literal["!", "?", ";", ":", "-", "(", '"', "'", "."]
_DATE = re.compile(r"(?<![\w-])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![\w-])")
_HASHTAG = re.compile(r"(?<!\S)#[^\W\d_]\w*")


class Lowercase(Rule):
    """Every letter is lowercase, and there is one."""

    kind: Literal["lowercase"] = "lowercase"

    def _check(self, text: str) -> bool:
        return text.islower()


class Uppercase(Rule):
    """Every letter is uppercase, and there is one."""

    kind: Literal["uppercase"] = "uppercase"

    def _check(self, text: str) -> bool:
        return text.isupper()


class NoCommas(Rule):
    """No comma anywhere."""

    kind: Literal["no_commas"] = "no_commas"

    def _check(self, text: str) -> bool:
        return not any(comma in text for comma in ",，、")


class NoLetter(Rule):
    """This letter never occurs, in either case."""

    kind: Literal["no_letter"] = "no_letter"
    letter: Annotated[str, Field(min_length=1, max_length=1)]

    def _check(self, text: str) -> bool:
        return self.letter.casefold() not in text.casefold()


class EndingMark(Rule):
    """The text ends with this mark (a closing quote may follow)."""

    kind: Literal["ending_mark"] = "ending_mark"
    mark: Literal["?", "!"]

    def _check(self, text: str) -> bool:
        return text.rstrip(' \n"”').endswith(self.mark)


class Number(Rule):
    """This whole number occurs in digits, standing alone."""

    kind: Literal["number"] = "number"
    value: Annotated[int, Field(ge=0)]

    def _check(self, text: str) -> bool:
        return str(self.value) in bare_words(text)


class NoMark(Rule):
    """This punctuation mark never occurs."""

    kind: Literal["no_mark"] = "no_mark"
    mark: Mark

    def _check(self, text: str) -> bool:
        return self.mark not in text


class MarkCount(Rule):
    """This punctuation mark occurs so often."""

    kind: Literal["mark_count"] = "mark_count"
    mark: Mark
    relation: Relation
    count: Count

    def _check(self, text: str) -> bool:
        return compare(text.count(self.mark), self.relation, self.count)


class NoDigits(Rule):
    """No digit of any script."""

    kind: Literal["no_digits"] = "no_digits"

    def _check(self, text: str) -> bool:
        return not any(map(str.isdigit, text))


class CharacterCount(Rule):
    """At most or at least so many characters, spaces at both ends aside."""

    kind: Literal["character_count"] = "character_count"
    relation: Literal["at_least", "at_most"]
    count: Count

    def _check(self, text: str) -> bool:
        return compare(len(text.strip()), self.relation, self.count)


class Date(Rule):
    """A date of the calendar as YYYY-MM-DD occurs."""

    kind: Literal["date"] = "date"

    def _check(self, text: str) -> bool:
        return any(map(_is_date, _DATE.findall(text)))


class Hashtags(Rule):
    """Exactly `count` hashtags, all different."""

    kind: Literal["hashtags"] = "hashtags"
    count: Count

    def _check(self, text: str) -> bool:
        found = [tag.casefold() for tag in _HASHTAG.findall(text)]
        return len(found) == self.count == len(set(found))


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True
