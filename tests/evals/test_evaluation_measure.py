from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.chat.reasoning import split_reasoning
from darkhorse.chat.tool_calls import format_tool_call
from darkhorse.errors import UserError
from darkhorse.evals.comparison import compare_folders
from darkhorse.evals.measure import measure, plan
from darkhorse.evals.page import write_page
from darkhorse.evals.suites import find_suites
from darkhorse.evals.table import print_results, published_table, results_table
from darkhorse.evals.targets import Episode, Reply, Unanswered
from darkhorse.rollout.engine import SamplingParams
from darkhorse.tasks.task import Task
from darkhorse.types import Message, ToolSchema
from darkhorse.verify.registry import Context
from evals_support import write_data


class Oracle:
    """Answers with what the truth asks for, or with the text given instead."""

    name = "oracle"
    at_once = 4

    def __init__(self, wrong: Mapping[str, str | Exception] | None = None) -> None:
        self.asked: list[tuple[str, int]] = []
        self.sampling: list[SamplingParams] = []
        self._wrong = wrong or {}

    def facts(self) -> Mapping[str, Any]:
        return {"kind": "test", "model": self.name}

    async def ask(self, messages: Sequence[Message], tools: Sequence[ToolSchema], sampling: SamplingParams) -> Reply:
        raise NotImplementedError

    async def run(self, task: Task, sampling: SamplingParams) -> Episode:
        self.asked.append((task.id, sampling.seed))
        self.sampling.append(sampling)
        text: str | Exception = self._wrong.get(task.id, _right(task))
        if isinstance(text, Exception):
            raise text
        return Episode(split_reasoning(text, ({"role": "assistant", "content": text},)), 10, 5)


def _right(task: Task) -> str:
    if task.verifier == "math":
        return f"Easy.\n</think>\n\n\\boxed{{{task.truth['answer']}}}"
    if task.verifier == "bfcl":
        ((name, arguments),) = task.truth["ground_truth"][0].items()
        call = format_tool_call(name.replace(".", "_"), {key: values[0] for key, values in arguments.items()})
        return f"A tool.\n</think>\n\n{call}"
    return "Names.\n</think>\n\nRobin and wren"


def _measure(folder: Path, data: Path, target: Oracle, names: Sequence[str], **changes: Any) -> dict[str, Any]:
    limit, seed = changes.pop("limit", None), changes.pop("seed", 0)
    plans = [plan(suite, data, limit, changes) for suite in find_suites(names)]
    return asyncio.run(measure(plans, target, Context(), folder, seed))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


def test_right_answers_score_one_in_every_suite_and_the_protocol_is_written_down(tmp_path: Path, data: Path) -> None:
    target = Oracle()
    results = _measure(tmp_path / "out", data, target, ["aime24", "ifeval", "bfcl"], samples=2)
    assert {name: suite["score"] for name, suite in results["suites"].items()} == dict.fromkeys(results["suites"], 1.0)
    aime = results["suites"]["aime24"]
    assert aime["problems"] == 6 and aime["judged"] == 12 and aime["majority"]["2"] == 1.0
    assert aime["protocol"] == {
        "samples": 2, "temperature": 0.6, "top_p": 0.95, "top_k": 40, "min_p": 0.0, "presence_penalty": 0.0,
        "max_tokens": 32768, "gate": False, "source": aime["protocol"]["source"],
    }  # fmt: skip
    assert "changed: samples" in aime["protocol"]["source"]
    assert len(aime["data"]["sha256"]) == 64 and aime["data"]["files"] == ["qwq_eval/aime24.jsonl"]
    assert {(one.temperature, one.top_k, one.max_tokens) for one in target.sampling} == {(0.6, 40, 32768)}
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == json.loads(json.dumps(results))


def test_what_was_measured_is_not_run_again_and_more_can_be_asked_for(tmp_path: Path, data: Path) -> None:
    first, second = Oracle(), Oracle()
    _measure(tmp_path / "out", data, first, ["aime24"], samples=2, limit=3)
    _measure(tmp_path / "out", data, second, ["aime24"], samples=3)
    assert len(first.asked) == 6 and len(second.asked) == 12
    assert len(set(first.asked) | set(second.asked)) == 18, "every sample has a seed of its own"
    whole = Oracle()
    _measure(tmp_path / "other", data, whole, ["aime24"], samples=3)
    assert set(whole.asked) == set(first.asked) | set(second.asked), "and always the same one"


@pytest.mark.parametrize(
    ("changes", "words"), [({"temperature": 0.0}, "another protocol"), ({"seed": 5}, "another seed")]
)
def test_a_folder_of_other_results_is_not_added_to(
    tmp_path: Path, data: Path, changes: dict[str, Any], words: str
) -> None:
    _measure(tmp_path / "out", data, Oracle(), ["aime24"], samples=1)
    with pytest.raises(UserError, match=words):
        _measure(tmp_path / "out", data, Oracle(), ["aime24"], samples=1, **changes)


def test_other_data_are_not_mixed_with_what_is_there(tmp_path: Path, data: Path) -> None:
    _measure(tmp_path / "out", data, Oracle(), ["aime24"], samples=1)
    with pytest.raises(UserError, match="other data"):
        _measure(tmp_path / "out", write_data(tmp_path / "more", 7), Oracle(), ["aime24"], samples=1)


def test_a_sample_that_cannot_be_had_is_missing_and_run_next_time(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UserError, match=r"1 sample\(s\) could not be had: busy"):
        _measure(tmp_path / "out", data, Oracle({"aime24/2": Unanswered("busy")}), ["aime24"], samples=1)
    held = json.loads((tmp_path / "out" / "results.json").read_text())["suites"]["aime24"]
    assert held["missing"] == 1 and held["judged"] == 5
    again = Oracle()
    results = _measure(tmp_path / "out", data, again, ["aime24"], samples=1)
    assert [task for task, _ in again.asked] == ["aime24/2"] and results["suites"]["aime24"]["missing"] == 0


def test_a_text_whose_thinking_never_closes_is_judged_whole_as_published(tmp_path: Path, data: Path) -> None:
    target = Oracle({"aime24/0": "no thinking: \\boxed{20}", "aime24/1": "it may be 5, hm"})
    aime = _measure(tmp_path / "out", data, target, ["aime24"], samples=1)["suites"]["aime24"]
    assert aime["score"] == pytest.approx(5 / 6) and aime["unclosed"] == pytest.approx(2 / 6)


def test_two_evaluations_are_compared_problem_by_problem(tmp_path: Path, data: Path) -> None:
    wrong = dict.fromkeys(("aime24/0", "aime24/3"), "\\boxed{-1}")
    _measure(tmp_path / "worse", data, Oracle(wrong), ["aime24"], samples=2)
    _measure(tmp_path / "better", data, Oracle(), ["aime24"], samples=2)
    found = compare_folders(tmp_path / "worse", tmp_path / "better", ["aime24"])["aime24"]
    assert found is not None
    assert found["difference"] == pytest.approx(2 / 6) and found["problems"] == 6
    assert found["low"] < 2 / 6 < found["high"] and 0.1 < found["p_value"] < 0.3


def test_the_page_holds_every_sample_and_published_figures_with_their_sources(tmp_path: Path, data: Path) -> None:
    results = _measure(tmp_path / "out", data, Oracle(), ["aime24", "bfcl"], samples=2)
    text = write_page(tmp_path / "out", results).read_text()
    shown = json.loads(text.partition('id="run-data">')[2].partition("</script>")[0])
    assert len(shown["samples"]["rows"]) == 24
    figures = {one["model"]: one for one in shown["benchmarks"]["aime24"]["published"]}
    assert figures["QwQ-32B"]["value"] == 79.5 and "github.com/QwenLM/QwQ" in figures["QwQ-32B"]["source"]
    assert "function showBenchmarks" in text


def test_the_tables_fit_a_terminal(tmp_path: Path, data: Path) -> None:
    results = _measure(tmp_path / "out", data, Oracle({"aime24/0": "\\boxed{-1}"}), ["aime24", "ifeval"], samples=2)
    shown = io.StringIO()
    console = Console(file=shown, width=80)
    console.print(results_table(results))
    beside = published_table(results)
    assert beside is not None
    console.print(beside)
    text = shown.getvalue()
    assert "…" not in text
    for expected in ("AIME 2024", "83.3", "6×2", "83.3@2", "QwQ-32B", "79.5", "DeepSeek-R1", "o1-mini"):
        assert expected in text


def test_a_name_in_brackets_is_shown_as_it_is(tmp_path: Path, data: Path) -> None:
    target = Oracle()
    target.name = "model[/red]"
    shown = io.StringIO()
    print_results(_measure(tmp_path / "out", data, target, ["aime24"], samples=1), Console(file=shown, width=80))
    assert shown.getvalue().count("model[/red]") == 2


def test_rows_may_hold_what_some_take_for_the_end_of_a_line(tmp_path: Path, data: Path) -> None:
    odd = "one\u2028two\x85three\x0cfour"
    rows = [{"prompt": odd, "answer": 1}, {"prompt": "What is 1 + 1?", "answer": 2}]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (data / "qwq_eval" / "aime24.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (suite,) = find_suites(["aime24"])
    assert [odd in task.prompt[0]["content"] for task in plan(suite, data, None, {}).tasks] == [True, False]


def test_problems_of_one_name_are_refused(tmp_path: Path, data: Path) -> None:
    rows = [{"id": name, "prompt": "What is 1 + 1?", "answer": 2} for name in ("a", "b", "a")]
    (data / "qwq_eval" / "aime24.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (suite,) = find_suites(["aime24"])
    with pytest.raises(UserError, match="hold 2 problems called 'aime24/a'"):
        plan(suite, data, 2, {})
