"""Where generated code runs."""

from __future__ import annotations

from pydantic import Field

from darkhorse.config.base import Settings
from darkhorse.types import Isolation


class SandboxConfig(Settings):
    """`[sandbox]`"""

    url: str | None = None
    """Address of a running code-execution server; when unset the run starts its own on loopback."""
    token: str | None = None
    """What that server wants to be told (its `DARKHORSE_SANDBOX_TOKEN`)."""
    isolation: Isolation = "auto"
    """Level of isolation the server must keep; `auto` is the strongest the machine allows, but never `minimal`."""
    packages: list[str] = Field(default_factory=list)
    """Installed packages that Python programs may import, for the server the run starts."""
    port: int = Field(default=0, ge=0, le=65535)
    """Port of the server the run starts; 0 takes a free one."""
    workers: int = Field(default=2, ge=1)
    """Programs executed at once by the server the run starts."""
    wall_seconds: float = Field(default=4.0, gt=0, le=300)
    """Wall-clock and CPU time limit of one program, unless its task sets another."""
    memory_mb: int = Field(default=512, ge=64, le=16384)
    """Memory limit of one program in MiB, unless its task sets another."""
