"""Checkpoints are plain Hugging Face folders."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from darkhorse.errors import UserError
from darkhorse.observe.jsonl import naming_a_full_disk
from darkhorse.policy.adapters import merged_state_dict


def save_pretrained(model: PreTrainedModel, tokenizer: Any, folder: Path) -> None:
    """Write weights, configuration, tokenizer and chat template so that plain Transformers loads them.

    The generation settings are QwQ's recommended sampling, so `model.generate` works without further arguments.
    """
    if model.can_generate():
        model.generation_config.update(do_sample=True, temperature=0.6, top_p=0.95, top_k=40)
        model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids("<|im_end|>")
        model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder, state_dict=merged_state_dict(model))
    tokenizer.save_pretrained(folder)


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Fill a folder so that it appears whole or not at all, even if the process dies in between.

    Args:
        folder: the final place; replaced if it exists.
        write: writes the files into the folder it is given.

    Raises:
        UserError: if the disk is full.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with naming_a_full_disk(folder):
            partial.mkdir(parents=True)
            _write(write, partial)
            for path in partial.rglob("*"):
                if path.is_file():
                    _sync(path)
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
            _sync(folder.parent)
    except UserError:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _write(write: Callable[[Path], None], folder: Path) -> None:
    """Safetensors and tokenizers tell the system's error code in words only; it becomes an `OSError` here."""
    try:
        write(folder)
    except OSError:
        raise
    except Exception as error:  # tokenizers raises no other class
        code = re.search(r"os error (\d+)", str(error))
        if code is None:
            raise
        raise OSError(int(code[1]), str(error)) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all.

    Raises:
        UserError: if the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    with naming_a_full_disk(path):
        partial.write_text(text)
        _sync(partial)
        partial.replace(path)
