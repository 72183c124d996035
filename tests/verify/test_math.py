r"""The mathematics verifier: notations, attacks, faults of gold and answer, and the collected hard cases."""

from __future__ import annotations

import asyncio
import json
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkhorse.chat.reasoning import Response, split_reasoning
from darkhorse.errors import UserError
from darkhorse.tasks.task import Task
from darkhorse.verify import registry
from darkhorse.verify.math import MathVerifier, qwen
from darkhorse.verify.math.extraction import lenient_answer
from darkhorse.verify.math.ladder import check_gold, decide
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored
from darkhorse.verify.workers import WorkerDied, WorkerTimeout

FLOOR = 0.97
MEASURING = Context()


@pytest.fixture(scope="module")
def verifier():
    verifier = MathVerifier(deadline_s=3.0, workers=1)
    yield verifier
    verifier.pool.close()


def judge(verifier, truth, text, context=MEASURING):
    response = split_reasoning(text) if "</think>" in text else Response("", text, True)
    return asyncio.run(verifier(Task("t", (), "math", truth), response, context))


def equal(gold, answer):
    """The decision without a process around it."""
    return decide(gold, answer, thorough=True).outcome == "equal"


def test_it_is_registered():
    assert "math" in registry.names()


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("1234", "1,234.0"),
        ("-13", "−13"),
        (r"\frac{1}{2}", "0.5"),
        (r"\frac43", "4/3"),
        ("28", r"28\%"),
        ("0.5", r"50\%"),
        (r"\$18.90", "18.9"),
        (r"5\text{ m}", "500 cm"),
        ("2000000", "2 million"),
        (r"90^\circ", "90"),
        ("33.3", r"\frac{100}{3}"),
        (r"\text{(C)}", "C"),
        (r"\text{B,E}", r"\text{E, B}"),
        ("3 \\sqrt{2}", "\\sqrt{18}"),
        ("(-1)^n", "(-1)^{n}"),
        ("x=1,y=2", "y=2,x=1"),
        ("2x+4y-3=0", "y=-x/2+3/4"),
        ("x>5 \\text{ or } x<1", "(-\\infty,1) \\cup (5,\\infty)"),
        ("f(x)=2x+1", "2x+1"),
        ("\\ln(x-1)+\\ln(x+1)", "\\ln(x^2-1)"),
        ("5", "x=2+3=5"),
    ],
)
def test_equal(gold, answer):
    assert equal(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("12", "1 2"),
        ("0.5", r"0.5\%"),
        ("5 cm", "5 m"),
        ("5 cm", "5 kg"),
        ("12.5", "12.46"),
        (r"\frac13", "0.33"),
        ("1", "0.999999"),
        ("5", "5=6"),
        ("5", r"5 \text{ or } 6"),
        ("5", r"\text{not } 5"),
        ("5", r"5 \text{ and a half}"),
        ("(1,2)", "(2,1)"),
        ("(1,2)", r"\{1,2\}"),
        ("x=1,y=2", "2,1"),
        ("x=3", "2x=6"),
        ("AB", "ab"),
        ("3:45", "1:15"),
        (r"\sqrt{x^2}", "x"),
        (r"\lfloor \frac{n}{5} \rfloor", r"\lfloor \frac{n}{6} \rfloor"),
        (r"\frac{1}{2004!}", "0"),
        (r"\sqrt{2}", r"\sqrt{2}+10^{-40}"),
        ("0.56", "0.52 = 56\\%"),
        (r"3 \pmod{5}", r"3 \pmod{7}"),
    ],
)
def test_different(gold, answer):
    assert not equal(gold, answer)


def test_verdicts(verifier):
    right = judge(verifier, "5", r"<think>\boxed{6}</think>It is \boxed{5}.")
    assert (right.score, right.kind, right.detail["answer"]) == (1.0, "correct", "5")
    assert judge(verifier, 5, r"\boxed{5}").score == 1.0
    assert judge(verifier, {"answer": "x: #### 5"}, r"\boxed{5.0}").score == 1.0
    assert judge(verifier, "5", r"\boxed{6}").kind == "wrong"
    assert judge(verifier, "5", r"\boxed{}").kind == "no_answer"
    assert judge(verifier, "5", r"\boxed{\heartsuit}").kind == "unparseable_prediction"
    assert judge(verifier, r"\heartsuit", r"\boxed{5}").kind == "unparseable_gold"


def test_the_verdict_tells_its_steps(verifier):
    steps = judge(verifier, r"\frac{1}{2}", r"so \boxed{\;0.5}").detail["steps"]
    assert steps == [
        r"gold: \frac{1}{2}",
        r"answer (the last \boxed{}): \;0.5",
        r"normalised: \frac{1}{2} against 0.5",
        "number: equal (the same)",
    ]


@pytest.mark.parametrize(
    ("truth", "rewards", "score"),
    [
        ("5", False, 1.0),
        ("5", True, 0.0),
        ({"answer": "5", "extraction": "strict"}, False, 0.0),
        ({"answer": "5", "extraction": "lenient"}, True, 1.0),
        ({"answer": "5", "require_boxed": True}, False, 0.0),
        ({"answer": "5", "require_boxed": False}, True, 1.0),
    ],
)
def test_rewards_need_a_box_unless_the_truth_says_otherwise(verifier, truth, rewards, score):
    assert judge(verifier, truth, "The answer is 5", Context(rewards=rewards)).score == score


def test_strict_refuses_arithmetic_left_undone(verifier):
    assert judge(verifier, "5", r"\boxed{2+3}").score == 1.0
    assert judge(verifier, {"answer": "5", "extraction": "strict"}, r"\boxed{2+3}").score == 0.0


def test_the_published_grader_is_refused_as_a_reward(verifier):
    truth = {"answer": "100", "compat": "qwen"}
    assert judge(verifier, truth, r"\boxed{1}").score == 1.0
    with pytest.raises(UserError, match="too lax"):
        judge(verifier, truth, r"\boxed{1}", Context(rewards=True))


@pytest.mark.parametrize("truth", [None, "", {}, {"answer": None}, ["5"], True, {"answer": "5", "x": 1}])
def test_a_missing_gold_abstains(verifier, truth):
    assert judge(verifier, truth, r"\boxed{5}").kind == "unparseable_gold"


def test_an_unreadable_gold_abstains_unless_repeated_word_for_word(verifier):
    gold = r"\oint_C \heartsuit"
    assert isinstance(judge(verifier, gold, r"\boxed{5}"), Abstained)
    assert judge(verifier, gold, rf"\boxed{{{gold}}}").score == 1.0
    assert isinstance(judge(verifier, "9^{9^{9^9}}", r"\boxed{5}"), Abstained)


def test_unreadable_answers_score_zero_and_never_abstain(verifier):
    for answer in (
        r"\heartsuit",
        "__import__('os').system('true')",
        "9^{9^{9^9}}",
        r"\frac{1}{0}",
        "(" * 900,
        "2" * 3000,
    ):
        verdict = judge(verifier, "2", rf"\boxed{{{answer}}}")
        assert isinstance(verdict, Scored), answer
        assert verdict.score == 0.0


class FailingPool:
    timeout_s = 0.7

    def __init__(self, gold_error, answer_error):
        self.gold_error, self.answer_error = gold_error, answer_error

    async def submit(self, payload, timeout_s=None):
        if error := self.answer_error if "answer" in payload else self.gold_error:
            raise error
        return {"outcome": "equal", "rung": "algebra", "why": ""}


@pytest.mark.parametrize(
    ("gold_error", "answer_error", "kind"),
    [
        (None, WorkerTimeout(0.7, 0.69), Scored),
        (None, WorkerTimeout(0.7, 0.1), Abstained),
        (None, WorkerDied("out of memory"), Scored),
        (WorkerTimeout(0.3, 0.29), WorkerTimeout(0.7, 0.69), Abstained),
        (WorkerTimeout(0.3, 0.1), WorkerTimeout(0.7, 0.69), Abstained),
        (WorkerDied("no such file"), WorkerDied("no such file"), Abstained),
    ],
)
def test_whose_fault_decides_between_zero_and_abstaining(gold_error, answer_error, kind):
    verifier = MathVerifier()
    verifier.pool = FailingPool(gold_error, answer_error)
    assert type(judge(verifier, r"\sum_{k=1}^{n} k", r"\boxed{\sum_{k=0}^{n} k}")) is kind


@settings(max_examples=60)
@given(st.integers(-(10**12), 10**12), st.integers(2, 999))
def test_integers_are_equal_in_every_notation(n, k):
    notations = [
        f"{n:,}", f"{n}.0", f"+{n}" if n >= 0 else f"−{-n}", f"${n}$", rf"\frac{{{n * k}}}{{{k}}}", f"{n * k}/{k}",
        rf"{n}\text{{ cm}}", rf"\mathbf{{{n}}}", rf"x = {n}", f"{{{n}}}", f"{n}.",
    ]  # fmt: skip
    for notation in notations:
        assert equal(str(n), notation), notation
        assert not equal(str(n + 1), notation), notation


_FRACTIONS = st.builds(Fraction, st.integers(-9_000, 9_000), st.integers(100, 999))


@settings(max_examples=60)
@given(_FRACTIONS, _FRACTIONS)
def test_fractions_are_equal_exactly_when_their_values_are(a, b):
    latex = rf"{'-' if a < 0 else ''}\frac{{{abs(a.numerator)}}}{{{a.denominator}}}"
    assert equal(latex, f"{a.numerator}/{a.denominator}")
    assert equal(latex, f"{b.numerator}/{b.denominator}") == (a == b)
    assert equal(latex, f"{float(Fraction(round(a * 100), 100)):.2f}") == (a * 100 == round(a * 100))


_LEAVES = st.sampled_from(["x", "y", "n", "a_1", r"\pi", "e", "2", "7", "0.5", r"\frac{3}{4}", r"\theta"])
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]} + {p[1]})"),
        st.tuples(inner, inner).map(lambda p: rf"({p[0]} - 3 \cdot {p[1]})"),
        st.tuples(inner, inner).map(lambda p: rf"{p[0]} \cdot {p[1]}"),
        inner.map(lambda e: rf"\frac{{{e}}}{{x^2+1}}"),
        inner.map(lambda e: rf"\sqrt{{{e}}}"),
        inner.map(lambda e: rf"\sin({e})"),
        inner.map(lambda e: rf"\left({e}\right)^2"),
    ),
    max_leaves=5,
)


@settings(max_examples=40)
@given(_EXPRESSIONS)
def test_an_expression_equals_itself_rewritten_and_differs_from_its_successor(expression):
    rewritten = rf"\left({expression}\right) + 1 - 1".replace(r"\cdot", r"\times")
    assert equal(expression, rewritten)
    assert not equal(expression, f"{expression} + 1")


_HOSTILE = st.lists(
    st.sampled_from(
        [*"0123456789xyefdC+-*/^_=<>(){}[]|!,;:.%$&' ", "\\", r"\frac", r"\sqrt", r"\text{", r"\left", r"\pm", r"\\",
         r"\begin{pmatrix}", r"\end{pmatrix}", r"\int", r"\sum", r"\log", r"\sin", r"\cup", r"\{", r"\}", "and", "oo"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=1000)
@given(st.one_of(_HOSTILE, st.text(max_size=30)), st.sampled_from(["5", "x+1", "(1,2)", r"x<3"]))
def test_no_text_makes_the_ladder_raise_or_run_long(text, gold):
    decision = decide(gold, text)
    assert decision.outcome != "gold_unreadable"
    check_gold(text)
    decide(text, gold)
    lenient_answer(text)
    qwen.grade(text, gold)


@settings(max_examples=100, deadline=1000)
@given(_HOSTILE)
def test_every_text_equals_itself_and_its_spaced_form(text):
    if text.strip():
        assert decide(text, text).outcome == "equal"
        assert decide(text, f"  {text} ").outcome == "equal"


@settings(max_examples=60, deadline=1000)
@given(_EXPRESSIONS, st.one_of(_EXPRESSIONS, st.integers(-99, 99).map(str)))
def test_whether_two_real_expressions_are_equal_does_not_depend_on_their_order(one, other):
    if "sqrt" not in one + other:  # a gold that is real on part of the line is compared there only
        assert decide(one, other).outcome == decide(other, one).outcome


@pytest.mark.parametrize(
    "text",
    [
        "9^{9^{9^{9}}}",
        "e^{e^{e^{e^{79}}}}",
        "99999999!",
        "5!!!!!!!!",
        r"\binom{10^9}{5\cdot10^8}",
        "(" * 1900,
        "-" * 1900 + "1",
        r"\sin " * 400 + "x",
        r"2\frac{" * 300 + "1" + "}{1}" * 300,
        r"\{\pm " * 300 + "1" + r"\}" * 300,
        r"\sqrt[3]{" * 200,
        "1+" * 900 + "1",
        "1," * 900 + "1",
        "x=1," * 400,
        "1/3^{20000}+1/5^{15000}+1/7^{14000}+1/11^{11000}",
        r"\sum_{n=1}^{1000} n^{1000}",
        r"\sin(x)+" * 200 + "1",
        "9" * 1999,
        "1 to " * 380,
    ],
)
def test_hostile_texts_cost_the_trainer_little(text):
    for gold in ("2", "x+1", r"\{1,2\}"):
        began = time.process_time()
        assert decide(gold, text).outcome in ("different", "answer_unreadable", "costly")
        decide(text, gold)
        assert time.process_time() - began < 0.5


@settings(max_examples=60)
@given(st.text(alphabet="ab 1\n.$", max_size=40), st.integers(-999, 999))
def test_noise_before_a_box_changes_nothing(noise, n):
    assert lenient_answer(rf"{noise} \boxed{{{n}}}").answer == str(n)


@pytest.mark.data
def test_collected_hard_cases(verifier, capsys, data_dir):
    lines = (data_dir / "verifier_cases" / "math_cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    asyncio.run(verifier.prepare())
    disagreements, false_positives = [], []
    for case in cases:
        verdict = judge(verifier, case["gold"], case["pred"])
        score = verdict.score if isinstance(verdict, Scored) else None
        if score != case["expected"]:
            disagreements.append(
                f"{case['id']} {case['category']}: {case['gold'][:50]} | {case['pred'][:70]} -> {score}"
            )
        if score == 1 and case["expected"] == 0:
            false_positives.append(case["id"])
    with capsys.disabled():
        print(f"\n{len(cases) - len(disagreements)} of {len(cases)} mathematics cases agree; the others:")
        print("\n".join(f"  {line}" for line in disagreements))
    assert not false_positives
    assert 1 - len(disagreements) / len(cases) >= FLOOR
