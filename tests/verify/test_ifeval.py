"""IFEval: each of its 25 types in both modes, and where the modes part; the verifier around them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.instructions import libraries
from darkhorse.verify.instructions.published import (
    IFEVAL,
    Accuracies,
    accuracies,
    bind,
    followed,
    versions,
)
from darkhorse.verify.registry import Context, get
from darkhorse.verify.verdict import Abstained, Scored, Verdict


@dataclass
class Case:
    """Texts that both modes accept, that neither does, and that only one does."""

    name: str
    kwargs: dict[str, Any]
    good: list[str]
    bad: list[str]
    only_reward: list[str] = field(default_factory=list)
    only_compat: list[str] = field(default_factory=list)


GERMAN = "Der Fluss fließt jeden Morgen an der alten Mühle vorbei und das Wasser ist nicht sehr kalt."
ENGLISH = "The river runs past the old mill every morning and the water is not very cold at all."

CASES = [
    Case(
        "keywords:existence",
        {"keywords": ["mom", "a.b"]},
        ["My mom said a.b today."],
        ["nobody", "My mom said so."],
        only_compat=["Moms say axb"],
    ),
    Case("keywords:existence", {"keywords": ["C++"]}, ["I like C++ a lot"], ["I like B"], only_compat=[]),
    Case(
        "keywords:frequency",
        {"keyword": "war", "frequency": 2, "relation": "at least"},
        ["war and War"],
        ["war"],
        only_compat=["toward the warm"],
    ),
    Case(
        "keywords:frequency",
        {"keyword": "war", "frequency": 2, "relation": "less than"},
        ["one war"],
        ["war war"],
        only_reward=["a warm reward"],
    ),
    Case(
        "keywords:forbidden_words",
        {"forbidden_words": ["rock", "can't"]},
        ["rocks roll"],
        ["Rock on", "we can't go"],
        only_compat=["we can’t go"],
    ),
    Case(
        "keywords:letter_frequency",
        {"letter": "Q", "let_frequency": 2, "let_relation": "at least"},
        ["Quick quiz"],
        ["quick"],
    ),
    Case(
        "keywords:letter_frequency",
        {"letter": "!", "let_frequency": 2, "let_relation": "less than"},
        ["Hi!"],
        ["Hi!!"],
    ),
    Case("language:response_language", {"language": "de"}, [GERMAN], [ENGLISH], only_compat=["12 + 3 = 15"]),
    Case(
        "language:response_language",
        {"language": "hi"},
        ["यह नदी बहुत लंबी है और पानी ठंडा है।"],
        ["ही नदी खूप लांब आहे आणि पाणी थंड आहे.", ENGLISH],
    ),
    Case(
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "at least"},
        ["It is. It was. It will be."],
        ["It is. It was."],
        only_compat=["It is. It was. And so on"],
    ),
    Case(
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "less than"},
        ["Dr. Lee came. He left."],
        ["One is. Two is. Three is."],
        only_compat=["- one thing\n- two things\n- three things"],
    ),
    Case(
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["One.\n***\nTwo.", "***\nOne.\n\n***\n\nTwo."],
        ["One.\n\nTwo.", "One.\n***\n***\nTwo."],
        only_reward=["A ***bold*** word.\n***\nTwo."],
        only_compat=["One. *** Two."],
    ),
    Case(
        "length_constraints:number_words",
        {"num_words": 4, "relation": "at least"},
        ["one two three four"],
        ["one two three"],
        only_compat=["don't can't", "one - two well-known"],
    ),
    Case(
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Weekend"},
        ["First.\n\nWeekend plans.", "First.\n\nweekend, again", 'First.\n\n"Weekend" it is'],
        ["First.\n\nWeekends are fun.", "Weekend.\n\nOther.", "a\n\nb\n\nweekend"],
        only_reward=["First.\n\n\n\nWeekend plans.", "First.\n\n**Weekend** plans"],
    ),
    Case(
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["Dear [name], from [my city]"],
        ["Dear [name]"],
        only_compat=["[] []", "[link](a) [x]", "[1] and [2]"],
    ),
    Case(
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        ["Hello you.\nP.S. Bye.", "Hello.\n\nP. S. Bye", "Hello you. P.S. Bye."],
        ["Hello.", "Hello. Psst bye"],
        only_reward=["Hello.\n\n**P.S** Bye", "Hello you. PS bye"],
        only_compat=["vamp.s. are here", "P.S. Hello.", "Hello.\nP.S."],
    ),
    Case(
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["Hello.\nP.P.S Bye."],
        ["Hello.\nP.S. Bye."],
        only_reward=["Hello.\nPPS: Bye"],
    ),
    Case(
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* a\n* b", "Intro\n- a\n  - b"],
        ["* a", "* a\n* b\n* c"],
        only_reward=["* a\n* b\n---"],
        only_compat=["-5 degrees\n-6 degrees", "*so* it is\n*so* it was"],
    ),
    Case(
        "detectable_format:constrained_response",
        {},
        ["My answer is yes.", "**My answer is no.**", "I thought about it. My answer is maybe."],
        ["Yes.", "My answer is nothing."],
        only_compat=["My answer is yes. My answer is no."],
    ),
    Case(
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*a b* and *c*", "**a** and *b*"],
        ["*a*", "** a ** "],
        only_compat=["***a***", "2 * 3 * 4 and 5 * 6 * 7"],
        only_reward=[],
    ),
    Case(
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        ["Section 1\nHello.\nSection 2\nBye.", "**Section 1**\na\n\n**Section 2**\nb"],
        ["Section 1\nHello."],
        only_compat=["See Section 1 and Section 7.", "Section 1\n\nSection 2\nBye"],
    ),
    Case(
        "detectable_format:json_format",
        {},
        ['{"a": 1}', '```json\n{"a": [1]}\n```', '["a"]'],
        ["{'a': 1}", 'Here: {"a": 1}', ""],
        only_compat=["12", '"text"', "[NaN]", "{}"],
    ),
    Case(
        "detectable_format:title",
        {},
        ["<<The river>>\nIt runs."],
        ["<The river>", "<<>>", "<<a\nb>>"],
        only_compat=["<<->>", "<< . >> >>"],
    ),
    Case(
        "combination:two_responses",
        {},
        ["One way.\n******\nAnother way."],
        ["Same\n******\nSame", "One.\n***\nTwo.", "a ****** b ****** c"],
        only_compat=["Same.\n******\nsame.", "a\n******\n!"],
    ),
    Case(
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Say  hello."},
        ["Say  hello.\nHello!"],
        ["Hello!", "Please: Say  hello. Hello!"],
        only_reward=["Say hello. Hello!"],
        only_compat=["Say  hello."],
    ),
    Case(
        "startend:end_checker",
        {"end_phrase": "any more questions?"},
        ["Well, any more questions?", '"Any more questions?"'],
        ["Any more questions? No."],
        only_reward=["Well, **any more questions?**"],
        only_compat=["many more questions?"],
    ),
    Case(
        "startend:quotation",
        {},
        ['"All of it."'],
        ["All of it.", '"All" of it'],
        only_reward=["“All of it.”"],
        only_compat=['""'],
    ),
    Case(
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["SO it IS"],
        ["so it is", "SO it is"],
        only_compat=["I know A dog", "CAN'T say"],
    ),
    Case(
        "change_case:english_capital",
        {},
        [ENGLISH.upper()],
        [ENGLISH, GERMAN.upper().replace("ß", "SS") + " x"],
        only_reward=["DONALD TRUMP"],
    ),
    Case(
        "change_case:english_lowercase",
        {},
        [ENGLISH.lower()],
        [ENGLISH, GERMAN.lower()],
        only_reward=["anna smith"],
    ),
    Case("punctuation:no_comma", {}, ["no pause"], ["one, two"], only_compat=["一，二", "one، two"]),
]


def check(case: Case, text: str, mode: Any) -> bool:
    [verdict] = followed(bind(IFEVAL, [case.name], [case.kwargs], mode, ""), text, loose=False)
    return verdict


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_type_in_both_modes(case: Case) -> None:
    reward = {text for text in case.good + case.only_reward if not check(case, text, "reward")}
    assert reward == set(), "rewarded"
    assert {text for text in case.bad + case.only_compat if check(case, text, "reward")} == set()
    compat = {text for text in case.good + case.only_compat if not check(case, text, "compat")}
    assert compat == set(), "published"
    assert {text for text in case.bad + case.only_reward if check(case, text, "compat")} == set()


def test_every_type_has_a_case() -> None:
    assert {case.name for case in CASES} == set(IFEVAL)
    assert len(IFEVAL) == 25


def judge(truth: Any, answer: str, verifier: str = "ifeval", prompt: str = "Say it.") -> Verdict:
    task = Task("t", ({"role": "user", "content": prompt},), verifier, truth)

    async def verdict() -> Verdict:
        return await get(verifier)(task, Response("", answer, True), Context())

    return asyncio.run(verdict())


def test_the_verdict_names_what_is_not_followed() -> None:
    truth = {
        "instruction_id_list": ["punctuation:no_comma", "keywords:existence"],
        "kwargs": [{}, {"keywords": ["cup"], "num_words": None}],
    }
    verdict = judge(truth, "a cup of tea")
    assert isinstance(verdict, Scored) and verdict.score == 1.0
    verdict = judge(truth, "tea, please")
    assert isinstance(verdict, Scored) and verdict.score == 0.0
    assert "punctuation:no_comma" in verdict.reason and "keywords:existence" in verdict.reason
    assert [one["followed"] for one in verdict.detail["instructions"]] == [False, False]


def test_the_prompt_is_repeated_where_the_row_names_no_text() -> None:
    truth = {"instruction_id_list": ["combination:repeat_prompt"], "kwargs": [{}]}
    good = judge(truth, "Sing a song.\nLa la.", prompt="Sing a song.")
    assert isinstance(good, Scored) and good.score == 1.0


@pytest.mark.parametrize(
    "truth",
    [
        None,
        {},
        {"instruction_id_list": [], "kwargs": []},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": []},
        {"instruction_id_list": ["punctuation:none"], "kwargs": [{}]},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{"count": 3}]},
        {"instruction_id_list": ["keywords:existence"], "kwargs": [{}]},
        {"instruction_id_list": ["keywords:existence"], "kwargs": [{"keywords": []}]},
        {
            "instruction_id_list": ["length_constraints:number_words"],
            "kwargs": [{"num_words": 5, "relation": "at most"}],
        },
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}], "mode": "strict"},
    ],
)
def test_a_malformed_truth_abstains(truth: Any) -> None:
    verdict = judge(truth, "anything")
    assert isinstance(verdict, Abstained) and verdict.kind == "unparseable_gold"


def test_an_unknown_language_abstains_without_a_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_langdetect", lambda: None)
    truth = {"instruction_id_list": ["language:response_language"], "kwargs": [{"language": "sq"}]}
    verdict = judge(truth, "Ky lum kalon nga mulliri.")
    assert isinstance(verdict, Abstained) and verdict.kind == "infrastructure"
    assert "darkhorse[languages]" in verdict.reason


def test_loose_judging_forgives_a_frame_and_asterisks() -> None:
    names, kwargs = ["change_case:english_lowercase", "startend:quotation"], [{}, {}]
    framed = f'Sure, here it is:\n*"{ENGLISH.lower()}"*\nI hope it helps!'
    checks = bind(IFEVAL, names, kwargs, "reward", "")
    assert followed(checks, framed, loose=False) == [False, False]
    assert followed(checks, framed, loose=True) == [True, True]
    assert versions("a\n*b*\nc") == ["a\n*b*\nc", "*b*\nc", "a\n*b*", "*b*", "a\nb\nc", "b\nc", "a\nb", "b"]


def test_an_empty_response_follows_nothing() -> None:
    checks = bind(IFEVAL, ["punctuation:no_comma"], [{}], "compat", "")
    assert followed(checks, " \n", loose=False) == followed(checks, "", loose=True) == [False]


def test_accuracies_count_prompts_and_instructions() -> None:
    assert accuracies([[True, True], [True, False], [False]]) == Accuracies(1 / 3, 3 / 5)


@given(st.text() | st.text(alphabet='aAbß.,!?"[]{}<>*#-\n \tPSe1,'))
def test_every_check_is_total_and_says_the_same_twice(text: str) -> None:
    for case in CASES:
        for mode in ("reward", "compat"):
            assert check(case, text, mode) == check(case, text, mode)


LAYOUT_FREE = [case for case in CASES if case.name.split(":")[0] in ("keywords", "language", "change_case")]


@given(st.sampled_from(LAYOUT_FREE), st.text(alphabet="abcWar .,é\n", min_size=1), st.sampled_from(["\n", "  ", "\t"]))
def test_rewards_about_words_do_not_depend_on_whitespace(case: Case, text: str, space: str) -> None:
    stretched = space + text.replace(" ", space) + space
    if text.strip():
        assert check(case, text, "reward") == check(case, stretched, "reward")


HOSTILE = [
    "[" * 50_000,
    "<<" * 50_000,
    "*" * 50_000,
    "\n" * 50_000 + "x",
    " " * 50_000 + "x",
    "a." * 30_000,
    "p." * 30_000,
]


@pytest.mark.parametrize("mode", ["reward", "compat"])
def test_hostile_texts_are_judged_quickly(mode: Any) -> None:
    for text in HOSTILE:
        for case in CASES:
            assert check(case, text, mode) in (True, False)


@pytest.mark.data
def test_every_row_of_the_data_can_be_bound(data_dir: Path) -> None:
    rows = [json.loads(line) for line in (data_dir / "qwq_eval" / "ifeval.jsonl").read_text().splitlines()]
    assert len(rows) == 541
    for row in rows:
        truth = {"instruction_id_list": row["instruction_id_list"], "kwargs": row["kwargs"]}
        assert isinstance(judge(truth, ENGLISH, prompt=row["prompt"]), Scored)
