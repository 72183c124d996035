"""Every constraint kind accepts and rejects hand-written cases; the verifier is total and abstains on bad truths."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.constraints import constraint, kinds
from darkhorse.tasks.task import Task
from darkhorse.verify.instructions import instructions
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored, Verdict

# kind, parameters, texts that obey, texts that do not
CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "topic",
        {"word": "river", "least_words": 4},
        ["The RIVER runs fast.", "Many rivers are very long."],
        ["river", "river river river river", "The stream runs very fast."],
    ),
    ("lowercase", {}, ["all small, 7 words!"], ["One capital", "123", ""]),
    ("uppercase", {}, ["LOUD, 7!"], ["Loud", "LOUDLy", "7"]),
    ("no_commas", {}, ["no pause here"], ["one, two", "一，二"]),
    ("word_count", {"relation": "exactly", "count": 3}, ["one two three.", "well-known - old  song"], ["one two", ""]),
    ("word_count", {"relation": "at_least", "count": 3}, ["a b c", "a b c d"], ["a b", "a b - !"]),
    ("word_count", {"relation": "at_most", "count": 2}, ["a b", "a"], ["a b c"]),
    (
        "sentence_count",
        {"relation": "exactly", "count": 2},
        ["It is. It was!", "Is it? Yes", 'He said "no." She left.', "It costs 3.50 now. Fine..."],
        ["One.", "A. B. C.", "no end at all"],
    ),
    ("starts_with", {"word": "Today"}, ["Today it rains.", '"today, yes"'], ["Todays", "It is today", ""]),
    ("ends_with", {"word": "again"}, ["once Again.", 'and "again!"'], ["again and", "against", ""]),
    ("keywords", {"words": ["cup", "map"]}, ["a map and a CUP."], ["a map", "maps and cups", ""]),
    ("keyword_count", {"word": "dog", "count": 2}, ["dog, Dog"], ["dog", "dog dog dog", "dogs dogs"]),
    ("forbidden", {"words": ["the", "is"]}, ["this theory"], ["The end", "it is"]),
    ("quoted", {}, ['"hello there"', " “hello” "], ['"hello', "hello", '""', '"', '"a" b']),
    (
        "bullets",
        {"count": 2},
        ["- a\n- b", "Intro:\n* a\n\n* b"],
        ["- a", "- a\n- a", "- a\n- b\n- c", "a\nb", "-a\n-b"],
    ),
    ("title", {}, ["<<The River>>\nIt runs."], ["<The River>", "<<>> x", "<< \n x>>", "The River", ">>x<<"]),
    ("placeholder", {"name": "city"}, ["in [city] now", "IN [CITY]"], ["in city", "[town]"]),
    (
        "json_keys",
        {"keys": ["a", "b"]},
        ['{"a": "x", "b": 0}', '```json\n{"b": 1, "a": [2]}\n```'],
        ['{"a": 1}', '{"a": "", "b": 1}', '["a", "b"]', 'sure: {"a": 1, "b": 2}', "", "{"],
    ),
    ("no_letter", {"letter": "e"}, ["a world"], ["the", "EACH"]),
    (
        "item_list",
        {"count": 3},
        ["red, blue, green", "red, dark blue, GREEN."],
        ["red, blue", "red, red, blue", "red, blue, ", "red and so many other words, blue, green", "- a, b, c"],
    ),
    (
        "among",
        {"options": ["pear", "fig"]},
        ["fig, Pear", "- pear\n- fig", '"fig"'],
        ["fig, apple", "fig, fig", "", "a fig"],
    ),
    ("alphabetical", {}, ["apple, Fig, pear", "- a\n- b"], ["pear, fig", ""]),
    ("postscript", {}, ["Hi.\nP.S. Bye now.", "hi p.s. bye", "P. S. x"], ["Hi.", "Hi. P.S.", "PS bye"]),
    ("ending_mark", {"mark": "?"}, ["Is it?", '"Is it?"'], ["It is.", "Is it? Yes.", ""]),
    ("number", {"value": 7}, ["I saw 7 birds", "it was 7."], ["I saw 17 birds", "seven", "a7"]),
    ("parts", {"count": 2}, ["a\n***\nb", "a b\n\n *** \nc"], ["a *** b", "a\n***\n", "a", "a\n***\nb\n***\nc"]),
    (
        "word_order",
        {"first": "cup", "second": "map"},
        ["a cup, then a map, then a cup"],
        ["a map, then a cup", "a cup"],
    ),
    ("no_doubles", {}, ["so it goes so"], ["so so it goes", "It it is", ""]),
    ("word_length", {"count": 5}, ["three short words"], ["longer words", ""]),
    ("capital_words", {"relation": "exactly", "count": 1}, ["so LOUD, I say"], ["so loud", "SO LOUD"]),
    ("refrain", {"phrase": "so it goes", "count": 2}, ["So it goes, so it  goes."], ["so it goes", "so it goes " * 3]),
    ("no_mark", {"mark": "!"}, ["calm."], ["loud!"]),
    ("mark_count", {"mark": ";", "relation": "exactly", "count": 2}, ["a; b; c"], ["a; b", "a; b; c; d"]),
    ("no_digits", {}, ["seven"], ["7 of them", "٣"]),
    ("character_count", {"relation": "at_most", "count": 5}, [" five ", "12345"], ["123456"]),
    ("character_count", {"relation": "at_least", "count": 5}, ["12345"], ["four     "]),
    ("date", {}, ["On 2031-05-17, at noon"], ["On 2031-13-01", "2031-05-178", "17 May 2031"]),
    ("hashtags", {"count": 2}, ["so #one and #two"], ["#one", "#one #ONE", "#one #two #three", "a#one #two"]),
    (
        "sentence_length",
        {"relation": "exactly", "count": 3},
        ["It is so. It was so!"],
        ["It is so. It was.", "It is so very. It was so."],
    ),
    ("different_openers", {}, ["It is. So it was."], ["It is. It was.", "It is."]),
    ("sentence_mark", {"mark": "!"}, ['Go! "Stay!"'], ["Go! Stay.", "Go! And so on"]),
    ("paragraph_count", {"relation": "exactly", "count": 2}, ["a\nb\n\n\nc"], ["a\nb", "a\n\nb\n\nc"]),
    ("line_count", {"relation": "at_least", "count": 2}, ["a\nb", "a\n\nb\nc"], ["a", "a\n---"]),
    (
        "numbered_steps",
        {"count": 2},
        ["1. a\n2. b", "So:\n1. a\n2. b"],
        ["1. a", "2. a\n1. b", "1. a\n2.", "1) a\n2) b"],
    ),
    ("labels", {"labels": ["Who", "Why"]}, ["Who: me\nwhy: you"], ["Who: me", "Why: a\nWho: b", "Who: a\nWhy: b\nNo"]),
    (
        "divided",
        {"mark": "---", "count": 2},
        ["a\n---\nb"],
        ["a --- b", "a\n---\n", "a\n---\nb\n---\nc", "a\n----\nb"],
    ),
    ("headings", {"level": 2, "count": 1}, ["## One\nText."], ["# One\nText.", "## One", "## One\na\n## Two\nb"]),
    ("bold", {"count": 1}, ["so **very** good"], ["so *very* good", "**a** **b**", "**a", "****"]),
    (
        "code_block",
        {"language": "yaml"},
        ["So:\n```yaml\na: 1\n```"],
        ["```\na: 1\n```", "```yaml\n```", "```yaml\na: 1", "a: 1"],
    ),
    (
        "table",
        {"columns": 2, "rows": 1},
        ["| a | b |\n|---|:-:|\n| c | d |"],
        ["| a | b |\n| c | d |", "| a | b |\n|---|---|", "| a |\n|---|\n| c |", "| a | b |\n|---|---|\n| c |  |"],
    ),
    ("acrostic", {"word": "sun"}, ["So\nup\n\nNow"], ["So\nup", "So\nup\nnow\nand", "sun"]),
    ("line_prefix", {"mark": ">"}, ["> a\n\n> b"], ["> a\nb", ">a", "> ", ""]),
    ("first_line", {"line": "Dear you"}, ["Dear you\nHi."], ["Dear you", "Hi.\nDear you", "Dear you all\nHi."]),
    ("last_line", {"line": "Bye now"}, ["Hi.\nbye now"], ["Bye now", "Bye now\nHi.", "Hi. Bye now"]),
    ("tag", {"name": "note"}, ["<note>Hi.</note>"], ["<note>Hi.", "<note></note>", "So <note>Hi.</note>", "Hi."]),
    ("asides", {"count": 1}, ["so (they say) it is"], ["so it is", "so ((they) say)", "(a) (b)", "so (they", "a) (b)"]),
]


def judge(truth: Any, answer: str) -> Verdict:
    task = Task("t", (), "instructions", truth)

    async def verdict() -> Verdict:
        return await instructions(task, Response("", answer, True), Context())

    return asyncio.run(verdict())


@pytest.mark.parametrize(
    ("kind", "parameters", "good", "bad"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_kind_accepts_and_rejects(kind: str, parameters: dict[str, Any], good: list[str], bad: list[str]) -> None:
    rule = constraint({"kind": kind, **parameters})
    assert [text for text in good if not rule.holds(text)] == []
    assert [text for text in bad if rule.holds(text)] == []


def test_every_kind_has_a_case() -> None:
    assert {kind for kind, *_ in CASES} == set(kinds())
    assert len(kinds()) >= 16


def test_all_must_hold_and_the_first_failure_is_named() -> None:
    truth = {"constraints": [{"kind": "lowercase"}, {"kind": "keywords", "words": ["cup"]}, {"kind": "no_commas"}]}
    assert judge(truth, "a cup of tea") == Scored(1.0, "All 3 constraints hold.", judge(truth, "a cup of tea").detail)
    verdict = judge(truth, "tea, please")
    assert isinstance(verdict, Scored)
    assert verdict.score == 0.0
    assert "keywords(words=['cup'])" in verdict.reason
    assert [one["holds"] for one in verdict.detail["constraints"]] == [True, False, False]


@pytest.mark.parametrize(
    "truth",
    [
        None,
        "lowercase",
        {},
        {"constraints": []},
        {"constraints": [{"kind": "rhymes"}]},
        {"constraints": [{"kind": "word_count", "relation": "about", "count": 3}]},
        {"constraints": [{"kind": "word_count", "relation": "exactly", "count": "3"}]},
        {"constraints": [{"kind": "keywords", "words": []}]},
        {"constraints": [{"kind": "lowercase", "extra": 1}]},
    ],
)
def test_a_malformed_truth_abstains(truth: Any) -> None:
    assert isinstance(judge(truth, "anything"), Abstained)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationError):
        constraint({"kind": "rhymes"})


@given(st.text() | st.text(alphabet='aA.,!?"[]{}<>*-\n `PS'))
def test_every_check_is_total(text: str) -> None:
    for kind, parameters, *_ in CASES:
        assert constraint({"kind": kind, **parameters}).holds(text) in (True, False)
    verdict = judge({"constraints": [{"kind": kind, **parameters} for kind, parameters, *_ in CASES]}, text)
    assert isinstance(verdict, Scored)
    assert verdict.score in (0.0, 1.0)


def test_hostile_texts_are_judged_quickly() -> None:
    for text in (
        "[" * 100_000,
        "<<" * 50_000,
        "a." * 50_000,
        "- " * 50_000,
        '{"a":' * 20_000,
        "9" * 50_000,
        "." * 100_000 + "x",
    ):
        verdict = judge({"constraints": [{"kind": kind, **parameters} for kind, parameters, *_ in CASES]}, text)
        assert isinstance(verdict, Scored)
