"""Checkpoints of a stage: a plain Hugging Face folder with the trainer's state inside, written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping
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
    """The checkpoints of one stage, newest kept, and others for as long as they are asked for.

    Args:
        folder: `<stage>/checkpoints`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(
        self,
        step: int,
        model: PreTrainedModel,
        tokenizer: Any,
        state: Mapping[str, Any],
        tensors: dict[str, Tensor],
        keep: Collection[int] = (),
    ) -> Path:
        """Write `step_N`, then remove older ones but those to keep.

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
            if older != step and older not in keep:
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

    def roll_back(self, step: int) -> None:
        """Remove the checkpoints after a step, newest first, so that its own is the latest."""
        for later in sorted(self._steps(), reverse=True):
            if later > step:
                shutil.rmtree(self.folder / f"step_{later}")

    def finish(self) -> None:
        """Once its stage is over, drop all but the last checkpoint, and of that the trainer's state."""
        folder = self.latest()
        if folder is not None:
            for step in self._steps():
                if self.folder / f"step_{step}" != folder:
                    shutil.rmtree(self.folder / f"step_{step}", ignore_errors=True)
            shutil.rmtree(folder / _STATE, ignore_errors=True)

    def _steps(self) -> list[int]:
        names = [path.name for path in self.folder.glob("step_*") if path.is_dir()]
        return [int(name[5:]) for name in names if name[5:].isdigit()]
