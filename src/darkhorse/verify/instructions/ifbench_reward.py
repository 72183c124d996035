"""IFBench's checks corrected for rewards: what a person means by them, hard to satisfy by accident or by trick.

Every difference from the published check is listed in `docs/verifiers-instructions.md`. Pure functions of the text that
need no other package.
"""

# ruff: noqa: SIM905 (words read better in a row than each in quotes)

from __future__ import annotations

import csv
import datetime
import io
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from darkhorse.tasks import texts
from darkhorse.verify.instructions import ifbench_compat as compat
from darkhorse.verify.instructions import ifbench_facts as facts
from darkhorse.verify.instructions import ifbench_parameters as p
from darkhorse.verify.instructions.lexicon import (
    CONJUNCTIONS,
    PRONOUNS,
    STOP_WORDS,
    is_emoji,
    is_verb,
    syllable_counts,
)
from darkhorse.verify.instructions.specs import NoParameters

_LEAST_WORDS = 5  # of a text whose every word obeys a rule: fewer prove nothing
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxyz]{2}")
_NUMBER = re.compile(r"(?<![\w.,:])\d+(?:[.,:]\d+)*")
_CLOSERS = "\"'”’)]*_ "
_JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
_MINOR = frozenset(
    "a an the and but or nor for so yet as at by in of off on per to up via from with into onto over if than vs is it "
    "be are was".split()
)


def _words(text: str) -> list[str]:
    """Words without accents, letters and digits only: `don't` is `dont`, `Café` is `cafe`."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = ("".join(filter(str.isalnum, piece)) for piece in plain.split())
    return [word for word in kept if word]


def _enough(words: Sequence[str]) -> bool:
    return len(words) >= _LEAST_WORDS


def word_count_range(text: str, given: p.WordRange) -> bool:
    """So many words between spaces."""
    return given.min_words <= texts.count_words(text) <= given.max_words


def unique_word_count(text: str, given: p.Number) -> bool:
    """So many different words, case and punctuation aside."""
    return len(set(texts.word_pieces(text))) >= given.N


def stop_words(text: str, given: p.Percentage) -> bool:
    """At most this share of at least five words are stop words, contractions of them among these."""
    words = texts.word_pieces(text)
    count = sum(re.split("['’]", word)[0] in STOP_WORDS for word in words)
    return _enough(words) and count <= given.percentage / 100 * len(words)


def _endings(text: str) -> tuple[int, int, int]:
    found = Counter(sentence.rstrip(_CLOSERS)[-1:] for sentence in texts.prose_sentences(text))
    return found["."], found["?"], found["!"]


def sentence_type(text: str, given: NoParameters) -> bool:
    """Twice as many statements as questions, and there is a question."""
    statements, questions, _ = _endings(text)
    return statements == 2 * questions > 0


def sentence_balance(text: str, given: NoParameters) -> bool:
    """As many statements as questions as exclamations, and there is one of each."""
    statements, questions, exclamations = _endings(text)
    return statements == questions == exclamations > 0


def conjunctions(text: str, given: p.SmallNumber) -> bool:
    """So many different conjunctions, case and punctuation aside."""
    return len(CONJUNCTIONS & set(texts.word_pieces(text))) >= given.small_n


def person_names(text: str, given: p.Number) -> bool:
    """So many of the fifty names, capitalised, as whole words."""
    capitalised = set(re.findall(r"[^\W\d_]+", text))
    return len(capitalised.intersection(facts.NAMES)) >= given.N


def numbers(text: str, given: p.Number) -> bool:
    """So many numbers in digits: `3.14`, `1,000` and `10:30` and `60s` are one each, `2-3` is two, `B2` none."""
    return len(_NUMBER.findall(text)) == given.N


def alphabet(text: str, given: NoParameters) -> bool:
    """Each of at least five words begins with the letter after the last one's."""
    firsts = [word[0] for word in _words(text)]
    if not _enough(firsts) or not set(firsts) <= set(string.ascii_lowercase):
        return False
    return all((ord(other) - ord(one)) % 26 == 1 for one, other in pairwise(firsts))


def vowel(text: str, given: NoParameters) -> bool:
    """One paragraph of at least five words with at most three different vowels, accents aside."""
    words = _words(text)
    return _enough(words) and len(text.strip().splitlines()) == 1 and len(set("aeiou") & set("".join(words))) <= 3


def consonants(text: str, given: NoParameters) -> bool:
    """Two consonants in a row in each of at least five words."""
    words = _words(text)
    return _enough(words) and all(map(_CONSONANTS.search, words))


def alliteration_increment(text: str, given: NoParameters) -> bool:
    """A longer run of neighbours with one first letter in each of at least two sentences than in the one before."""
    longest = [_longest_run([word[0] for word in _words(sentence)]) for sentence in texts.prose_sentences(text)]
    return len(longest) > 1 and all(other > one for one, other in pairwise(longest))


def _longest_run(letters: Sequence[str]) -> int:
    best = run = 0
    before = ""
    for letter in letters:
        run = run + 1 if letter == before else 1
        best, before = max(best, run), letter
    return best


def palindrome(text: str, given: NoParameters) -> bool:
    """Ten different words of five letters or more, of more than one letter, that read the same backwards."""
    words = {word for word in _words(text) if len(word) >= 5 and word.isalpha() and len(set(word)) > 1}
    return sum(word == word[::-1] for word in words) >= 10


def punctuation(text: str, given: NoParameters) -> bool:
    """All of `.,!?;:` beside an interrobang, and words."""
    return _enough(_words(text)) and compat.punctuation(text, given)


def parentheses(text: str, given: NoParameters) -> bool:
    """Brackets that open five deep or more and all close again, with words inside."""
    opened: list[str] = []
    deepest = start = 0
    for place, character in enumerate(text):
        if character in "([{":
            if not opened:
                deepest, start = 0, place
            opened.append(character)
            deepest = max(deepest, len(opened))
        elif character in ")]}":
            if not opened or opened[-1] + character not in ("()", "[]", "{}"):
                opened = []
                continue
            opened.pop()
            if not opened and deepest >= 5 and texts.words(text[start:place]):
                return True
    return False


def quotes(text: str, given: NoParameters) -> bool:
    """Quotes that open three deep or more, double and single in turn, and all close again; apostrophes are none."""
    text = text.translate(str.maketrans("‘’“”", "''\"\""))
    opened: list[str] = []
    deepest = 0
    for place, mark in enumerate(text):
        if mark not in "\"'":
            continue
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        if mark == "'" and before.isalnum() and after.isalnum():
            continue
        if opened and opened[-1] == mark and (before or " ") not in string.whitespace:
            opened.pop()
            if not opened and deepest >= 3:
                return True
        elif not before.isalnum():
            if not opened:
                deepest = 0
            if opened and opened[-1] == mark:
                opened = []
                continue
            opened.append(mark)
            deepest = max(deepest, len(opened))
    return False


def prime_lengths(text: str, given: NoParameters) -> bool:
    """Each of at least five words has a prime number of letters and digits."""
    lengths = [len(word) for word in ("".join(filter(str.isalnum, piece)) for piece in text.split()) if word]
    return len(lengths) >= _LEAST_WORDS and compat.PRIMES.issuperset(lengths)


def options(text: str, given: p.Options) -> bool:
    """One of the options and nothing else, whatever its case and brackets."""
    separator = "/" if "/" in given.options else r"\bor\b" if re.search(r"\bor\b", given.options) else ","
    listed = {_option(option) for option in re.split(separator, given.options)}
    return _option(text) in listed - {""}


def _option(text: str) -> str:
    return texts.plain(text).strip(string.punctuation + " ")


def newline(text: str, given: NoParameters) -> bool:
    """One word on each line that is not empty, on at least two."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 1 and all(len(line.split()) == 1 for line in lines)


_JOINERS = "\u200d\ufe0f" + "".join(map(chr, range(0x1F3FB, 0x1F400)))


def emoji(text: str, given: NoParameters) -> bool:
    """Each sentence, and each line, ends with an emoji, before or behind its final mark."""
    found = False
    for line in text.splitlines():
        if not texts.words(line) and not any(map(is_emoji, line)):
            continue
        for piece in re.split(r"(?<=[.!?…])\s+(?=[\w\"'“‘(\[*])", line.strip()):
            if texts.words(piece) and not _ends_with_emoji(piece):
                return False
        found = True
    return found


def _ends_with_emoji(piece: str) -> bool:
    last = piece.rstrip(string.punctuation + "…”’ " + _JOINERS)[-1:]
    return bool(last) and is_emoji(last)


def sentence_words(text: str, given: NoParameters) -> bool:
    """Three sentences of one length in characters, and no word twice."""
    sentences = texts.prose_sentences(text)
    words = texts.word_pieces(text)
    return len(sentences) == 3 and len(set(map(len, sentences))) == 1 and len(words) == len(set(words))


def words_japanese(text: str, given: p.Position) -> bool:
    """Every n-th word is Japanese, and there is one."""
    nth = text.split()[given.N - 1 :: given.N]
    return bool(nth) and all(map(_JAPANESE.search, nth))


def start_verb(text: str, given: NoParameters) -> bool:
    """The first word is a form of a common English verb."""
    return is_verb((texts.word_pieces(text) or [""])[0])


def repeats(text: str, given: p.SmallNumber) -> bool:
    """No word more often than that, case and punctuation aside."""
    words = texts.word_pieces(text)
    return bool(words) and max(Counter(words).values()) <= given.small_n


def sentence_keyword(text: str, given: p.SentenceKeyword) -> bool:
    """The sentence holds the word as a whole word."""
    found = texts.prose_sentences(text)
    return len(found) >= given.N and texts.count_phrase(found[given.N - 1], given.word) > 0


def pronouns(text: str, given: p.Number) -> bool:
    """So many pronouns, those of contractions (`I'm`) among them."""
    words = (re.split("['’]", word)[0] for word in texts.word_pieces(text))
    return sum(word in PRONOUNS for word in words) >= given.N


def odd_even_syllables(text: str, given: NoParameters) -> bool:
    """At least five words of odd and of even numbers of syllables in turn, under a plausible count of each."""
    words = [word for word in _words(text) if word.isalpha()]
    possible = {0, 1}
    for word in words:
        possible = {count % 2 for count in syllable_counts(word)} & {1 - parity for parity in possible}
        if not possible:
            return False
    return _enough(words)


def last_first(text: str, given: NoParameters) -> bool:
    """Each of at least two sentences begins with the last word of the one before."""
    sentences = [texts.word_pieces(sentence) for sentence in texts.prose_sentences(text)]
    return len(sentences) > 1 and all(one[-1:] == other[:1] != [] for one, other in pairwise(sentences))


def paragraph_last_first(text: str, given: NoParameters) -> bool:
    """Each paragraph ends with its first word and has others between."""
    paragraphs = [words for line in text.splitlines() if (words := texts.word_pieces(line))]
    return bool(paragraphs) and all(len(words) > 2 and words[0] == words[-1] for words in paragraphs)


def increment(text: str, given: p.SmallNumber) -> bool:
    """Each of at least two sentences has so many more words than the one before."""
    counts = [len(texts.words(sentence)) for sentence in texts.prose_sentences(text)]
    return len(counts) > 1 and all(other == one + given.small_n for one, other in pairwise(counts))


def no_consecutive(text: str, given: NoParameters) -> bool:
    """No two neighbours of at least five words begin with one letter."""
    firsts = [word[0] for word in _words(text)]
    return _enough(firsts) and all(one != other for one, other in pairwise(firsts))


def line_indent(text: str, given: NoParameters) -> bool:
    """Each of at least two lines with words stands further right than the one before; empty lines do not count."""
    lines = [line.expandtabs() for line in text.splitlines() if texts.words(line)]
    indents = [len(line) - len(line.lstrip()) for line in lines]
    return len(indents) > 1 and all(other > one for one, other in pairwise(indents))


def quote_unquote(text: str, given: NoParameters) -> bool:
    """At least one phrase in double quotes, and words outside quotes behind each."""
    parts = text.translate(str.maketrans("“”", '""')).split('"')
    outside, inside = parts[2::2], parts[1::2]
    return len(parts) > 2 and len(parts) % 2 == 1 and all(map(texts.words, [*outside, *inside]))


def list_marker(text: str, given: p.Separator) -> bool:
    """At least two lines begin with the marker and go on with words, and no line begins with another bullet."""
    marker = given.sep.strip()
    lines = [line.strip() for line in text.splitlines()]
    marked = [line.startswith(marker) and bool(texts.words(line[len(marker) :])) for line in lines]
    return sum(marked) > 1 and not any(
        not mark and texts.bullets(line) for line, mark in zip(lines, marked, strict=True)
    )


_ITALICS = re.compile(r"\s*(?:<i>([^<]*)</i>|<em>([^<]*)</em>)(.*)", re.DOTALL)


def thesis(text: str, given: NoParameters) -> bool:
    """Each section (what stands between headings, or all) begins with three words or more in italics, and goes on."""
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        content = line.strip()
        if content.startswith("#") or (content.startswith("**") and content.endswith("**")):
            sections.append([])
        else:
            sections[-1].append(line)
    bodies = [body for body in ("\n".join(lines) for lines in sections) if texts.words(body)]
    found = [_ITALICS.match(body) for body in bodies]
    return bool(found) and all(
        match and len(texts.words(match[1] or match[2] or "")) > 2 and texts.words(match[3]) for match in found
    )


def sub_bullets(text: str, given: NoParameters) -> bool:
    """At least one line `* …`, and at least one line `- …` under each."""
    children: list[int] = []
    for line in text.splitlines():
        content = line.strip()
        if content.startswith("* ") and texts.words(content):
            children.append(0)
        elif content.startswith("- ") and texts.words(content):
            if not children:
                return False
            children[-1] += 1
    return bool(children) and all(children)


def no_bullets_bullets(text: str, given: NoParameters) -> bool:
    """Two sentences or more that end in a full stop, then two lines `* …` or more, and no text after."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    starred = [line.startswith("* ") and bool(texts.words(line)) for line in lines]
    if sum(starred) < 2:
        return False
    first = starred.index(True)
    sentences = texts.prose_sentences("\n".join(lines[:first]))
    return all(starred[first:]) and sum(sentence.rstrip(_CLOSERS).endswith(".") for sentence in sentences) >= 2


def multiples(text: str, given: NoParameters) -> bool:
    """14, 21, 28, 35, 42, 49, and no letters beside them."""
    return not any(map(str.isalpha, text)) and [int(one) for one in re.findall(r"\d{1,9}", text)] == [*range(14, 50, 7)]


def mcq_count_length(text: str, given: NoParameters) -> bool:
    """Four questions, each longer than the last, with the five different options A to E each, and nothing else."""
    text = text.strip()
    if not re.match(r"[*#_ ]*Question\b", text):
        return False
    lengths = []
    for part in re.split(r"^[*#_ \t]*Question\b[ \t]*\d*[.):;*]*", text, flags=re.MULTILINE)[1:]:
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        choices = [(line[0].upper(), texts.plain(line[2:])) for line in lines if re.match(r"[A-Ea-e][.):]\s*\w", line)]
        asked = " ".join(lines[: len(lines) - len(choices)])
        if "".join(letter for letter, _ in choices) != "ABCDE" or len({option for _, option in choices}) != 5:
            return False
        lengths.append(len(asked))
    return len(lengths) == 4 and all(one < other for one, other in pairwise(lengths))


def reverse_newline(text: str, given: NoParameters) -> bool:
    """At least 52 different African countries, one a line and nothing else, from Zimbabwe backwards."""
    lines = [_country(line) for line in text.splitlines() if texts.words(line)]
    known = set(lines) <= facts.COUNTRIES and len(set(lines)) == len(lines)
    return known and len(lines) >= 52 and lines == sorted(lines, reverse=True)


def _country(line: str) -> str:
    plain = unicodedata.normalize("NFKD", re.sub(r"^\s*\d+[.)]\s*", "", line).replace("’", "'"))
    return "".join(filter(str.isascii, plain)).casefold().strip(" .,;*-_\t")


def word_reverse(text: str, given: NoParameters) -> bool:
    """Read word by word from the end, and only so, a sentence of four words or more names the bald eagle."""
    words = texts.word_pieces(text)
    return len(words) > 3 and "bald eagle" in " ".join(reversed(words)) and "bald eagle" not in " ".join(words)


def character_reverse(text: str, given: NoParameters) -> bool:
    """Read letter by letter from the end, and only so, a text of three words or more names the bald eagle."""
    lowered = text.lower()
    return "elgae dlab" in lowered and "bald eagle" not in lowered and len(lowered.split()) > 2


def sentence_alphabet(text: str, given: NoParameters) -> bool:
    """26 sentences of two words or more that begin with the letters in order."""
    sentences = [texts.word_pieces(sentence) for sentence in texts.prose_sentences(text)]
    return "".join(words[0][0] for words in sentences) == string.ascii_lowercase and all(len(w) > 1 for w in sentences)


def european_capitals_sort(text: str, given: NoParameters) -> bool:
    """The capitals from north to south; Kyiv, which the published list forgets, may stand in its place."""
    plain = "".join(filter(str.isascii, unicodedata.normalize("NFKD", text))).strip().rstrip(".")
    found = [part.strip().casefold() for part in plain.split(",")]
    wanted = [capital.casefold() for capital in facts.CAPITALS]
    return [city for city in found if city not in ("kyiv", "kiev")] == wanted and (
        len(found) == len(wanted) or found[wanted.index("brussels") + 1 :][:1] in (["kyiv"], ["kiev"])
    )


def _table(text: str, columns: Sequence[str], count: int, delimiter: str = ",") -> list[list[str]] | None:
    """The rows under a header, if there are so many, of as many fields, none of them empty."""
    try:
        rows = [row for row in csv.reader(io.StringIO(texts.unfenced(text)), delimiter=delimiter) if row]
    except csv.Error:
        return None
    rows = [[field.strip() for field in row] for row in rows]
    good = len(rows) == count + 1 and rows[0] == list(columns) and all(len(row) == len(columns) for row in rows)
    return rows[1:] if good and all(all(row) for row in rows) else None


def csv_city(text: str, given: NoParameters) -> bool:
    """The header and seven rows of five fields that are not empty."""
    return _table(text, ("ID", "Country", "City", "Year", "Count"), 7) is not None


def csv_special_character(text: str, given: NoParameters) -> bool:
    """The header, fourteen rows of five fields, and a special character in a field between quotes."""
    quoted = re.findall(r'"([^"\n]*)"', texts.unfenced(text))
    special = any(re.search(r"[^\w\s.,-]", field) for field in quoted)
    return special and _table(text, facts.PRODUCT_COLUMNS, 14) is not None


def csv_quotes(text: str, given: NoParameters) -> bool:
    """The header and three rows of five fields, each between quotes, with tabs between them."""
    lines = [line.strip() for line in texts.unfenced(text).splitlines() if line.strip()]
    quoted = all(re.fullmatch(r'"[^"\t]*"', field.strip()) for line in lines for field in line.split("\t"))
    return quoted and _table(text, facts.STUDENT_COLUMNS, 3, "\t") is not None


def date_format_list(text: str, given: NoParameters) -> bool:
    """Different dates of the calendar in Napoleon's life, at least two."""
    dates = [date.strip() for date in text.strip().rstrip(".").split(",")]
    if len(dates) < 2 or len(set(dates)) != len(dates):
        return False
    return all(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date) and _in_his_life(date) for date in dates)


def _in_his_life(date: str) -> bool:
    try:
        return 1769 <= datetime.date.fromisoformat(date).year <= 1821
    except ValueError:
        return False


def keywords_multiple(text: str, given: p.FiveKeywords) -> bool:
    """Each keyword so often as a whole word."""
    return all(texts.count_phrase(text, keyword) == count for keyword, count in given.counts)


def keywords_specific_position(text: str, given: p.KeywordPosition) -> bool:
    """The word has its place in its sentence."""
    found = texts.prose_sentences(text)
    words = texts.word_pieces(found[given.n - 1]) if len(found) >= given.n else []
    return words[given.m - 1 : given.m] == [texts.plain(given.keyword)]


def words_position(text: str, given: p.Keyword) -> bool:
    """The second word and the last but one, of at least four, are the word."""
    words = texts.word_pieces(text)
    return len(words) > 3 and words[1] == words[-2] == texts.plain(given.keyword)


def repeat_change(text: str, given: p.Repeat) -> bool:
    """The same words but for the first, which differs."""
    found, wanted = text.split(), given.prompt_to_repeat.split()
    same_start = bool(found) and texts.plain(found[0]) == texts.plain(wanted[0])
    return len(found) == len(wanted) and found[1:] == wanted[1:] and not same_start


def repeat_simple(text: str, given: NoParameters) -> bool:
    """That sentence, whatever its case; quotes may stand around it."""
    return texts.plain(text).strip("\"'* ") == texts.plain(compat.SIMPLE)


def repeat_span(text: str, given: p.RepeatSpan) -> bool:
    """The characters from the first to the last, whatever their case; double quotes may stand around them."""
    wanted = given.prompt_to_repeat[given.n_start : given.n_end + 1].strip().casefold()
    found = text.strip().casefold()
    return bool(wanted) and found in (wanted, f'"{wanted}"')


def title_case(text: str, given: NoParameters) -> bool:
    """Each of at least two words begins with a capital, but articles, conjunctions and short prepositions inside."""
    words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text)
    if len(words) < 2 or not words[0][0].isupper():
        return False
    return all(not word[0].islower() or word in _MINOR for word in words)


def output_template(text: str, given: NoParameters) -> bool:
    """The three labels once each and in order, the first at the beginning, with words behind each."""
    places = [text.find(label) for label in facts.TEMPLATE]
    if min(places) < 0 or places != sorted(places) or any(text.count(label) > 1 for label in facts.TEMPLATE):
        return False
    if text[: places[0]].strip("*#_ \n"):
        return False
    ends = [*places[1:], len(text)]
    bounds = zip(places, ends, facts.TEMPLATE, strict=True)
    return all(texts.words(text[start + len(label) : end]) for start, end, label in bounds)


def no_whitespace(text: str, given: NoParameters) -> bool:
    """No whitespace between the first and the last character, and a letter or digit."""
    text = text.strip()
    return not any(map(str.isspace, text)) and bool(texts.words(text))
