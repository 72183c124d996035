"""Checkable constraints on a text: one table of kinds, each a small model that can tell whether it holds.

Kinds follow the idea of verifiable instructions (IFEval, Zhou et al. 2023, arXiv:2311.07911). Every check is a pure
function of the text, total (it never raises) and linear in its length.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from darkhorse.tasks.texts import bare_words, bullets, items, sentences, unfenced, words

Count = Annotated[int, Field(ge=1)]
Word = Annotated[str, Field(pattern=r"^\S+$")]
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


class Topic(Rule):
    """Some word begins with `word`, and at least `least_words` different words are used: an answer, not a token."""

    kind: Literal["topic"] = "topic"
    word: Word
    least_words: Count = 1

    def _check(self, text: str) -> bool:
        found = set(bare_words(text))
        return len(found) >= self.least_words and any(word.startswith(self.word.casefold()) for word in found)


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


class WordCount(Rule):
    """So many whitespace-separated words."""

    kind: Literal["word_count"] = "word_count"
    relation: Relation
    count: Count

    def _check(self, text: str) -> bool:
        return compare(len(words(text)), self.relation, self.count)


class SentenceCount(Rule):
    """So many sentences."""

    kind: Literal["sentence_count"] = "sentence_count"
    relation: Relation
    count: Count

    def _check(self, text: str) -> bool:
        return compare(len(sentences(text)), self.relation, self.count)


class StartsWith(Rule):
    """The first word."""

    kind: Literal["starts_with"] = "starts_with"
    word: Word

    def _check(self, text: str) -> bool:
        return bare_words(text)[:1] == [self.word.casefold()]


class EndsWith(Rule):
    """The last word, whatever punctuation follows."""

    kind: Literal["ends_with"] = "ends_with"
    word: Word

    def _check(self, text: str) -> bool:
        return bare_words(text)[-1:] == [self.word.casefold()]


class Keywords(Rule):
    """All of these words occur, as whole words."""

    kind: Literal["keywords"] = "keywords"
    words: Annotated[list[Word], Field(min_length=1)]

    def _check(self, text: str) -> bool:
        return {word.casefold() for word in self.words} <= set(bare_words(text))


class KeywordCount(Rule):
    """This whole word occurs exactly `count` times."""

    kind: Literal["keyword_count"] = "keyword_count"
    word: Word
    count: Count

    def _check(self, text: str) -> bool:
        return bare_words(text).count(self.word.casefold()) == self.count


class Forbidden(Rule):
    """None of these words occurs, as a whole word."""

    kind: Literal["forbidden"] = "forbidden"
    words: Annotated[list[Word], Field(min_length=1)]

    def _check(self, text: str) -> bool:
        return not {word.casefold() for word in self.words} & set(bare_words(text))


class Quoted(Rule):
    """The whole text stands in double quotes."""

    kind: Literal["quoted"] = "quoted"

    def _check(self, text: str) -> bool:
        text = text.strip()
        return len(text) >= 3 and text[0] in '"“' and text[-1] in '"”' and bool(words(text))


class Bullets(Rule):
    """Exactly `count` bullet lines (`- ` or `* `), all different."""

    kind: Literal["bullets"] = "bullets"
    count: Count

    def _check(self, text: str) -> bool:
        found = [line.casefold() for line in bullets(text)]
        return len(found) == self.count == len(set(found))


class Title(Rule):
    """A title in double angle brackets, `<<Title>>`."""

    kind: Literal["title"] = "title"

    def _check(self, text: str) -> bool:
        titles = (part.split(">>", 1) for part in text.split("<<")[1:])
        return any(len(title) == 2 and "\n" not in title[0] and bool(words(title[0])) for title in titles)


class Placeholder(Rule):
    """The placeholder `[name]` occurs."""

    kind: Literal["placeholder"] = "placeholder"
    name: Word

    def _check(self, text: str) -> bool:
        return f"[{self.name}]".casefold() in text.casefold()


class JsonKeys(Rule):
    """The text is one JSON object (a code fence may surround it) with these keys, none of them empty."""

    kind: Literal["json_keys"] = "json_keys"
    keys: Annotated[list[str], Field(min_length=1)]

    def _check(self, text: str) -> bool:
        try:
            value = json.loads(unfenced(text))
        except (ValueError, RecursionError):
            return False
        return isinstance(value, dict) and all(value.get(key) not in (None, "", [], {}) for key in self.keys)


class NoLetter(Rule):
    """This letter never occurs, in either case."""

    kind: Literal["no_letter"] = "no_letter"
    letter: Annotated[str, Field(min_length=1, max_length=1)]

    def _check(self, text: str) -> bool:
        return self.letter.casefold() not in text.casefold()


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


class Postscript(Rule):
    """A postscript, `P.S.`, with something after it."""

    kind: Literal["postscript"] = "postscript"

    def _check(self, text: str) -> bool:
        _, mark, rest = text.casefold().replace("p. s.", "p.s.").rpartition("p.s.")
        return bool(mark) and bool(words(rest))


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


class Parts(Rule):
    """Exactly `count` parts divided by lines holding only `***`."""

    kind: Literal["parts"] = "parts"
    count: Count

    def _check(self, text: str) -> bool:
        lines = ["\0" if line.strip() == "***" else line for line in text.replace("\0", "").splitlines()]
        parts = "\n".join(lines).split("\0")
        return len(parts) == self.count and all(words(part) for part in parts)


Constraint = Annotated[
    Topic
    | Lowercase
    | Uppercase
    | NoCommas
    | WordCount
    | SentenceCount
    | StartsWith
    | EndsWith
    | Keywords
    | KeywordCount
    | Forbidden
    | Quoted
    | Bullets
    | Title
    | Placeholder
    | JsonKeys
    | NoLetter
    | ItemList
    | Among
    | Alphabetical
    | Postscript
    | EndingMark
    | Number
    | Parts,
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
