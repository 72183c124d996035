"""Compiling the operations, and doing without."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from darkhorse.policy.native import library

needs_compiler = pytest.mark.skipif(library.why_not() is not None, reason=str(library.why_not()))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("DARKHORSE_CACHE", str(tmp_path))
    for cached in (library.library, library._compiler):
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in (library.library, library._compiler):
        cached.cache_clear()


@needs_compiler
def test_it_is_compiled_once_and_leaves_nothing_else_behind(tmp_path, monkeypatch):
    assert library.library() is not None
    (made,) = (tmp_path / "native").iterdir()
    commands = []
    run = library._run
    monkeypatch.setattr(library, "_run", lambda command: commands.append(command) or run(command))
    library.library.cache_clear()
    assert library.library() is not None
    assert list((tmp_path / "native").iterdir()) == [made]
    assert [command[1:] for command in commands] == [["--version"]]


@needs_compiler
def test_one_openmp_serves_it_and_pytorch():
    code = (
        "from darkhorse.policy.native.library import library; import torch; assert library() is not None; "
        "torch.randn(500, 500) @ torch.randn(500, 500); "
        "print(len({line.split()[-1] for line in open('/proc/self/maps') if 'omp.so' in line or 'omp5.so' in line}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=os.environ)
    assert done.stdout.strip() == "1", done.stderr


def test_it_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("DARKHORSE_NATIVE", "0")
    assert library.library() is None
    assert library.why_not() == "DARKHORSE_NATIVE is 0"


def test_without_a_compiler_there_is_none(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert library.library() is None
    assert "no C++ compiler" in str(library.why_not())


def test_a_compiler_that_fails_is_told_of(monkeypatch, tmp_path, caplog):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho 'no such flag' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    assert library.library() is None
    assert "no such flag" in caplog.text
    assert library.library() is None
    assert len(caplog.records) == 1
