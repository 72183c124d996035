"""Constraints on lists of items."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from darkhorse.tasks.constraints.rule import Count, Rule
from darkhorse.tasks.texts import bullets, filled_lines, items, words


class Bullets(Rule):
    """Exactly `count` bullet lines (`- ` or `* `), all different."""

    kind: Literal["bullets"] = "bullets"
    count: Count

    def _check(self, text: str) -> bool:
        found = [line.casefold() for line in bullets(text)]
        return len(found) == self.count == len(set(found))


class ItemList(Rule):
    """A comma-separated list of exactly `count` different items, each of at most four words."""

    kind: Literal["item_list"] = "item_list"
    count: Count

    def _check(self, text: str) -> bool:
        found = items(text)
        short = all(1 <= len(words(item)) <= 4 for item in found)
        return short and not bullets(text) and len(found) == self.count == len(set(found))


class Among(Rule):
    """Every item (bullet lines, else comma-separated) is one of the options, none twice."""

    kind: Literal["among"] = "among"
    options: Annotated[list[str], Field(min_length=1)]

    def _check(self, text: str) -> bool:
        found = items(text)
        return bool(found) and len(set(found)) == len(found) and set(found) <= {o.casefold() for o in self.options}


class Alphabetical(Rule):
    """The items (bullet lines, else comma-separated) stand in alphabetical order."""

    kind: Literal["alphabetical"] = "alphabetical"

    def _check(self, text: str) -> bool:
        found = items(text)
        return all(found) and found == sorted(found)


class NumberedSteps(Rule):
    """The lines that begin with a number are exactly `1.` to `count.`, in order, with words behind each."""

    kind: Literal["numbered_steps"] = "numbered_steps"
    count: Count

    def _check(self, text: str) -> bool:
        found = []
        for line in filled_lines(text):
            number, mark, rest = line.strip().partition(".")
            if mark and number.isascii() and number.isdigit() and len(number) < 5:
                if not rest.startswith(" ") or not words(rest):
                    return False
                found.append(int(number))
        return found == list(range(1, self.count + 1))


class Labels(Rule):
    """Each line is a label of these, in order, a colon and some words."""

    kind: Literal["labels"] = "labels"
    labels: Annotated[list[str], Field(min_length=1)]

    def _check(self, text: str) -> bool:
        found = [line.strip().split(":", 1) for line in filled_lines(text)]
        named = [parts[0].casefold() for parts in found if len(parts) == 2 and words(parts[1])]
        return len(named) == len(found) and named == [label.casefold() for label in self.labels]
