from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
PRINTED = ("+0.50 over 4 problems, p = 0.18\nQwQ-32B 79.5\n", "[('mine/0', '13-gram')]\n")


@pytest.mark.parametrize(("code", "printed"), list(zip(BLOCKS, PRINTED, strict=True)))
def test_the_code_of_the_page_runs(code: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, str(PAGE), "exec"), {})
    assert capsys.readouterr().out == printed


def test_every_suite_stands_on_the_page() -> None:
    from darkhorse.evals.suites import PUBLISHED

    assert all(f"`{name}`" in PAGE.read_text() for name in PUBLISHED)
