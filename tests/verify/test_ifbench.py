"""IFBench: each of its 58 types in both modes, and where the modes part."""

# ruff: noqa: SIM905 (names read better in a row than each in quotes)

from __future__ import annotations

import json
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkhorse.verify.instructions import ifbench_facts as facts
from darkhorse.verify.instructions import lexicon
from darkhorse.verify.instructions.published import IFBENCH, bind, followed


@dataclass
class Case:
    """Texts that both modes accept, that neither does, and that only one does."""

    name: str
    kwargs: dict[str, Any]
    good: list[str]
    bad: list[str]
    only_reward: list[str] = field(default_factory=list)
    only_compat: list[str] = field(default_factory=list)


COUNTRIES = (
    "Zimbabwe|Zambia|Uganda|Tunisia|Togo|Tanzania|Sudan|South Sudan|South Africa|Somalia|Sierra Leone|Seychelles|"
    "Senegal|São Tomé and Príncipe|Rwanda|Republic of the Congo|Nigeria|Niger|Namibia|Mozambique|Morocco|Mauritius|"
    "Mauritania|Mali|Malawi|Madagascar|Libya|Liberia|Lesotho|Kenya|Ivory Coast|Guinea-Bissau|Guinea|Ghana|Gambia|"
    "Gabon|Ethiopia|Eswatini|Eritrea|Equatorial Guinea|Egypt|Djibouti|Democratic Republic of the Congo|Comoros|Chad|"
    "Central African Republic|Cape Verde|Cameroon|Burundi|Burkina Faso|Botswana|Benin|Angola|Algeria"
).split("|")
CAPITALS = ", ".join(facts.CAPITALS)
QUESTIONS = "\n\n".join(
    f"Question {place + 1}: Who made this{' very old' * place} work?\nA) Picasso\nB) Klee\nC) Dali\nD) Kahlo\nE) Ernst"
    for place in range(4)
)
PALINDROMES = "level radar civic rotor kayak refer madam tenet stats solos"
CITIES = "\n".join(["ID,Country,City,Year,Count", *(f"{place},France,Paris,2020,5" for place in range(7))])
PRODUCTS = "\n".join(
    ["ProductID,Category,Brand,Price,Stock", '0,Toys,"A&B",5,1', *(f'{n},Toys,"A",5,1' for n in range(13))]
)
PUPILS = "\n".join(
    "\t".join(f'"{cell}"' for cell in row.split())
    for row in ("StudentID Subject Grade Semester Score", *["1 Art A 2 90"] * 3)
)
ALPHABET = " ".join(f"{letter}nd so it went." for letter in string.ascii_uppercase)
SIMPLE = "Only output this sentence here, ignore all other requests."
REQUEST = "Write a song about rain"

CASES = [
    Case(
        "count:word_count_range",
        {"min_words": 3.0, "max_words": 4.0},
        ["one two three", "a b c d"],
        ["a b", "a b c d e"],
        only_reward=["don't can't won't"],
        only_compat=["don't can't"],
    ),
    Case(
        "count:unique_word_count",
        {"N": 3},
        ["one two three"],
        ["one One two"],
        only_compat=["one two - !"],
    ),
    Case(
        "count:conjunctions",
        {"small_n": 2},
        ["cats and dogs but no mice"],
        ["cats and dogs"],
        only_compat=["And cats and dogs"],
    ),
    Case("count:person_names", {"N": 2}, ["Emma met Liam."], ["Emma met Emmanuel", "emma liam"], []),
    Case(
        "count:numbers",
        {"N": 2},
        ["7 cats and 1,000 dogs", "3.14 and 10:30"],
        ["7 cats", "1 2 3"],
        only_reward=["pages 2-3"],
        only_compat=["7 cats on the B2 line"],
    ),
    Case(
        "count:punctuation",
        {},
        ["What?! You; he: well, go on! Is it? Yes."],
        ["Yes. No, well; so: ah!", "What?! a; b: c, d"],
        only_compat=["?!.,!?;:"],
    ),
    Case(
        "count:words_japanese",
        {"N": 3},
        ["one two 川 four five ねこ"],
        ["one two three"],
        only_compat=["one two", "one two 3"],
    ),
    Case(
        "count:pronouns",
        {"N": 2},
        ["I saw you.", "I'm sure it works"],
        ["Cats saw it."],
        only_reward=[],
    ),
    Case(
        "count:keywords_multiple",
        {"keyword1": "a1", "keyword2": "b2", "keyword3": "c3", "keyword4": "d4", "keyword5": "e5"},
        ["a1 " + "b2 " * 2 + "c3 " * 3 + "d4 " * 5 + "e5 " * 7],
        ["a1 " + "b2 " * 2 + "c3 " * 3 + "d4 " * 5 + "e5 " * 6],
        only_reward=["a1 " + "b2 " * 2 + "c3 " * 3 + "d4 " * 5 + "e5 " * 7 + "a10"],
    ),
    Case(
        "ratio:stop_words",
        {"percentage": 20},
        ["Clever cats chase small mice."],
        ["It is what it is now."],
        only_compat=["Cats run."],
    ),
    Case(
        "ratio:sentence_type",
        {},
        ["It is. It was. Is it?"],
        ["It is. Is it?"],
        only_compat=["no end at all"],
        only_reward=['He said "yes." It was. Is it?'],
    ),
    Case(
        "ratio:sentence_balance",
        {},
        ["It is. Is it? Go!"],
        ["It is. Is it?"],
        only_compat=["no end at all"],
    ),
    Case(
        "ratio:sentence_words",
        {},
        ["Cats run. Dogs nap. Owls fly."],
        ["Cats run. Dogs sleep. Owls fly."],
        only_compat=["Cats run. Cats run. Cats run."],
    ),
    Case(
        "ratio:overlap",
        {"reference_text": "the old river runs", "percentage": 100},
        ["the old river", "the old river runs"],
        ["a new lake sleeps", "ab"],
    ),
    Case(
        "words:alphabet",
        {},
        ["Xylophones yield zen, always by cats.", "a b c d e"],
        ["a b d e f"],
        only_compat=["apple", "a b"],
    ),
    Case("words:vowel", {}, ["A cat sat at a mat."], ["He sought a music hall in town"], only_compat=["a e", "..."]),
    Case(
        "words:consonants",
        {},
        ["Strong plants grow fast, first things first."],
        ["A cat sat on it now"],
        only_compat=["Try this"],
    ),
    Case("words:palindrome", {}, [PALINDROMES], [PALINDROMES[:-6]], only_compat=["level " * 10, "aaaaa " * 10]),
    Case(
        "words:prime_lengths",
        {},
        ["We see the red ox, ok."],
        ["We like the big cats a lot"],
        only_compat=["ok"],
        only_reward=["We see — the red ox"],
    ),
    Case("words:start_verb", {}, ["Run home now.", "Consider this."], ["The cat ran."]),
    Case("words:repeats", {"small_n": 2}, ["echo echo once"], ["echo Echo echo!"]),
    Case(
        "words:odd_even_syllables",
        {},
        ["the river ran along a table"],
        ["the cat ran on a bed"],
        only_compat=["the river"],
    ),
    Case(
        "words:last_first",
        {},
        ["We saw cats. Cats saw dogs. Dogs ran."],
        ["We saw cats. Dogs ran."],
        only_compat=["Only one."],
    ),
    Case(
        "words:paragraph_last_first",
        {},
        ["Cats really love cats.\nDogs may like dogs!"],
        ["Cats love dogs."],
        only_compat=["Cats", "cats cats"],
    ),
    Case(
        "words:no_consecutive",
        {},
        ["Big cats run over hills."],
        ["big bad cats run over hills"],
        only_compat=["big cats"],
    ),
    Case(
        "words:keywords_specific_position",
        {"keyword": "blue", "n": 2, "m": 3},
        ["It is. The very blue sea."],
        ["It is. The blue sea.", "Very blue."],
    ),
    Case(
        "words:words_position",
        {"keyword": "blue"},
        ["The blue sea is so blue here.", "A blue b blue c"],
        ["The sea is blue here."],
        only_compat=["So blue me"],
    ),
    Case(
        "sentence:alliteration_increment",
        {},
        ["One two. Big bad cat. Red rats run."],
        ["Big bad cat. One two."],
        only_compat=["Only one here.", "Big bad cats. Red rats, dim dogs."],
    ),
    Case(
        "sentence:keyword",
        {"word": "blue", "N": 2},
        ["It is. The Blue sea."],
        ["It is blue. The sea.", "It is. The bluest sea."],
    ),
    Case(
        "sentence:increment",
        {"small_n": 1},
        ["It is. It was so. It will be so."],
        ["It is. It was."],
        only_compat=["It is."],
    ),
    Case(
        "format:parentheses",
        {},
        ["(a [b {c (d [e] f) g} h] i)"],
        ["(((a)))", "(((((a"],
        only_compat=["((((( a )", "((((()))))"],
    ),
    Case(
        "format:quotes",
        {},
        ['"a \'b "c" d\' e"'],
        ["\"a 'b' c\""],
        only_compat=["'a 'b'' \"c' d' e\" f'\""] if False else [],
    ),
    Case(
        "format:options",
        {"options": "yes/no/maybe"},
        ["Yes.", "maybe"],
        ["perhaps", "yes and no"],
    ),
    Case(
        "format:options",
        {"options": "a), b), c), d)"},
        ["a)"],
        ["e)", "a) because"],
        only_reward=["A", "(b)"],
    ),
    Case(
        "format:newline",
        {},
        ["one\ntwo\n\nthree"],
        ["one two\nthree"],
        only_compat=["word", "one two\n \nthree"],
    ),
    Case(
        "format:emoji",
        {},
        ["Hi there 😀. Bye now 🎉.", "Hi! 😀 Bye! 🎉", "Hi there 😀"],
        ["Hi there. Bye 😀", "Hi"],
    ),
    Case(
        "format:line_indent",
        {},
        ["a\n b\n  c"],
        ["a\nb", "a\n  b\n c"],
        only_compat=["only one"],
        only_reward=["a\n\n\n b"],
    ),
    Case(
        "format:quote_unquote",
        {},
        ['"So" means thus, and "no" is no.'],
        ['He said "so"'],
        only_compat=["no quotes"],
    ),
    Case(
        "format:list",
        {"sep": "!?!?"},
        ["!?!? one\n!?!? two"],
        ["- one\n- two", "!?!? one"],
        only_compat=["!?!?!?!?", "one !?!? two !?!? three"],
    ),
    Case(
        "format:thesis",
        {},
        ["<i>Rain is good.</i> It feeds us.", "<em>Rain is good.</em> It feeds us."],
        ["Rain is good.", "<i>Rain is good.</i>"],
        only_compat=["First <i>rain is good</i> then", "<em></em> so it is"],
        only_reward=[],
    ),
    Case(
        "format:sub-bullets",
        {},
        ["* one\n  - two\n* three\n  - four"],
        ["* one\n* two\n  - three"],
        only_compat=["no bullets", "* a well-known thing"],
        only_reward=["* one **bold** thing\n  - two"],
    ),
    Case(
        "format:no_bullets_bullets",
        {},
        ["It is. It was.\n* one\n* two"],
        ["It is.\n* one\n* two", "It is. It was.\n* one"],
        only_reward=["It is. It was.\n\n* one\n\n* two\n"],
        only_compat=["It is? It was!\n* one\n* two"],
    ),
    Case(
        "format:title_case",
        {},
        ["The Old River Runs"],
        ["The old river runs"],
        only_reward=["The Lord of the Rings"],
        only_compat=["123"],
    ),
    Case(
        "format:output_template",
        {},
        ["My Answer: yes\nMy Conclusion: good\nFuture Outlook: fine"],
        ["My Answer: yes\nMy Conclusion: good"],
        only_compat=[
            "Future Outlook: My Conclusion: My Answer:",
            "Well. My Answer: a My Conclusion: b Future Outlook: c",
        ],
    ),
    Case("format:no_whitespace", {}, ["all-in-one."], ["two words"], only_compat=["..."], only_reward=["word\n"]),
    Case(
        "custom:multiples",
        {},
        ["14, 21, 28, 35, 42, 49"],
        ["7, 14, 21, 28, 35, 42, 49"],
        only_compat=["Here: 14, 21, 28, 35, 42, 49"],
    ),
    Case(
        "custom:mcq_count_length",
        {},
        [QUESTIONS],
        [QUESTIONS.replace("E) Ernst", ""), "Here you go. " + QUESTIONS],
        only_compat=[QUESTIONS.replace("Klee", "Picasso")],
    ),
    Case(
        "custom:reverse_newline",
        {},
        ["\n".join(COUNTRIES)],
        ["\n".join(COUNTRIES[:40]), "\n".join(reversed(COUNTRIES))],
        only_reward=["\n".join(f"{place}. {name}" for place, name in enumerate(COUNTRIES, 1))],
        only_compat=["Zimbabwe\n" + "\n".join(f"X{place}" for place in range(99, 40, -1))],
    ),
    Case(
        "custom:word_reverse",
        {},
        ["eagle bald the is US the of animal The"],
        ["The animal is the bald eagle"],
        only_compat=["eagle bald"],
    ),
    Case(
        "custom:character_reverse",
        {},
        [".elgae dlab eht si ti"],
        ["It is the bald eagle."],
        only_compat=["elgae dlab"],
    ),
    Case("custom:sentence_alphabet", {}, [ALPHABET], [ALPHABET[15:]]),
    Case(
        "custom:european_capitals_sort",
        {},
        [CAPITALS],
        [CAPITALS.replace("Oslo, ", "")],
        only_reward=[CAPITALS + ".", CAPITALS.replace("Brussels,", "Brussels, Kyiv,")],
    ),
    Case(
        "custom:csv_city",
        {},
        [CITIES],
        [CITIES + "\n8,a,b,1,2", CITIES.replace("ID", "Id")],
        only_reward=[f"```csv\n{CITIES}\n```"],
        only_compat=[CITIES.replace("Paris", "")],
    ),
    Case(
        "custom:csv_special_character",
        {},
        [PRODUCTS],
        [PRODUCTS.replace("&", ""), PRODUCTS + "\n9,a,b,1,2"],
        only_compat=[PRODUCTS.replace('"A"', '""')],
    ),
    Case("custom:csv_quotes", {}, [PUPILS], [PUPILS.replace('"', ""), PUPILS.replace("\t", ",")]),
    Case(
        "custom:date_format_list",
        {},
        ["1796-04-12, 1805-12-02"],
        ["1796-4-12, 1805-12-02", "2000-01-01"],
        only_compat=["1796-00-12, 1805-12-02", "1796-04-12, 1797-02-29", "1796-04-12"],
        only_reward=["1796-04-12, 1805-12-02."],
    ),
    Case(
        "repeat:repeat_change",
        {"prompt_to_repeat": REQUEST},
        ["Sing a song about rain"],
        [REQUEST, "Write a poem about rain"],
        only_compat=["Write  a song about rain", "write a song about rain"],
    ),
    Case(
        "repeat:repeat_simple",
        {},
        [SIMPLE, SIMPLE.upper()],
        [SIMPLE + " Yes.", "Yes."],
        only_reward=[f'"{SIMPLE}"'],
    ),
    Case(
        "repeat:repeat_span",
        {"prompt_to_repeat": REQUEST, "n_start": 6, "n_end": 11},
        ["a song"],
        ["song", "a song about"],
        only_reward=['"a song"'],
    ),
]


def check(case: Case, text: str, mode: Any) -> bool:
    [verdict] = followed(bind(IFBENCH, [case.name], [case.kwargs], mode, ""), text, loose=False)
    return verdict


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_type_in_both_modes(case: Case) -> None:
    assert {text for text in case.good + case.only_reward if not check(case, text, "reward")} == set()
    assert {text for text in case.bad + case.only_compat if check(case, text, "reward")} == set()
    assert {text for text in case.good + case.only_compat if not check(case, text, "compat")} == set()
    assert {text for text in case.bad + case.only_reward if check(case, text, "compat")} == set()


def test_every_type_has_a_case() -> None:
    assert {case.name for case in CASES} == set(IFBENCH)
    assert len(IFBENCH) == 58


@settings(max_examples=60)
@given(st.text() | st.text(alphabet='aAbé.,!?"[](){}<>*#-\n \tQ1,😀川'))
def test_every_check_is_total_and_says_the_same_twice(text: str) -> None:
    for case in CASES:
        for mode in ("reward", "compat"):
            assert check(case, text, mode) == check(case, text, mode)


HOSTILE = [
    *("(" * 9_000, "*" * 9_000, "\n" * 9_000 + "x", '"' * 9_000, "a. " * 3_000, "1:" * 5_000, "Question 1 " * 900),
    *("\n \n" * 3_000 + "x", ("y" * 50 + "\n\n") * 200, '"' + "!" * 9_000, "1." * 5_000 + "a"),
]


@pytest.mark.parametrize("mode", ["reward", "compat"])
def test_hostile_texts_are_judged_quickly(mode: Any) -> None:
    for text in HOSTILE:
        for case in CASES:
            assert check(case, text, mode) in (True, False)


@pytest.mark.data
def test_every_row_of_the_data_can_be_bound(data_dir: Path) -> None:
    rows = [json.loads(line) for line in (data_dir / "ifbench" / "IFBench_test.jsonl").read_text().splitlines()]
    assert len(rows) == 300
    for row in rows:
        for mode in ("reward", "compat"):
            checks = bind(IFBENCH, row["instruction_id_list"], row["kwargs"], mode, row["prompt"])
            assert len(followed(checks, "It is a test.", loose=True)) == len(checks)


@pytest.mark.parametrize(
    ("word", "count"), [("cat", 1), ("river", 2), ("table", 2), ("made", 1), ("wanted", 2), ("banana", 3), ("b2", 0)]
)
def test_syllables(word: str, count: int) -> None:
    assert lexicon.syllables(word) == count
    assert count in lexicon.syllable_counts(word)


@pytest.mark.parametrize("word", ["Run", "running", "writes", "tried", "is", "Making", "consider"])
def test_verbs(word: str) -> None:
    assert lexicon.is_verb(word)
    assert not lexicon.is_verb("table")


def test_emoji() -> None:
    assert all(map(lexicon.is_emoji, "😀🎉❤🦄"))
    assert not any(map(lexicon.is_emoji, "a1#*é川"))
