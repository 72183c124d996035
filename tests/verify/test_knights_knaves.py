"""Who is a knight and who a knave: once for everyone, without conditions and contradictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.knights_knaves import knights_knaves
from darkhorse.verify.verdict import Abstained
from judging import judge, score

TRUTH = {"solution": {"Zoey": True, "Ethan": False}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<answer> (1) Zoey is a knight\n(2) Ethan is a knave </answer>", 1),
        ("Zoey is a knight, and Ethan is a knave.", 1),
        ("- **Zoey**: Knight\n- **Ethan**: Knave", 1),
        ("| Zoey | knight |\n| Ethan | knave |", 1),
        ('{"Zoey": "knight", "ethan": "Knave"}', 1),
        ("\\boxed{\\text{Zoey is a knight, Ethan is a knave}}", 1),
        ("Zoey is a knight. Ethan is not a knight.", 1),
        ("If Ethan is a knight, then Zoey is a knave. Hence Ethan is a knave.\nZoey is a knight.", 1),
        ("Zoey says that Ethan is a knight.\nZoey is a knight and Ethan is a knave.", 1),
        ("Zoey and Ethan are knights.", 0),
        ("Zoey is a knave and Ethan is a knight.", 0),
        ("Zoey is a knight.", 0),
        ("Zoey is a knight. Ethan is a knave. Ethan is a knight.", 0),
        ("Zoey is a knight or a knave. Ethan is a knave.", 0),
        ("Zoey is a knight. Ethan may be a knave.", 0),
        ("<answer>Zoey is a knight, Ethan is a knave</answer> <answer>Zoey is a knave</answer>", 0),
        ("knight, knave", 0),
        ("", 0),
    ],
)
def test_answers(answer: str, expected: int) -> None:
    assert score(knights_knaves, TRUTH, answer) == expected


def test_two_who_are_the_same_are_named_together() -> None:
    truth = {"solution": {"Ann": False, "Bob": False, "Cy": True}}
    assert score(knights_knaves, truth, "Ann and Bob are knaves, and Cy is a knight.") == 1
    assert score(knights_knaves, truth, "Ann and Bob are both knaves, Cy a knight.") == 1


def test_other_roles_and_texts_of_solutions() -> None:
    roles = {"solution": {"Ann": True}, "roles": ["angel", "devil"]}
    assert score(knights_knaves, roles, "Ann is an angel.") == 1
    assert score(knights_knaves, "(1) Ann is a knight\n(2) Bob is a knave", "Bob: knave, Ann: knight") == 1
    assert (
        score(knights_knaves, {"solution_text_format": "(1) Ann is a knight", "statements": "()"}, "Ann is a knight")
        == 1
    )


@pytest.mark.parametrize(
    "truth",
    [
        None,
        {},
        {"solution": {}},
        {"solution": {"Ann": "knight"}},
        {"solution": {"Ann": True}, "roles": ["x", "X"]},
        "Ann lies",
        "",
    ],
)
def test_malformed_truths_abstain(truth: Any) -> None:
    assert isinstance(judge(knights_knaves, truth, "Ann is a knight"), Abstained)


@given(
    st.dictionaries(st.sampled_from(["Ann", "Bob", "Cy", "Dee", "Anna", "Jo Ann"]), st.booleans(), min_size=1),
    st.randoms(),
)
def test_the_solution_passes_and_its_opposite_does_not(solution: dict[str, bool], random: Any) -> None:
    def told(flip: bool) -> str:
        lines = [f"{name} is a {'knight' if role is not flip else 'knave'}" for name, role in solution.items()]
        random.shuffle(lines)
        return "\n".join(lines)

    assert score(knights_knaves, {"solution": solution}, told(False)) == 1
    assert score(knights_knaves, {"solution": solution}, told(True)) == 0


@given(
    st.text()
    | st.lists(st.sampled_from(["Zoey", "Ethan", "knight", "knave", "is a", "not", "if", ".", "\n"])).map(" ".join)
)
def test_any_answer_is_scored(answer: str) -> None:
    assert score(knights_knaves, TRUTH, answer) in (0, 1)


@pytest.mark.data
def test_the_solutions_of_the_data_set_pass(data_dir: Path) -> None:
    import pyarrow.parquet as parquet

    for size in (3, 4, 5):
        table = parquet.read_table(data_dir / f"knights_knaves/{size}ppl_test.parquet")
        for row in table.select(["names", "solution", "solution_text", "reward_model"]).to_pylist():
            truth = row["reward_model"]["ground_truth"]
            assert score(knights_knaves, truth, f"<answer>{row['solution_text']}</answer>") == 1
            assert score(knights_knaves, truth, truth["solution_text_format"]) == 1
            opposite = dict(zip(row["names"], [not role for role in row["solution"]], strict=True))
            assert score(knights_knaves, {"solution": opposite}, row["solution_text"]) == 0
