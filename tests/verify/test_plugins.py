"""Verifiers of other packages: found without importing, loaded on demand, refused with the package's name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from darkhorse.errors import UserError
from darkhorse.verify import plugins, registry
from darkhorse.verify.registry import register

Install = Callable[..., None]

GOOD = """
from darkhorse.verify.verdict import Scored
async def shout(task, response, context):
    return Scored(float(response.answer.isupper()), "Loud or not.")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package with a verifier on the path; its traces go with the test."""
    modules: list[str] = []

    def add(package: str, verifier: str, source: str, value: str | None = None) -> None:
        module = package.replace("-", "_")
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[darkhorse.verifiers]\n{verifier} = {value or module + ':shout'}\n")
        plugins._offered.cache_clear()
        plugins._loaded.cache_clear()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield add
    for module in modules:
        sys.modules.pop(module, None)
    monkeypatch.undo()
    plugins._offered.cache_clear()
    plugins._loaded.cache_clear()


def test_a_plugin_is_offered_and_loaded_when_asked_for(install: Install) -> None:
    install("loud-words", "loud_words", GOOD)
    assert "loud_words" in registry.names()
    assert "loud_words" not in sys.modules
    assert registry.get("loud_words").__name__ == "shout"
    assert registry.get("loud_words") is registry.get("loud_words")


def test_a_plugin_may_register_itself_as_well(install: Install) -> None:
    install(
        "selfmade",
        "selfmade",
        "from darkhorse.verify.registry import register\n" + GOOD.replace("async", "@register('selfmade')\nasync"),
    )
    try:
        assert registry.get("selfmade") is registry.get("selfmade")
    finally:
        registry._VERIFIERS.pop("selfmade", None)


@pytest.mark.parametrize(
    ("source", "value", "problem"),
    [
        ("raise ImportError('no such thing')", None, "ImportError: no such thing"),
        (GOOD, "broken_pack:missing", "AttributeError"),
        ("def shout(task, response, context): ...", None, "no async function"),
    ],
)
def test_a_broken_plugin_is_named(install: Install, source: str, value: str | None, problem: str) -> None:
    install("broken-pack", "broken", source, value)
    with pytest.raises(UserError, match="'broken' of the package 'broken-pack'") as error:
        registry.get("broken")
    assert problem in error.value.message


def test_a_name_that_is_taken_is_refused(install: Install) -> None:
    async def taken(task, response, context): ...

    register("taken_name")(taken)
    try:
        install("greedy-pack", "taken_name", GOOD)
        with pytest.raises(UserError, match="'greedy-pack' offers a verifier named 'taken_name', but there is one"):
            registry.get("taken_name")
    finally:
        registry._VERIFIERS.pop("taken_name")


def test_two_plugins_of_one_name_are_refused(install: Install) -> None:
    install("pack-one", "both", GOOD)
    install("pack-two", "both", GOOD)
    with pytest.raises(UserError, match=r"'pack-(one|two)' and 'pack-(one|two)' both offer a verifier named 'both'"):
        registry.get("both")


def test_an_unknown_name_is_still_an_error(install: Install) -> None:
    install("loud-words", "loud_words", GOOD)
    with pytest.raises(UserError, match="Did you mean 'loud_words'"):
        registry.get("loud_word")
