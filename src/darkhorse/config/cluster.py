"""Where a recipe runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from darkhorse.config.base import Settings


class ClusterConfig(Settings):
    """`[cluster]`: the machines a full-scale recipe is planned for; used by the cost estimate."""

    type: Literal["local", "ray"] = "local"
    """`local` is this machine; `ray` a cluster of accelerators."""
    accelerators: int = Field(default=0, ge=0)
    """Number of accelerators."""
    memory_gb: float = Field(default=80.0, gt=0)
    """Memory of one accelerator, in GB."""
    tflops: float = Field(default=0.5, gt=0)
    """Sustained bf16 TFLOP/s of one device, for the time estimate."""
