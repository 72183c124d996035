"""What every script of this folder writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from darkhorse.observe.jsonl import finite


def write_json(path: Path | None, figures: dict[str, Any]) -> None:
    """Write figures to the file named by `--json`, if one was; what is not a number becomes null."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(finite(figures), indent=1) + "\n")
