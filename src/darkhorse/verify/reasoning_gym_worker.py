"""The worker's side of the verifier `reasoning_gym`; imports the package, so that no call has to wait for it."""

from __future__ import annotations

import importlib
from typing import Any

from darkhorse.tasks.reasoning_gym import scorer

importlib.import_module("reasoning_gym")


def score(payload: dict[str, Any]) -> float:
    """The package's score of `payload["answer"]` for the item `payload["entry"]` of `payload["dataset"]`."""
    return float(scorer(payload["dataset"])(payload["answer"], payload["entry"]))
