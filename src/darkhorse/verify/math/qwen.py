r"""The grader behind published figures of Qwen2.5-Math and QwQ, for comparing with them only; never a reward.

Follows the public behaviour of `math_equal`, `strip_string` and `extract_answer` in QwQ's evaluation code
(github.com/QwenLM/QwQ, `eval/eval/math_opensource_utils`): case is ignored, numbers agree within a relative 1e-4 and up
to a factor of 100 either way, choices A to E match any sentence that names one last, brackets are dropped. Where that
code calls SymPy's parsers, which evaluate what they read, ours compares expression trees; the two read some notations
differently (`3\frac12` is a product there), and sets, sums and integrals are compared as text here.
"""

from __future__ import annotations

import math
import re

from darkhorse.verify.math.building import Builder
from darkhorse.verify.math.numbers import spelled
from darkhorse.verify.math.numeric import Undecidable, same_expression, value_of
from darkhorse.verify.math.parser import parse
from darkhorse.verify.math.tree import Expr, Relation, TooCostly, Unreadable, Value

RELATIVE_TOLERANCE = 1e-4
_MAX_LENGTH = 2_000
_CHOICES = ("A", "B", "C", "D", "E")
_MATRIX = re.compile(r"\\begin\{[pb]matrix\}(.*)\\end\{[pb]matrix\}", re.DOTALL)
_FUNCTION = re.compile(r"(\\(?:sin|cos|tan|cot|sec|csc|ln|log|lg|pi|cdot|times|lfloor|rfloor|lceil|rceil))(?=[A-Za-z])")
_BUILD = Builder()
_REPLACED = (
    ("\n", ""), ("\\!", ""), ("bmatrix", "pmatrix"), ("tfrac", "frac"), ("dfrac", "frac"), ("\\neq", "\\ne"),
    ("\\leq", "\\le"), ("\\geq", "\\ge"), ("\\left", ""), ("\\right", ""), ("\\{", "{"), ("\\}", "}"),
)  # fmt: skip
_DROPPED = (
    "^{\\circ}", "^\\circ", "\\$", "$", "\\(", "\\)", "x=", "y=", "z=", "x\\in", "y\\in", "z\\in", "x\\to", "y\\to",
    "z\\to",
)  # fmt: skip


def grade(response: str, reference: str) -> tuple[bool, list[str]]:
    """Whether that grader accepts a response, and the steps it takes."""
    found = extracted(response)
    answer, gold = stripped(found), stripped(reference)
    if gold in _CHOICES and answer not in _CHOICES:
        answer = _choice(answer)
    elif gold and set(gold) <= set(_CHOICES) and not set(answer) <= set(_CHOICES):
        answer = "".join(letter for letter in answer if letter in _CHOICES)
    answer, gold = answer.lstrip(":"), gold.lstrip(":")
    equal = math_equal(answer, gold)
    return equal, [f"extracted: {found[:200]}", f"stripped: {answer[:200]} against {gold[:200]}", f"equal: {equal}"]


def extracted(response: str) -> str:
    """The answer: Minerva's phrase, the last box (also an open one), what "the answer is" states, the last number."""
    if "final answer is $" in response and "$. I hope" in response:
        return response.partition("final answer is $")[2].partition("$. I hope")[0].strip()
    if "boxed" in response:
        return _last_box(response.rpartition("boxed")[2])
    for phrase in ("he answer is", "final answer is"):
        if phrase in response:
            return response.rpartition(phrase)[2].strip().partition("\n")[0].rstrip(".").rstrip("/")
    numbers = re.findall(r"-?\d*\.?\d+", response.replace(",", ""))
    return numbers[-1] if numbers else ""


def _last_box(after: str) -> str:
    if not after.startswith("{"):
        return after.partition("$")[0].strip()
    depth = 0
    for position, character in enumerate(after):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return after[1:position]
    return after[1:]


def stripped(answer: str) -> str:
    """An answer without units, degrees, percent signs, names before `=` and most of its LaTeX."""
    text = answer.strip()[:_MAX_LENGTH].rstrip(".")
    text = re.sub(r"\\begin\{array\}\{[^}]*\}", r"\\begin{pmatrix}", text).replace("\\end{array}", "\\end{pmatrix}")
    for old, new in _REPLACED:
        text = text.replace(old, new)
    without_unit = re.sub(r"\\text\{[^}]*\}$", "", text).strip()
    text = without_unit or text
    for part in _DROPPED[:6]:
        text = text.replace(part, "")
    text = re.sub(r"\\text\{([^}]*)\}", r"\1", text)
    if text[:1].isalpha() and (written := spelled(text)) is not None:
        text = str(written)
    for part in _DROPPED[6:]:
        text = text.replace(part, "")
    text = text.replace("\\emptyset", "{}").replace("(-\\infty,\\infty)", "\\mathbb{R}")
    text = text.replace("\\%", "").replace("%", "").replace(" .", " 0.").replace("{.", "{0.")
    text = text.replace("infinity", "\\infty")
    text = text if "\\infty" in text else text.replace("inf", "\\infty")
    text = re.sub(r"\\mbox\{[^}]*\}", "", text.replace("and", "").replace("\\mathbf", ""))
    if "j" in text and "i" not in text:
        text = text.replace("j", "i")
    text = re.sub(r"(\d+)\.0*(?=\D|$)", r"\1", text)
    if text.startswith("."):
        text = f"0{text}"
    name, equals, value = text.partition("=")
    if equals and "=" not in value and len(name) <= 2:
        text = value
    text = re.sub(r"\\sqrt(\w+)", r"\\sqrt{\1}", text).replace(" ", "")
    text = re.sub(r"\\frac(\d)(\d)", r"\\frac{\1}{\2}", text)
    return re.sub(r"^(-?\d+)/(\d+)$", r"\\frac{\1}{\2}", text)


def math_equal(answer: str, gold: str, depth: int = 0) -> bool:
    """Whether two stripped answers are equal to that grader."""
    if answer.strip().lower() == gold.strip().lower():
        return True
    if gold in _CHOICES and _choice(answer) == gold:
        return True
    numbers = _number(answer), _number(gold)
    if numbers[0] is not None and numbers[1] is not None:
        return any(_close(numbers[0], wanted) for wanted in (numbers[1] / 100, numbers[1], numbers[1] * 100))
    if not answer or depth > 3:
        return False
    bare = [re.sub(r"[{}()]", "", side) for side in _unbracketed(answer, gold)]
    if bare[0].lower() == bare[1].lower():
        return True
    if _bracketed(answer) and _bracketed(gold) and _all_equal(answer[1:-1], gold[1:-1], ",", depth):
        return True
    matrices = _MATRIX.fullmatch(answer), _MATRIX.fullmatch(gold)
    if matrices[0] and matrices[1] and _same_matrix(matrices[0][1], matrices[1][1], depth):
        return True
    answer_sides, gold_sides = answer.split("="), gold.split("=")
    if len(answer_sides) == 2 and len(gold_sides) == 2:
        one, other = (f"{sides[0].strip()} - ({sides[1].strip()})" for sides in (answer_sides, gold_sides))
        return _same(one, other) or _same(f"-({one})", other) or _same(answer, gold)
    if len(answer_sides) == 2 and len(answer_sides[0].strip()) <= 2 and len(gold_sides) == 1:
        answer = answer_sides[1]
    elif len(gold_sides) == 2 and len(gold_sides[0].strip()) <= 2 and len(answer_sides) == 1:
        gold = gold_sides[1]
    else:
        return _same(answer, gold)
    return math_equal(answer, gold, depth + 1)


def _choice(text: str) -> str:
    letters = re.findall(r"\b[A-E]\b", text.upper())
    return str(letters[-1]) if letters else text.strip().strip(".").rstrip("/")


def _number(text: str) -> float | None:
    plain = text.replace(",", "").strip()
    percent = plain.endswith("%")
    plain = plain.removesuffix("%").removesuffix("\\") if percent else plain
    if not re.fullmatch(r"[-+]?(?:\d{1,400}\.?\d{0,400}|\.\d{1,400})(?:[eE][-+]?\d{1,3})?", plain):
        return None
    return float(plain) / (100 if percent else 1)


def _close(found: float, wanted: float) -> bool:
    return math.isclose(wanted, found, rel_tol=RELATIVE_TOLERANCE)


def _unbracketed(answer: str, gold: str) -> tuple[str, str]:
    square = answer.startswith("[") and answer.endswith("]") and not gold.startswith("(")
    round_ = answer.startswith("(") and answer.endswith(")") and not gold.startswith("[")
    return (answer.strip("[]()"), gold.strip("[]()")) if square or round_ else (answer, gold)


def _bracketed(text: str) -> bool:
    return len(text) > 2 and text[0] in "([" and text[-1] in ")]"


def _all_equal(answer: str, gold: str, separator: str, depth: int) -> bool:
    answers, golds = answer.split(separator), gold.split(separator)
    return len(answers) == len(golds) and all(
        math_equal(a.strip(), b.strip(), depth + 1) for a, b in zip(answers, golds, strict=True)
    )


def _same_matrix(answer: str, gold: str, depth: int) -> bool:
    """Rows and columns alike, entries equal or the same at three decimals."""
    rows = [[row.split("&") for row in text.split("\\\\") if row.strip()] for text in (answer, gold)]
    if [len(row) for row in rows[0]] != [len(row) for row in rows[1]]:
        return False
    entries = [[entry.strip() for row in side for entry in row] for side in rows]
    return all(_same_entry(a, b, depth) for a, b in zip(*entries, strict=True))


def _same_entry(answer: str, gold: str, depth: int) -> bool:
    x, y = _number(answer), _number(gold)
    rounded = x is not None and y is not None and round(x, 3) == round(y, 3)
    return rounded or math_equal(answer, gold, depth + 1)


def _same(answer: str, gold: str) -> bool:
    """Whether two texts are one expression, constants within the tolerance, or relations of the same two sides."""
    first, second = _parsed(answer), _parsed(gold)
    if isinstance(first, Relation) and isinstance(second, Relation):
        one, other = _difference(first), _difference(second)
        if one is None or other is None:
            return False
        return _same_values(one, other) or _same_values(_BUILD.negate(one), other)
    return isinstance(first, Expr) and isinstance(second, Expr) and _same_values(first, second)


def _difference(relation: Relation) -> Expr | None:
    left, right = relation.sides[0], relation.sides[-1]
    if len(relation.sides) != 2 or not isinstance(left, Expr) or not isinstance(right, Expr):
        return None
    return _BUILD.add(left, _BUILD.negate(right))


def _same_values(first: Expr, second: Expr) -> bool:
    try:
        if same_expression(second, first):
            return True
        one, other = value_of(first), value_of(second)
        return one is not None and other is not None and _close(float(one), float(other))
    except (Undecidable, TooCostly, Unreadable, ArithmeticError, ValueError, RecursionError):
        return False


def _parsed(text: str) -> Value | None:
    try:
        return parse(_FUNCTION.sub(r"\1 ", text), _BUILD)
    except (Unreadable, TooCostly, ArithmeticError, ValueError, RecursionError):
        return None
