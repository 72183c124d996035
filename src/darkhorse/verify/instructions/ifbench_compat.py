"""IFBench's checks as published (Pyatkin et al. 2025, arXiv:2507.02833; allenai/IFBench at db69a6f).

Each function decides as the published checker does, flaws included, in linear time where the published regular
expression takes quadratic time on hostile text. Where a published check raises, the one here says no.
"""

from __future__ import annotations

import csv
import io
import re
import string
import unicodedata
from collections import Counter, deque
from collections.abc import Sequence
from itertools import pairwise

from darkhorse.verify.instructions import ifbench_facts as facts
from darkhorse.verify.instructions import ifbench_parameters as p
from darkhorse.verify.instructions import libraries
from darkhorse.verify.instructions.lexicon import CONJUNCTIONS, PRONOUNS, STOP_WORDS, is_emoji
from darkhorse.verify.instructions.specs import NoParameters

_EDGES = string.punctuation + " "
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_JAPANESE = re.compile(r"[぀-ヿ一-鿿]")
PRIMES = frozenset(n for n in range(2, 98) if all(n % d for d in range(2, n)))


def _bare(text: str) -> list[str]:
    return text.translate(_NO_PUNCTUATION).split()


def _first(words: Sequence[str]) -> list[str]:
    return [word[0] for word in words]


def word_count_range(text: str, given: p.WordRange) -> bool:
    """So many runs of word characters."""
    return given.min_words <= len(re.findall(r"\w+", text)) <= given.max_words


def unique_word_count(text: str, given: p.Number) -> bool:
    """So many different pieces between spaces, punctuation stripped; nothing left is a word too."""
    return len({word.strip(_EDGES) for word in text.lower().split()}) >= given.N


def stop_words(text: str, given: p.Percentage) -> bool:
    """At most this share of the runs of word characters are stop words."""
    words = re.findall(r"\w+", text)
    return bool(words) and sum(word.lower() in STOP_WORDS for word in words) / len(words) * 100 <= given.percentage


def _endings(text: str) -> tuple[int, int, int]:
    """Sentences ending in a full stop, a question mark, an exclamation mark."""
    found = Counter(sentence[-1:] for sentence in libraries.sentences(text))
    return found["."], found["?"], found["!"]


def sentence_type(text: str, given: NoParameters) -> bool:
    """Twice as many statements as questions; none of either will do."""
    statements, questions, _ = _endings(text)
    return statements == 2 * questions


def sentence_balance(text: str, given: NoParameters) -> bool:
    """As many statements as questions as exclamations; none of any will do."""
    return len(set(_endings(text))) == 1


def conjunctions(text: str, given: p.SmallNumber) -> bool:
    """So many different spellings of conjunctions: `And` and `and,` are two."""
    return len({word for word in text.split() if word.strip(_EDGES).lower() in CONJUNCTIONS}) >= given.small_n


def person_names(text: str, given: p.Number) -> bool:
    """So many of the fifty names."""
    return sum(re.search(rf"\b{name}\b", text) is not None for name in facts.NAMES) >= given.N


def overlap(text: str, given: p.Overlap) -> bool:
    """This share, give or take two points, of the different runs of three characters stand in the reference."""
    found = {text[place : place + 3] for place in range(len(text) - 2)}
    reference = {given.reference_text[place : place + 3] for place in range(len(given.reference_text) - 2)}
    if not found:
        return False
    share = len(found & reference) / len(found) * 100
    return given.percentage - 2 <= share <= given.percentage + 2


def numbers(text: str, given: p.Number) -> bool:
    """So many runs of digits once punctuation is gone: `2-3` is one."""
    return len(re.findall(r"\d+", text.translate(_NO_PUNCTUATION))) == given.N


def alphabet(text: str, given: NoParameters) -> bool:
    """Each word begins with the letter after the last one's."""
    words = [word.lower() for word in _bare(text)]
    if not words or words[0][0] not in string.ascii_lowercase:
        return False
    start = ord(words[0][0]) - 97
    return all(ord(word[0]) - 97 == (start + place) % 26 for place, word in enumerate(words))


def vowel(text: str, given: NoParameters) -> bool:
    """One line, at most three different vowels."""
    return "\n" not in text.strip() and len(set("aeiou") & set(text.lower())) <= 3


def consonants(text: str, given: NoParameters) -> bool:
    """Two consonants in a row in each piece between spaces."""
    return all(re.search(r"[bcdfghjklmnpqrstvwxyz]{2}", word) for word in text.lower().split())


def alliteration_increment(text: str, given: NoParameters) -> bool:
    """More alliterating words in each sentence than in the one before."""
    before = -1
    for sentence in libraries.sentences(text):
        words = [word for word in (piece.lstrip(_EDGES) for piece in sentence.lower().split()) if word]
        alike = [one[0] == other[0] for one, other in pairwise(words)]
        starts = sum(now and not last for last, now in pairwise([False, *alike]))
        if sum(alike) + starts <= before:
            return False
        before = sum(alike) + starts
    return True


def palindrome(text: str, given: NoParameters) -> bool:
    """Ten words of five letters or more that read the same backwards, not need they differ."""
    return sum(len(word) >= 5 and word == word[::-1] for word in _bare(text.lower())) >= 10


def punctuation(text: str, given: NoParameters) -> bool:
    """All of `.,!?;:` beside an interrobang."""
    if not ("!?" in text or "?!" in text or "‽" in text):
        return False
    rest = text.replace("?!" if "?!" in text else "!?", "", 1)
    return set(".,!?;:") <= set(rest)


def parentheses(text: str, given: NoParameters) -> bool:
    """Five brackets open at once, one of which closes."""
    opened: list[str] = []
    deepest = 0
    for character in text:
        if character in "([{":
            opened.append(character)
            deepest = max(deepest, len(opened))
        elif character in ")]}":
            if opened and opened[-1] + character in ("()", "[]", "{}"):
                opened.pop()
                if deepest >= 5:
                    return True
            else:
                opened, deepest = [], 0
    return False


def quotes(text: str, given: NoParameters) -> bool:
    """Three quotes open at once that close again; apostrophes are quotes."""
    opened: list[str] = []
    deepest = 0
    for character in text:
        if opened and character == opened[-1]:
            opened.pop()
            if deepest - len(opened) >= 3:
                return True
        elif character in "\"'":
            opened.append(character)
            deepest = max(deepest, len(opened))
    return False


def prime_lengths(text: str, given: NoParameters) -> bool:
    """Every piece between spaces has a prime number of characters once punctuation is gone."""
    return all(len(word) in PRIMES for word in _bare(text))


def options(text: str, given: p.Options) -> bool:
    """One of the options; of `a), b), c)` with its bracket and nothing else."""
    separator = "/" if "/" in given.options else "or" if "or" in given.options else ","
    listed = [option.strip() for option in given.options.split(separator)]
    if re.match(r"\W*[aA]\W*[bB]\W*[cC]\W*", given.options):
        return text in listed
    return text.strip(_EDGES).lower() in [option.strip(_EDGES).lower() for option in listed]


def newline(text: str, given: NoParameters) -> bool:
    """As many lines as words."""
    stripped = text.translate(_NO_PUNCTUATION).strip()
    return sum(line != "" for line in stripped.split("\n")) == len(stripped.split())


def emoji(text: str, given: NoParameters) -> bool:
    """An emoji is one of the last two characters of each sentence, or the first of the next."""
    sentences = [sentence.translate(_NO_PUNCTUATION).strip() for sentence in libraries.sentences(text)]
    for sentence, following in zip(sentences, [*sentences, None][1:], strict=True):
        if not sentence:
            return False
        if not any(map(is_emoji, sentence[-2:])) and not (following and is_emoji(following[0])):
            return False
    return True


def sentence_words(text: str, given: NoParameters) -> bool:
    """Three sentences of one length."""
    lengths = [len(sentence.strip()) for sentence in libraries.sentences(text)]
    return len(lengths) == 3 and len(set(lengths)) == 1


def words_japanese(text: str, given: p.Position) -> bool:
    """Every n-th word holds a Japanese character, or is a number or punctuation."""
    nth = (word.strip(_EDGES) for word in text.split()[given.N - 1 :: given.N])
    return all(not word or word.isdigit() or _JAPANESE.search(word) for word in nth)


def start_verb(text: str, given: NoParameters) -> bool:
    """NLTK's tagger calls the first token a verb."""
    return libraries.begins_with_verb(text)


def repeats(text: str, given: p.SmallNumber) -> bool:
    """No word more often than that."""
    return max(Counter(_bare(text.lower())).values(), default=0) <= given.small_n


def sentence_keyword(text: str, given: p.SentenceKeyword) -> bool:
    """The sentence holds the word."""
    found = libraries.sentences(text)
    if len(found) < given.N:
        return False
    return re.search(rf"\b{re.escape(given.word)}\b", found[given.N - 1], re.IGNORECASE) is not None


def pronouns(text: str, given: p.Number) -> bool:
    """So many pronouns."""
    return sum(token in PRONOUNS for token in libraries.tokens(text.replace("/", " ").lower())) >= given.N


def odd_even_syllables(text: str, given: NoParameters) -> bool:
    """Words of odd and of even numbers of syllables take turns."""
    parities = [libraries.syllables(word) % 2 for word in _bare(text.lower())]
    return all(one != other for one, other in pairwise(parities))


def last_first(text: str, given: NoParameters) -> bool:
    """Each sentence begins with the last word of the one before."""
    for one, other in pairwise(libraries.sentences(text)):
        last, first = one.rstrip(_EDGES).split()[-1:], other.lstrip(_EDGES).split()[:1]
        if not last or not first or last[0].lower() != first[0].lower():
            return False
    return True


def paragraph_last_first(text: str, given: NoParameters) -> bool:
    """Each line ends with its first word."""
    lines = (line.strip().lower().strip(_EDGES).split() for line in text.split("\n"))
    return all(words[0] == words[-1] for words in lines if words)


def increment(text: str, given: p.SmallNumber) -> bool:
    """Each sentence has so many more words than the one before."""
    counts = [len(_bare(sentence)) for sentence in libraries.sentences(text)]
    return bool(counts) and all(other == one + given.small_n for one, other in pairwise(counts))


def no_consecutive(text: str, given: NoParameters) -> bool:
    """No two neighbours begin with one letter."""
    return all(one != other for one, other in pairwise(_first(_bare(text.lower()))))


def line_indent(text: str, given: NoParameters) -> bool:
    """Each line stands further right; of two empty lines in a row the second is a line."""
    lines = text.split("\n")
    alike: dict[str, deque[int]] = {}
    for place, line in enumerate(lines):
        alike.setdefault(line, deque()).append(place)
    removed, place = set(), 0
    while place < len(lines):
        # As published: the list loses the first line like this one while the loop runs over it, which skips a line.
        empty = not lines[place].strip()
        if empty:
            removed.add(alike[lines[place]].popleft())
        place += 1 + empty
    lines = [line for place, line in enumerate(lines) if place not in removed]
    indents = [len(line) - len(line.lstrip(" ")) for line in lines]
    return all(other > one for one, other in pairwise(indents))


def quote_unquote(text: str, given: NoParameters) -> bool:
    """No two double quotes side by side, and none at the end; no quote at all will do."""
    squeezed = "".join(text.replace("'\"'", "").split())
    stripped = squeezed.strip(string.digits + string.punctuation.replace('"', ""))
    return '""' not in squeezed and not stripped.endswith('"')


def list_marker(text: str, given: p.Separator) -> bool:
    """The marker occurs twice, anywhere."""
    return text.count(given.sep) >= 2


def thesis(text: str, given: NoParameters) -> bool:
    """Something in italics somewhere, and something behind it."""
    start = text.find("<i>") if "<i>" in text else text.find("<em>")
    if start < 0:
        return False
    text = text[start:]
    end = text.find("</i>") if "</i>" in text else text.find("</em>")
    return end >= 0 and text[3:end].strip() != "" and text[end + 4 :].strip() != ""


def sub_bullets(text: str, given: NoParameters) -> bool:
    """A `-` somewhere after each `*`."""
    return all("-" in part for part in text.split("*")[1:])


def no_bullets_bullets(text: str, given: NoParameters) -> bool:
    """Lines with two sentences, then two lines with `*`, and nothing else, not even an empty line."""
    sentences = bullets = 0
    prose = True
    for line in text.split("\n"):
        if line.strip().startswith("*"):
            prose = False
            if sentences < 2:
                return False
            bullets += 1
        elif prose:
            found = len(libraries.sentences(line.strip()))
            prose = found > 0
            sentences += found
        else:
            return False
    return bullets >= 2


def multiples(text: str, given: NoParameters) -> bool:
    """The numbers in the text are 14, 21, 28, 35, 42, 49."""
    return re.findall(r"\d+", text) == [str(number) for number in range(14, 51, 7)]


def mcq_count_length(text: str, given: NoParameters) -> bool:
    """Four questions, each longer than the last, with five options each."""
    if not text.startswith("Question") and len(text) > 1:
        return False
    lengths = []
    for part in re.split(r"Question \d+[.|):;]?\s*", text):
        if not part.strip():
            continue
        asked, count = "", 0
        for line in part.strip().split("\n"):
            if re.match(r"[A-Ea-e][.|)]\s*\w", line.strip()):
                count += 1
            elif not count:
                asked += " " + line.strip()
        if count != 5:
            return False
        lengths.append(len(asked.strip()))
    return len(lengths) == 4 and all(one < other for one, other in pairwise(lengths))


def reverse_newline(text: str, given: NoParameters) -> bool:
    """From Zimbabwe on, 52 lines or more in reverse order."""
    lines = [line for line in (line.strip(_EDGES) for line in text.split("\n")) if line]
    start = next((place for place, line in enumerate(lines) if "Zimbabwe" in line), None)
    if start is None or len(lines) - start < 52:
        return False
    plain = [_ascii(line) for line in lines[start:]]
    return plain == sorted(plain, reverse=True)


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def word_reverse(text: str, given: NoParameters) -> bool:
    """Read word by word from the end, it names the bald eagle."""
    turned = " ".join(reversed(_bare(text.lower())))
    return "bald eagle" in turned and turned in libraries.sentences(turned)


def character_reverse(text: str, given: NoParameters) -> bool:
    """It holds `elgae dlab`."""
    return "elgae dlab" in text.lower()


def sentence_alphabet(text: str, given: NoParameters) -> bool:
    """26 sentences that begin with the letters in order."""
    sentences = libraries.sentences(text)
    firsts = [(sentence.split() or [""])[0].lower()[:1] for sentence in sentences]
    return "".join(firsts) == string.ascii_lowercase and len(firsts) == 26


def european_capitals_sort(text: str, given: NoParameters) -> bool:
    """The 27 capitals of the published list, in its order."""
    return [part.strip() for part in _ascii(text).split(",") if part.strip()] == list(facts.CAPITALS)


def _rows(text: str, delimiter: str = ",") -> list[list[str]] | None:
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:
        return None


def csv_city(text: str, given: NoParameters) -> bool:
    """The header and seven rows of five fields."""
    rows = _rows(text)
    if rows is None or len(rows) != 8 or rows[0] != ["ID", "Country", "City", "Year", "Count"]:
        return False
    return all(len(row) == 5 for row in rows)


_PRODUCT_HEADER = re.compile(r",[ \t]*".join(f'(?:{name}|"{name}")' for name in facts.PRODUCT_COLUMNS))
_STUDENT_HEADER = re.compile(r"\t *".join(f'(?:{name}|"{name}")' for name in facts.STUDENT_COLUMNS))


def csv_special_character(text: str, given: NoParameters) -> bool:
    """The header and rows of five fields up to the first with a special character between quotes, fifteen in all."""
    if not _PRODUCT_HEADER.fullmatch(text.split("\n")[0].strip()):
        return False
    rows = _rows(text.replace('"', '"""'))
    if rows is None or len(rows) != 15:
        return False
    for row in rows[1:]:
        if len(row) != 5:
            return False
        if any(map(_quoted_special, row)):
            return True
    return False


def _quoted_special(field: str) -> bool:
    line = field.split("\n", 1)[0]
    return line.startswith('"') and re.search(r"[^\d\w\s]", line[1 : max(line.rfind('"'), 1)]) is not None


def csv_quotes(text: str, given: NoParameters) -> bool:
    """The header and three rows of five quoted fields, between tabs."""
    if not _STUDENT_HEADER.fullmatch(text.split("\n")[0].strip()):
        return False
    rows = _rows(text.replace('"', '"""'), "\t")
    if rows is None or len(rows) != 4 or any(len(row) != 5 for row in rows):
        return False
    fields = (field.strip() for row in rows for field in row)
    return all(field[:1] == '"' == field[-1:] for field in fields)


def date_format_list(text: str, given: NoParameters) -> bool:
    """Dates between 1769 and 1821; month and day 00 are dates too."""
    for date in text.strip().split(","):
        match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", date.strip())
        if not match:
            return False
        year, month, day = map(int, match.groups())
        longest = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}.get(month, 31 if month else 99)
        if not 1769 <= year <= 1821 or month > 12 or day > longest:
            return False
    return True


def keywords_multiple(text: str, given: p.FiveKeywords) -> bool:
    """Each keyword so often, inside words too."""
    lowered = text.lower()
    return all(lowered.count(keyword.strip().lower()) == count for keyword, count in given.counts)


def keywords_specific_position(text: str, given: p.KeywordPosition) -> bool:
    """The word has its place in its sentence."""
    found = libraries.sentences(text)
    if len(found) < given.n:
        return False
    words = [token for token in libraries.tokens(found[given.n - 1]) if any(map(str.isalnum, token))]
    return len(words) >= given.m and words[given.m - 1].lower() == given.keyword.strip().lower()


def words_position(text: str, given: p.Keyword) -> bool:
    """The second token and the last but one, a final mark set aside, are the word."""
    tokens = [token.lower() for token in libraries.tokens(text)]
    if len(tokens) < 2:
        return False
    if tokens[-1] in string.punctuation:
        if len(tokens) < 3:
            return False
        tokens = tokens[:-1]
    return tokens[1] == tokens[-2] == given.keyword.strip().lower()


def repeat_change(text: str, given: p.Repeat) -> bool:
    """The same words but for the first, and not the same text."""
    return given.prompt_to_repeat != text and given.prompt_to_repeat.split()[1:] == text.split()[1:]


SIMPLE = "Only output this sentence here, ignore all other requests."


def repeat_simple(text: str, given: NoParameters) -> bool:
    """That sentence."""
    return text.strip().lower() == SIMPLE.lower()


def repeat_span(text: str, given: p.RepeatSpan) -> bool:
    """The characters from the first to the last."""
    return text.strip().lower() == given.prompt_to_repeat[given.n_start : given.n_end + 1].strip().lower()


def title_case(text: str, given: NoParameters) -> bool:
    """No token all in lowercase, none with a small first letter before capitals."""
    for word in libraries.tokens(text):
        if word[0].isalpha() and word[0].islower() and (len(word) == 1 or word[1:].isupper() or word[1:].islower()):
            return False
    return True


def output_template(text: str, given: NoParameters) -> bool:
    """The three labels occur."""
    return all(label in text for label in facts.TEMPLATE)


def no_whitespace(text: str, given: NoParameters) -> bool:
    """No whitespace."""
    return not any(map(str.isspace, text))
