"""BIG-Bench Hard: 27 tasks (Suzgun et al. 2022, arXiv 2210.09261), answered without examples."""

from __future__ import annotations

import re
from typing import Any

from darkhorse.evals.suites.suite import HubSet, Parts, Suite, equal_means, user
from darkhorse.tasks.task import Task

_ASK = "Think step by step, and put your final answer within \\boxed{}"
_TASKS = (
    "boolean_expressions", "causal_judgement", "date_understanding", "disambiguation_qa", "dyck_languages",
    "formal_fallacies", "geometric_shapes", "hyperbaton", "logical_deduction_five_objects",
    "logical_deduction_seven_objects", "logical_deduction_three_objects", "movie_recommendation",
    "multistep_arithmetic_two", "navigate", "object_counting", "penguins_in_a_table",
    "reasoning_about_colored_objects", "ruin_names", "salient_translation_error_detection", "snarks",
    "sports_understanding", "temporal_sequences", "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects", "tracking_shuffled_objects_three_objects", "web_of_lies",
    "word_sorting",
)  # fmt: skip


def _tasks(parts: Parts) -> list[Task]:
    return [
        _task(name, number, row["input"], row["target"])
        for name, rows in parts.items()
        for number, row in enumerate(rows)
    ]


def _task(name: str, number: int, question: str, target: str) -> Task:
    truth: dict[str, Any]
    letter = re.fullmatch(r"\(([A-Z])\)", target.strip())
    if letter:
        verifier, truth, ask = "choice", {"answer": letter[1], "choices": 26}, f"{_ASK}, as the letter of your choice."
    elif set(target) & set("{}"):  # a box would end at the first brace
        ask = "Think step by step, and put your final answer between <answer> and </answer>."
        verifier, truth = "exact", {"answer": target, "form": "tag"}
    else:
        verifier, truth, ask = "exact", {"answer": target}, f"{_ASK}, in the words of the question."
    prompt = user(f"{question}\n\n{ask}")
    return Task(f"bbh/{name}/{number}", prompt, verifier, truth, (), "bbh", {"category": name})


BBH = Suite(
    "bbh",
    "BIG-Bench Hard",
    "mean accuracy of its tasks",
    (("bbh/bbh/*.json",), ("bbh/*.json",)),
    tuple(HubSet("lukaemon/bbh", "test", name) for name in _TASKS),
    _tasks,
    weights=equal_means,
    note="Without examples in the prompt; the paper's figures use three.",
)
