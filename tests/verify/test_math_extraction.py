r"""Where the final answer of a response stands."""

from __future__ import annotations

import time

import pytest

from darkhorse.verify.math.extraction import gold_answer, last_boxed, lenient_answer, strict_answer
from darkhorse.verify.math.ladder import decide


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"so \boxed{5}.", "5"),
        (r"\boxed{1} then \boxed{ \frac{1}{2} }", r"\frac{1}{2}"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\fbox{7}", "7"),
        (r"\boxed 5.", "5"),
        (r"\boxed{5} and \boxed{6", None),
        (r"\boxedness{5}", None),
        ("42", None),
    ],
)
def test_last_boxed(text, expected):
    assert last_boxed(text) == expected


def test_gold_answer():
    assert gold_answer("She has 6*7=<<6*7=42>>42.\n#### 42") == "42"
    assert gold_answer(r"Hence $\boxed{\frac12}$.") == r"\frac12"
    assert gold_answer(" 1/2 ") == "1/2"


RESPONSES = [
    ("5", r"\boxed{ }", 0),
    ("73", "Final Answer: 73", 1),
    ("73", "**Answer:** 73", 1),
    ("73", "The answer is **73**.", 1),
    ("73", "### Final Answer\n\n73", 1),
    ("73", "Answer: $73$", 1),
    ("73", "So the final answer is: $73$.", 1),
    ("840", "**Final Answer**\n\\boxed{840}", 1),
    ("5", r"\boxed{5} and \boxed{6}", 0),
    ("5", r"\boxed{5}. Check: indeed \boxed{5}.", 1),
    ("1,2", r"\boxed{1} and \boxed{2}", 1),
    ("1,2", r"\boxed{1}, \boxed{2}", 1),
    ("5", r"\boxed{5} wait, no, \boxed{3}", 0),
    ("3", r"First \boxed{3}, wait, actually \boxed{5}", 0),
    ("B", "The answer is (B).", 1),
    ("5", r"\boxed{5}$", 1),
    ("5", r"\fbox{5}", 1),
    ("5", r"$\boxed{5}$", 1),
    ("5", r"\boxed{5", 0),
    ("5", "The answer is 5", 1),
    ("5", "The answer is: 5.", 1),
    ("5", "Therefore, the answer is $5$.", 1),
    ("5", "x = 5", 1),
    ("5", "$5$", 1),
    ("5", "**5**", 1),
    ("5", "The answer is 5 or 6", 0),
    ("5", "I don't think it is 5", 0),
    ("5", "The answer isn't 5.", 0),
    ("5", "I am not sure, maybe 5", 0),
    ("5", "The answer is not known.", 0),
    ("5", "It is not 6 but 5.", 1),
    ("5", "So she has 5 apples left.", 1),
    ("5", "Step 5: I give up.", 0),
    ("2", "2nd attempt", 0),
    ("4", "either 3 or 4", 0),
    ("42", "<think>it is 41</think>\n\nThe answer is \\boxed{42}.", 1),
    ("42", "<think>it is \\boxed{42}</think>\n\nThe answer is unclear.", 0),
    ("5", r"\[\boxed{5}\]", 1),
    (r"\frac{1}{2}", r"\[ x = \frac{1}{2} \]", 1),
    ("12", "Thus, there are 12 ways.", 1),
    ("12", "Hence the total number of ways is 12.", 1),
    ("3.5", "The answer is 3.5.", 1),
    ("1,234", "The answer is 1,234.", 1),
    (r"\frac{3}{4}", r"The answer is $\frac{3}{4}$.", 1),
    ("C", "The correct answer is C.", 1),
    ("C", "Answer: (C) 42", 1),
    ("(1,2)", "The solution is (1, 2).", 1),
    ("x=3", "The answer is x = 3.", 1),
    ("3", "The answer is between 3 and 4.", 0),
    ("7", "The answer is not 7 but 8.", 0),
    ("8", "The answer is not 7 but 8.", 1),
    ("5", "**5 or 6**", 0),
    ("18", "Janet makes 9 * 2 = $18 every day.\n\n#### 18", 1),
    ("6", r"\boxed{1}, \boxed{2}, \boxed{3}, \boxed{4}, \boxed{5}, \boxed{6}", 0),
    ("2,3,5", r"\boxed{2}, \boxed{3}, \boxed{5}", 1),
    ("x=1,y=2", r"x = \boxed{1} and y = \boxed{2}", 1),
    ("5", r"\boxed{5} or \boxed{6}", 0),
    ("6", r"\boxed{5} or \boxed{6}", 0),
    ("5", r"Either \boxed{5} or maybe \boxed{6}.", 0),
    ("5", "\\boxed{ 5 }.\n\nHope this helps 3 people!", 1),
    (r"\text{(B)}", r"The answer is \textbf{(B)}", 1),
    ("D", r"\boxed{\text{D}}.", 1),
    ("24", "24.", 1),
    ("24", "= 24", 1),
    ("24", "$$24$$", 1),
    ("24", r"\[24\]", 1),
    ("24", "The answer: 24", 1),
    ("24", "ANSWER: 24", 1),
    ("24", "Answer = 24", 1),
    ("24", r"The final answer is \boxed{24}.", 1),
    ("24", "**Final Answer:** $24$", 1),
    ("24", "Therefore, $x = 24$.", 1),
    ("24", "So, 4! = 24.", 1),
    ("24", "The value of x is 24.", 1),
    ("-24", "The answer is -24.", 1),
    (r"24\%", "The answer is 24%.", 1),
    (r"\frac{1}{2}", "The answer is 1/2.", 1),
    (r"\sqrt{2}", r"The answer is \sqrt{2}.", 1),
    (r"\sqrt{2}", "The answer is √2.", 1),
    ("x^2+1", "The answer is x^2 + 1.", 1),
    ("24", "I do not know the answer.", 0),
    ("24", "The answer cannot be 24.", 0),
    ("24", "The answer could be 24 or 25.", 0),
    ("24", "Is it 24?", 0),
    ("24", "23, 24, 25", 0),
]


@pytest.mark.parametrize(("gold", "response", "right"), RESPONSES)
def test_lenient(gold: str, response: str, right: int) -> None:
    answer = lenient_answer(response.rpartition("</think>")[2]).answer
    assert (answer is not None and decide(gold, answer).outcome == "equal") == bool(right)


def test_strict_takes_boxes_only() -> None:
    assert strict_answer(r"\boxed{3}, no, \boxed{5}").answer == "5"
    assert strict_answer("The answer is 5").answer is None


@pytest.mark.parametrize(
    "text",
    [
        r"\boxed" * 40_000,
        r"\boxed{" * 40_000,
        "the answer is " * 20_000,
        "$1$ and " * 30_000,
        "1,234 " * 40_000,
        "{" * 100_000,
        "$" * 100_000,
        r"\(" * 50_000,
        "**" * 50_000,
        "a. " * 50_000,
        "is " * 50_000,
        "1" * 200_000,
    ],
)
def test_long_texts_take_no_time(text: str) -> None:
    began = time.process_time()
    lenient_answer(text)
    gold_answer(text)
    assert time.process_time() - began < 1.0
