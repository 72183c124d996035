"""LiveBench's own scoring functions; run by `livebench_conformance.py`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from _peers import Desk

sys.path.insert(0, sys.argv[1])
os.environ["OPENAI_API_KEY"] = ""  # no model is asked for a second opinion

from livebench.process_results.data_analysis.cta.utils import cta_process_results
from livebench.process_results.data_analysis.tablejoin.utils import joinmap_process_results
from livebench.process_results.data_analysis.tablereformat.utils import table_process_results
from livebench.process_results.math.AMPS_Hard.utils import amps_hard_process_results
from livebench.process_results.math.math_competitions.utils import (
    aime_process_results,
    mathcontest_process_results,
)
from livebench.process_results.math.olympiad.utils import proof_rearrangement_process_results
from livebench.process_results.reasoning.spatial.utils import spatial_process_results
from livebench.process_results.reasoning.web_of_lies_v2.utils import web_of_lies_process_results
from livebench.process_results.reasoning.zebra_puzzle.utils import get_zebra_puzzle_evaluator
from livebench.process_results.writing.connections.utils import get_connections_puzzle_evaluator
from livebench.process_results.writing.plot_unscrambling.utils import plot_unscrambling_process_results
from livebench.process_results.writing.typos.utils import typos_process_results


def score(row: dict[str, Any], answer: str) -> float:
    """The score, by the same choice of function as LiveBench's judgment script makes; 0 where it raises, as there."""
    import re

    answer = re.sub(r"<think>.*?<\/think>", "", answer, flags=re.DOTALL)
    task, gold, question = row.get("subtask") or row["task"], row["ground_truth"], row["turns"][0]
    release, first = row["livebench_release_date"], task.split("_")
    try:
        if first[0] in ("amc", "smc") or (len(first) > 1 and first[1] == "amc"):
            return mathcontest_process_results(gold, answer, question)
        if first[0] == "aime":
            return aime_process_results(gold, answer)
        if first[0] in ("imo", "usamo"):
            return proof_rearrangement_process_results(gold, answer, edit_distance=True)
        if "amps_hard" in task or "amps_hard" in row["task"]:
            return amps_hard_process_results(gold, answer)
        if "zebra_puzzle" in task:
            return get_zebra_puzzle_evaluator(release)(gold, answer)
        if task == "connections":
            return get_connections_puzzle_evaluator(release)(gold, answer)
        if task == "tablereformat":
            return table_process_results(question, gold, answer, "v2" if release >= "2025-04-25" else "v1")
        if task == "tablejoin":
            return joinmap_process_results(question, gold, answer)
        functions = {
            "cta": cta_process_results,
            "spatial": spatial_process_results,
            "web_of_lies_v2": web_of_lies_process_results,
            "typos": typos_process_results,
            "plot_unscrambling": plot_unscrambling_process_results,
        }
        return functions[task](gold, answer)
    except Exception:
        return 0.0


def main() -> None:
    desk = Desk()
    for question in desk.questions():
        scores = [float(score(question["row"], answer)) for answer in question["answers"]]
        desk.answer({"scores": scores})


if __name__ == "__main__":
    Path(sys.argv[1]).resolve(strict=True)
    main()
