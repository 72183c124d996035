"""The suites by name: published benchmarks, one file each, and the recipe's synthetic ones."""

from __future__ import annotations

from collections.abc import Iterable

from darkhorse.config.evals import EvaluationConfig
from darkhorse.errors import UserError, did_you_mean
from darkhorse.evals.suites.aime24 import AIME24
from darkhorse.evals.suites.aime25 import AIME25
from darkhorse.evals.suites.bbh import BBH
from darkhorse.evals.suites.bfcl import BFCL
from darkhorse.evals.suites.gsm8k import GSM8K
from darkhorse.evals.suites.humaneval import HUMANEVAL
from darkhorse.evals.suites.humaneval_plus import HUMANEVAL_PLUS
from darkhorse.evals.suites.ifbench import IFBENCH
from darkhorse.evals.suites.ifeval import IFEVAL
from darkhorse.evals.suites.livebench import LIVEBENCH
from darkhorse.evals.suites.livecodebench import LIVECODEBENCH
from darkhorse.evals.suites.math500 import MATH500
from darkhorse.evals.suites.mbpp import MBPP
from darkhorse.evals.suites.mbpp_plus import MBPP_PLUS
from darkhorse.evals.suites.suite import Suite
from darkhorse.evals.suites.synthetic import synthetic_suite
from darkhorse.evals.suites.zebralogic import ZEBRALOGIC
from darkhorse.tasks.synthetic import SUITES as SYNTHETIC

PUBLISHED: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        AIME24,
        AIME25,
        LIVECODEBENCH,
        LIVEBENCH,
        IFEVAL,
        BFCL,
        GSM8K,
        MATH500,
        HUMANEVAL,
        HUMANEVAL_PLUS,
        MBPP,
        MBPP_PLUS,
        IFBENCH,
        BBH,
        ZEBRALOGIC,
    )
}


def check_benchmarks(config: EvaluationConfig) -> None:
    """Check that a recipe's benchmarks exist; reads no data.

    Raises:
        UserError: if one does not.
    """
    for number, item in enumerate(config.benchmarks):
        if item.benchmark not in PUBLISHED:
            raise UserError(
                f"evaluation.benchmarks.{number}.benchmark = '{item.benchmark}' is no published benchmark.",
                did_you_mean(item.benchmark, PUBLISHED),
            )


def find_suites(names: Iterable[str], limit: int | None = None) -> list[Suite]:
    """The suites called `names`, in that order.

    Args:
        names: of published or synthetic suites.
        limit: prompts of a synthetic suite.

    Raises:
        UserError: if there is no suite of a name.
    """
    found = []
    for name in dict.fromkeys(names):
        if name in PUBLISHED:
            found.append(PUBLISHED[name])
        elif name in SYNTHETIC:
            found.append(synthetic_suite(name, limit))
        else:
            raise UserError(f"There is no suite named '{name}'.", did_you_mean(name, [*PUBLISHED, *SYNTHETIC]))
    return found
