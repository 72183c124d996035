"""Checkpoints of a stage: a plain Hugging Face folder with the trainer's state inside, written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from darkhorse.policy.saving import save_pretrained, write_folder

_STATE = "trainer_state"


@dataclass(frozen=True)
class Resumed:
    """What a checkpoint remembers: the step it was taken after, the trainer's own state, the optimizer's tensors."""

    folder: Path
    step: int
    state: dict[str, Any]
    tensors: dict[str, Tensor]


class Checkpoints:
    """The checkpoints of one stage, newest kept.

    Args:
        folder: `<stage>/checkpoints`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(
        self, step: int, model: PreTrainedModel, tokenizer: Any, state: Mapping[str, Any], tensors: dict[str, Tensor]
    ) -> Path:
        """Write `step_N`, then remove older ones.

        Raises:
            UserError: if the disk is full; older checkpoints are still there.
        """

        def write(partial: Path) -> None:
            save_pretrained(model, tokenizer, partial)
            (partial / _STATE).mkdir()
            save_file(tensors, partial / _STATE / "optimizer.safetensors")
            (partial / _STATE / "state.json").write_text(json.dumps({"step": step, **state}))

        target = self.folder / f"step_{step}"
        write_folder(target, write)
        for older in self._steps():
            if older != step:
                shutil.rmtree(self.folder / f"step_{older}", ignore_errors=True)
        return target

    def latest(self) -> Path | None:
        """Folder of the newest checkpoint."""
        steps = self._steps()
        return self.folder / f"step_{max(steps)}" if steps else None

    def resume(self) -> Resumed | None:
        """The newest checkpoint's state; None when there is none."""
        folder = self.latest()
        if folder is None or not (folder / _STATE).exists():
            return None
        state = json.loads((folder / _STATE / "state.json").read_text())
        return Resumed(folder, state.pop("step"), state, load_file(folder / _STATE / "optimizer.safetensors"))

    def finish(self) -> None:
        """Drop the trainer's state of the last checkpoint once its stage is over; the model stays."""
        folder = self.latest()
        if folder is not None:
            shutil.rmtree(folder / _STATE, ignore_errors=True)

    def _steps(self) -> list[int]:
        names = [path.name for path in self.folder.glob("step_*") if path.is_dir()]
        return [int(name[5:]) for name in names if name[5:].isdigit()]
