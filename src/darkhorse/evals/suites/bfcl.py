"""The Berkeley Function Calling Leaderboard: calls judged by their syntax tree, declined calls, and multi-turn tasks
with stateful tools (Patil et al. 2025). Functions are shown as tools; the calls are `<tool_call>` blocks.

The agentic categories of version 4 (web search, memory) are not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from darkhorse.evals.suites.bfcl_schema import tool_schema
from darkhorse.evals.suites.bfcl_world import CLASS_MODULES
from darkhorse.evals.suites.suite import HubSet, Parts, Row, Suite
from darkhorse.tasks.task import Task

CATEGORIES: dict[str, tuple[str, str, str]] = {
    "simple_python": ("simple", "python", "non_live"),
    "simple": ("simple", "python", "non_live"),
    "simple_java": ("simple", "java", "non_live"),
    "java": ("simple", "java", "non_live"),
    "simple_javascript": ("simple", "javascript", "non_live"),
    "javascript": ("simple", "javascript", "non_live"),
    "multiple": ("multiple", "python", "non_live"),
    "parallel": ("parallel", "python", "non_live"),
    "parallel_multiple": ("parallel_multiple", "python", "non_live"),
    "irrelevance": ("irrelevance", "python", "non_live"),
    "live_simple": ("simple", "python", "live"),
    "live_multiple": ("multiple", "python", "live"),
    "live_parallel": ("parallel", "python", "live"),
    "live_parallel_multiple": ("parallel_multiple", "python", "live"),
    "live_irrelevance": ("irrelevance", "python", "live"),
    "live_relevance": ("relevance", "python", "live"),
    "multi_turn_base": ("multi_turn", "python", "multi_turn"),
    "multi_turn_miss_func": ("multi_turn", "python", "multi_turn"),
    "multi_turn_miss_param": ("multi_turn", "python", "multi_turn"),
    "multi_turn_long_context": ("multi_turn", "python", "multi_turn"),
}
"""How each file is judged: category of the verifier, language, section. Three of the names are version 3's."""

_PREFIX = "BFCL_v"
_HUB = "gorilla-llm/Berkeley-Function-Calling-Leaderboard"
_V3 = (
    "simple", "java", "javascript", "multiple", "parallel", "parallel_multiple", "irrelevance", "live_simple",
    "live_multiple", "live_parallel", "live_parallel_multiple", "live_irrelevance", "live_relevance",
    "multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context",
)  # fmt: skip
_NO_ANSWERS = ("irrelevance", "live_irrelevance", "live_relevance")


def _tasks(parts: Parts) -> list[Task]:
    tasks = []
    for name, (category, language, section) in CATEGORIES.items():
        questions = next((rows for part, rows in parts.items() if _is(part, name, answers=False)), [])
        answers = next((rows for part, rows in parts.items() if _is(part, name, answers=True)), [])
        truths = {row["id"]: row["ground_truth"] for row in answers}
        for row in questions:
            if category == "multi_turn":
                tasks.append(_multi_turn_task(name, row, truths[row["id"]], parts))
            else:
                tasks.append(_task(name, category, language, section, row, truths.get(row["id"], [])))
    return tasks


def _is(part: str, name: str, answers: bool) -> bool:
    """Whether a part is the file of a category, by its path's last two names."""
    folder, _, stem = part.rpartition("/")
    return (
        stem.startswith(_PREFIX)
        and stem.partition("_v")[2].partition("_")[2] == name
        and (folder.endswith("possible_answer") == answers)
    )


def _task(name: str, category: str, language: str, section: str, row: Row, answers: list[Any]) -> Task:
    messages = tuple(row["question"][0])
    truth = {
        "functions": row["function"],
        "ground_truth": answers,
        "language": language,
        "category": category,
        "mode": "compat",
        "underscores": True,
    }
    tools = tuple(tool_schema(function, language) for function in row["function"])
    return Task(f"bfcl/{row['id']}", messages, "bfcl", truth, tools, "bfcl", {"category": f"{section}/{name}"})


def _multi_turn_task(name: str, row: Row, answers: list[list[str]], parts: Parts) -> Task:
    documents = {part.rpartition("/")[2]: rows for part, rows in parts.items() if "multi_turn_func_doc" in part}
    held_back = {int(turn): names for turn, names in (row.get("missed_function") or {}).items()}
    excluded = set(row.get("excluded_function") or ())
    functions = [
        document
        for owner in row["involved_classes"]
        for document in documents[CLASS_MODULES[owner]]
        if document["name"] not in excluded
    ]
    truth = {
        "config": row["initial_config"],
        "classes": row["involved_classes"],
        "calls": answers,
        "questions": row["question"],
        "held_back": {str(turn): names for turn, names in held_back.items()},
        "long_context": "long_context" in name,
    }
    tools = tuple(tool_schema(function) for function in functions)
    first = tuple(row["question"][0])
    metadata = {"category": f"multi_turn/{name}", "dialogue": "bfcl"}
    return Task(f"bfcl/{row['id']}", first, "bfcl_states", truth, tools, "bfcl", metadata)


def _weights(names: Iterable[str]) -> dict[str, float]:
    """Those of the leaderboard's version 3: its sections alike. In the first, categories count alike and `simple` is
    the mean of its languages; in the live one categories count by their size; in the last one alike.
    """
    listed = list(names)
    sections: dict[str, list[str]] = {}
    for name in listed:
        sections.setdefault(name.partition("/")[0], []).append(name)
    weights: dict[str, float] = {}
    for section, members in sections.items():
        share = 1 / len(sections)
        simple = [name for name in members if _is_simple(name)]
        if section == "non_live" and simple:
            kinds = len(members) - len(simple) + 1
            weights |= {name: share / kinds / (len(simple) if name in simple else 1) for name in members}
        elif section == "live":
            total = sum(_LIVE_SIZES.get(name.partition("/")[2], 1) for name in members)
            weights |= {name: share * _LIVE_SIZES.get(name.partition("/")[2], 1) / total for name in members}
        else:
            weights |= dict.fromkeys(members, share / len(members))
    return weights


_LIVE_SIZES = {
    "live_simple": 258, "live_multiple": 1053, "live_parallel": 16, "live_parallel_multiple": 24,
    "live_irrelevance": 884, "live_relevance": 16,
}  # fmt: skip


def _is_simple(name: str) -> bool:
    return CATEGORIES[name.partition("/")[2]][0] == "simple"


BFCL = Suite(
    "bfcl",
    "BFCL",
    "mean of its sections",
    (("bfcl/**/BFCL_v*.json", "bfcl/**/multi_turn_func_doc/*.json"),),
    (
        HubSet(
            _HUB,
            files=(
                *(f"BFCL_v3_{name}.json" for name in _V3),
                *(f"possible_answer/BFCL_v3_{name}.json" for name in _V3 if name not in _NO_ANSWERS),
                *(f"multi_turn_func_doc/{name}.json" for name in CLASS_MODULES.values()),
            ),
        ),
    ),
    _tasks,
    weights=_weights,
    note="Multi-turn tasks need the package bfcl-eval, whose tools they use; without it they abstain.",
)
