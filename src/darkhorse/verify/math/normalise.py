"""Rewriting an answer's LaTeX to one plain form: styles, spacing, delimiters and Unicode variants removed."""

from __future__ import annotations

import functools
import re
import unicodedata

_UNICODE = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": r"\div ",
        "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∞": r"\infty ", "π": r"\pi ", "∪": r"\cup ",
        "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "°": r"^\circ ", "±": r"\pm ",
        "∓": r"\mp ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "λ": r"\lambda ", "…": r"\ldots ",
        "γ": r"\gamma ", "δ": r"\delta ", "ε": r"\epsilon ", "μ": r"\mu ", "σ": r"\sigma ", "φ": r"\phi ",
        "ω": r"\omega ", "⁄": "/", "∖": r"\setminus ", "∫": r"\int ", "∑": r"\sum ", "⟨": "(", "⟩": ")", "→": r"\to ",
        "≡": r"\equiv ", "∠": r"\angle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
        "“": '"', "”": '"', "’": "'", "′": "'",
    }
)  # fmt: skip
_VULGAR = {
    ord(character): rf"\frac{{{parts[1]}}}{{{parts[2]}}}"
    for character in "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
    if (parts := re.fullmatch(r"(\d+)⁄(\d+)", unicodedata.normalize("NFKC", character)))
}
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₙₖᵢⱼ]+")
_ROOTS = re.compile(r"([√∛∜])\s*(\d+(?:\.\d+)?|[A-Za-z]\b)?")
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\(?:boxed|fbox)\s*(?=\{)", ""),
        (r"\\[()]|\\\[|(?<!\\)\\\](?!\])", " "),
        (r"\\(?:left|right|[bB]igg?[lrm]?|middle)(?![A-Za-z])\s*\.?", ""),
        (
            r"\\(?:displaystyle|textstyle|limits|nolimits|rm|bf|it|tt|sf|tiny|small|normalsize|[lL]arge|LARGE|[hH]uge)(?![A-Za-z])",
            "",
        ),
        (r"\{\s*([^{}]{1,40}?)\s*\\choose(?![A-Za-z])\s*([^{}]{1,40}?)\s*\}", r"\\binom{\1}{\2}"),
        (r"\A\s*(?:\{\})?\s*[\^_]\{?(\d{1,4})\}?\s*C_\{?(\d{1,4})\}?\s*\Z", r"\\binom{\1}{\2}"),
        (r"(\d)\s*\\text\s*\{\s*to\s*\}\s*(?=\d)", r"\1:"),
        (r"(?<=\d) to (?=\d)", ":"),
        (r"\A\s*\\text\s*\{\s*([-+]?\d[\d.,/]*) +([A-Za-z ]+)\}\s*\Z", r"\1\\text{ \2}"),
        (r"(?<!\d)(\d+\.|0\.\d+)\((\d{1,50})\)", r"\1\\overline{\2}"),
        (r"(?<=\d),\s*\\!\s*(?=\d{3}(?!\d))", ""),
        (r",\s*\\!\s*", ","),
        (r"\\(?:h?phantom|vphantom)\s*(?:\{[^{}]*\}|-)?", ""),
        (r"\\[hv]space\*?\s*\{[^{}]*\}", " "),
        (r"\\(?:langle|lang)(?![A-Za-z])", "("),
        (r"\\(?:rangle|rang)(?![A-Za-z])", ")"),
        (r"(?<=\d)\s*(?:\\[,!;:]|\{\s*,\s*\}|~)\s*(?=\d{3}(?!\d))", ""),
        (r"(?<!\\)\\[,!;:> ]|~|\\(?:qquad|quad|enspace|thinspace)", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
        (r"\\(?:text)?color(?:box)?\s*\{[^{}]*\}", ""),
        (r"\\(?:mathrm|operatorname|mathop)\*?\s*\{\s*([A-Za-z])\s*\}", r"\1 "),
        (r"\\(?:operatorname|mathop)\*?\s*\{\s*([A-Za-z ]*)\}", r" \1 "),
        (r"\\(?:mbox|textrm|textnormal|textit|texttt|textsf|mathrm|hbox|textup)\s*(?=\{)", r"\\text"),
        (r"\\(?:text|textbf|mathbf|mathit|mathsf|underline|boldsymbol|bm)\s*\{\s*([-+\d.,/]+)\s*\}", r"\1"),
        (r"\\(?:textbf|underline)\s*(?=\{)", r"\\text"),
        (r"\\(?:mathbf|mathit|mathsf|mathcal|boldsymbol|bm)(?![A-Za-z])", ""),
        (r"\\(?:leq|leqslant)(?![A-Za-z])", r"\\le"),
        (r"\\(?:geq|geqslant)(?![A-Za-z])", r"\\ge"),
        (r"\\neq(?![A-Za-z])", r"\\ne"),
        (r"\\(?:lt)(?![A-Za-z])", "<"),
        (r"\\(?:gt)(?![A-Za-z])", ">"),
        (r"\\(?:dots|cdots|dotsc|dotsb)(?![A-Za-z])", r"\\ldots"),
        (r"(?<=[\])])\s*U\s*(?=[\[(])", r"\\cup "),
    )
)
_PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (
            r"\A\W*(?:\\?text\s*\{)?\s*(?:x (?:is|can be) )?(?:all|any) reals?(?: numbers?)?(?: x)?\s*\}?\Z",
            r"\\mathbb{R}",
        ),
        (r"\A\W*(?:\\?text\s*\{)?\s*(?:there (?:is|are) )?no (?:real )?solutions?(?: exists?)?\s*\}?\Z", r"\\emptyset"),
        (r"\b([ap])\.\s?m\.?(?![a-z])", r"\1m"),
        (r"[,;(]\s*(?:\\text\s*\{[ a-z]{0,20}\}\s*)?[a-z]\s*\\in\s*\\mathbb\s*\{?[ZN]\}?\s*\)?\Z", ""),
        (r"(?<=\d\*)I\b", "i"),
    )
)
_PLAIN = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")
_FILLER = "the a answer value is are of equals equal to result final total sum solution"
_FILLER_WORDS = frozenset(_FILLER.split())
_INTRODUCTION = re.compile(r"\A\s*\\text\s*\{[A-Za-z ,']{1,60}?\b(?:is|are|equals|be)\b[ :=]*\}(?=\s*\S)")
_DOUBT = re.compile(r"\b(?:not|no|never|or|maybe|either|neither)\b|n't\b")
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_LETTERS = re.compile(r"\A\s*(\(?)\s*\\text\s*\{\s*(\(?[A-Za-z]\)?(?:\s*,\s*[A-Z])*)\s*\}\s*(\)?)\s*\Z")
_ESCAPED_TWICE = re.compile(r"\\\\(?=[A-Za-z{}])")
_PYTHON_COMPLEX = re.compile(r"\A([-+]?[\d.]+ ?[-+] ?[\d.]*)j\Z")
_MONEY = re.compile(r"\s*([-+]?)\s*(\\\$|[€£¥])\s*([^\\$€£¥]*)\Z")
_CURRENCIES = {"\\$": "dollars", "€": "euros", "£": "sterling", "¥": "yen"}


@functools.lru_cache(4_096)
def normalise(answer: str) -> str:
    """The answer in plain LaTeX: one spelling for each construct, `\\text{...}` kept where it carries words."""
    text = answer.strip()
    if _PLAIN.fullmatch(text):
        return text
    if not text.isascii():
        text = _plain_unicode(text)
    if "\\begin" not in text or "\\\\begin" in text:
        text = _ESCAPED_TWICE.sub(r"\\", text)  # JSON written twice; in a matrix it begins a row
    text = re.sub(r"\\lbrace(?![A-Za-z])", r"\\{", re.sub(r"\\rbrace(?![A-Za-z])", r"\\}", text))
    if money := _MONEY.match(text):
        text = f"{money.group(1)}{money.group(3)}\\text{{ {_CURRENCIES[money.group(2)]}}}"
    text = re.sub("[€£¥]", lambda match: f"\\text{{ {_CURRENCIES[match.group()]}}}", text)
    text = text.replace("\\$", "").replace("$", "")
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    text = _LETTERS.sub(r"\1\2\3", re.sub(r"\A\s*\\approx(?![A-Za-z])", "", text))
    for pattern, replacement in _PHRASES:
        text = pattern.sub(replacement, text)
    text = _INTRODUCTION.sub("", text) if _INTRODUCTION.match(text) and not _DOUBT.search(text) else text
    text = _TEXT.sub(_drop_filler, text)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"(?<!\\)[.,;:\s]+\Z", "", text)
    text = text.removeprefix("= ").removeprefix("=") if text.startswith("=") else text
    if len(text) > 2 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    text = _PYTHON_COMPLEX.sub(r"\1i", text)
    while text.startswith("{") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _plain_unicode(text: str) -> str:
    """Letters and signs beyond ASCII as LaTeX."""
    text = _RAISED.sub(lambda match: f"^{{{unicodedata.normalize('NFKC', match.group())}}}", text)
    text = _LOWERED.sub(lambda match: f"_{{{unicodedata.normalize('NFKC', match.group())}}}", text)
    text = _ROOTS.sub(_root, text.translate(_VULGAR))
    text = "".join(c for c in text.translate(_UNICODE) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", text).translate(_UNICODE)


def _root(match: re.Match[str]) -> str:
    degree = {"√": "", "∛": "[3]", "∜": "[4]"}[match.group(1)]
    return rf"\sqrt{degree}{{{match.group(2)}}}" if match.group(2) else rf"\sqrt{degree} "


def compact(text: str) -> str:
    """Without spaces, except between digits, where a space separates numbers; for comparing strings."""
    return re.sub(r"(?<!\d) | (?!\d)", "", text)


def _drop_filler(match: re.Match[str]) -> str:
    words = re.findall(r"\w+", match.group(1).casefold())
    return " " if all(word in _FILLER_WORDS for word in words) else match.group(0)


def _closing(text: str) -> int:
    """Position of the brace that closes the one at position 0, or -1."""
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0:
            return match.start()
    return -1
