"""Rooms import downwards: what one thing does with a policy knows nothing of the others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import darkhorse

FLOORS = (
    ("config",),
    ("chat", "tasks", "sandbox", "observe"),
    ("policy", "verify"),
    ("rollout", "rewards"),
    ("agent",),
    ("training", "evals", "serving"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imports() -> Iterator[tuple[str, str, str]]:
    """Every import of one room by another: file, its room, the other."""
    root = Path(darkhorse.__file__).parent
    for path in sorted(root.glob("*/**/*.py")):
        room = path.relative_to(root).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                parts = name.split(".")
                if parts[0] == "darkhorse" and len(parts) > 1 and parts[1] in FLOOR and parts[1] != room:
                    yield str(path.relative_to(root)), room, parts[1]


def test_no_room_imports_from_a_floor_above_it() -> None:
    assert [found for found in imports() if FLOOR[found[2]] > FLOOR[found[1]]] == []


def test_training_evaluation_and_serving_do_not_import_one_another() -> None:
    highest = FLOORS[-1]
    assert [found for found in imports() if found[1] in highest and found[2] in highest] == []
