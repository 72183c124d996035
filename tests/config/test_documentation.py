"""The generated page of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkhorse.config.documentation import main, render

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: make docs"


def test_every_setting_says_what_it_means() -> None:
    rows = [line for line in render().splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    tables = ("`model`", "`engine`", "`agent`", "`sandbox`", "`cluster`", "`evaluation`", "`type`")
    silent = [row for row in rows if row.endswith("|  |") and not row.startswith(tuple(f"| {name}" for name in tables))]
    assert silent == []


def test_the_readme_quotes_the_quickstart_as_it_is() -> None:
    quoted = (ROOT / "README.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert quoted in (ROOT / "recipes" / "quickstart.toml").read_text(encoding="utf-8")


def test_check_tells_a_stale_page_from_a_current_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "configuration.md"
    assert main(["--check", str(page)]) == 1
    assert "make docs" in capsys.readouterr().err
    assert main([str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    page.write_text(page.read_text() + "edited by hand")
    assert main(["--check", str(page)]) == 1
