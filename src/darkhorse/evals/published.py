"""Figures that others published, each with its source, to stand beside measured ones.

A published figure was got with its authors' own prompts, sampling and graders; only where a suite's protocol is theirs
are the two to be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

QWQ_BLOG = "Qwen Team, QwQ-32B, 6 March 2025, qwenlm.github.io/blog/qwq-32b"
QWQ_CODE = "Qwen Team, github.com/QwenLM/QwQ, eval/README.md"
R1_PAPER = "DeepSeek-AI, DeepSeek-R1, arXiv 2501.12948v1"
R1_TABLE = f"{R1_PAPER}, table 4"
R1_DISTILLED = f"{R1_PAPER}, table 5"


@dataclass(frozen=True)
class PublishedFigure:
    """One figure.

    Attributes:
        model: as its authors call it.
        suite: of ours.
        value: in percent.
        metric: what it is.
        source: where it was published.
    """

    model: str
    suite: str
    value: float
    metric: str
    source: str


def _of(model: str, source: str, **values: float) -> list[PublishedFigure]:
    return [PublishedFigure(model, suite, value, _METRICS[suite], source) for suite, value in values.items()]


_METRICS = {
    "aime24": "pass@1",
    "aime25": "pass@1",
    "livecodebench": "pass@1",
    "livebench": "average",
    "ifeval": "strict prompt accuracy",
    "bfcl": "overall",
    "math500": "pass@1",
}

FIGURES: tuple[PublishedFigure, ...] = (
    *_of("QwQ-32B", QWQ_CODE, aime24=79.5, aime25=69.5, livecodebench=63.4, ifeval=83.9),
    *_of("QwQ-32B", QWQ_BLOG, livebench=73.1, bfcl=66.4),
    *_of("DeepSeek-R1", R1_TABLE, aime24=79.8, math500=97.3, livecodebench=65.9, ifeval=83.3),
    *_of("o1-mini", R1_TABLE, aime24=63.6, math500=90.0, livecodebench=53.8, ifeval=84.8),
    *_of("DeepSeek-R1-Distill-Qwen-1.5B", R1_DISTILLED, aime24=28.9, math500=83.9, livecodebench=16.9),
    *_of("DeepSeek-R1-Distill-Qwen-7B", R1_DISTILLED, aime24=55.5, math500=92.8, livecodebench=37.6),
    *_of("DeepSeek-R1-Distill-Qwen-14B", R1_DISTILLED, aime24=69.7, math500=93.9, livecodebench=53.1),
    *_of("DeepSeek-R1-Distill-Qwen-32B", R1_DISTILLED, aime24=72.6, math500=94.3, livecodebench=57.2),
    *_of("DeepSeek-R1-Distill-Llama-8B", R1_DISTILLED, aime24=50.4, math500=89.1, livecodebench=39.6),
    *_of("DeepSeek-R1-Distill-Llama-70B", R1_DISTILLED, aime24=70.0, math500=94.5, livecodebench=57.5),
)


def published(suite: str) -> list[PublishedFigure]:
    """What is published on a suite, QwQ-32B first."""
    return [figure for figure in FIGURES if figure.suite == suite]
