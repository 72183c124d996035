"""Where models live."""

from __future__ import annotations

import torch


def default_device() -> torch.device:
    """The graphics processor when there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
