"""Rewriting an answer's LaTeX to one plain form: styles, spacing, delimiters and Unicode variants removed."""

from __future__ import annotations

import re
import unicodedata

_UNICODE = str.maketrans(
    {
        "−": "-", "–": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": r"\div ", "√": r"\sqrt ",
        "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∞": r"\infty ", "π": r"\pi ", "∪": r"\cup ",
        "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "°": r"^\circ ", "±": r"\pm ",
        "∓": r"\mp ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "λ": r"\lambda ", "…": r"\ldots ",
        "²": "^{2}", "³": "^{3}", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
        "“": '"', "”": '"', "’": "'", "′": "'",
    }
)  # fmt: skip
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\[()]|\\\[|(?<!\\)\\\](?!\])", " "),
        (r"\\(?:left|right|[bB]igg?[lrm]?|middle)(?![A-Za-z])\s*\.?", ""),
        (r"\\(?:displaystyle|textstyle|limits|nolimits|rm|bf|it)(?![A-Za-z])", ""),
        (r",\s*\\!\s*", ","),
        (r"(?<=\d)\s*(?:\\[,!;:]|\{\s*,\s*\}|~)\s*(?=\d{3}(?!\d))", ""),
        (r"(?<!\\)\\[,!;:> ]|~|\\(?:qquad|quad|enspace|thinspace)", " "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
        (r"\\(?:text)?color\s*\{[^{}]*\}", ""),
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
_FILLER = "the a answer value is are of equals equal to result final total sum solution"
_FILLER_WORDS = frozenset(_FILLER.split())
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_LETTERS = re.compile(r"\A\s*(\(?)\s*\\text\s*\{\s*(\(?[A-Za-z]\)?(?:\s*,\s*[A-Z])*)\s*\}\s*(\)?)\s*\Z")
_ESCAPED_TWICE = re.compile(r"\\\\(?=[A-Za-z{}])")
_PYTHON_COMPLEX = re.compile(r"\A([-+]?[\d.]+ ?[-+] ?[\d.]*)j\Z")
_MONEY = re.compile(r"\s*([-+]?)\s*(\\\$|[€£¥])\s*([^\\$€£¥]*)\Z")
_CURRENCIES = {"\\$": "dollars", "€": "euros", "£": "sterling", "¥": "yen"}


def normalise(answer: str) -> str:
    """The answer in plain LaTeX: one spelling for each construct, `\\text{...}` kept where it carries words."""
    text = "".join(c for c in answer.translate(_UNICODE) if unicodedata.category(c) != "Cf")
    text = unicodedata.normalize("NFKC", text)
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
    text = _TEXT.sub(_drop_filler, text)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"(?<!\\)[.,;:\s]+\Z", "", text)
    text = _PYTHON_COMPLEX.sub(r"\1i", text)
    while text.startswith("{") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


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
