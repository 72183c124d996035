"""The command line: what it prints, how it fails, what it does not import."""

from __future__ import annotations

import errno
import json
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkhorse import __version__
from darkhorse.cli import main
from darkhorse.config.recipe import Recipe
from darkhorse.doctor import _slow
from darkhorse.errors import UserError

HEAVY = ("torch", "transformers", "sympy", "fastapi", "numpy", "datasets")


@pytest.fixture
def quickstart(recipes_dir: Path) -> str:
    return str(recipes_dir / "quickstart.toml")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def imported(statement: str) -> set[str]:
    """The heavy packages that a fresh interpreter has imported after running a statement."""
    program = f"import sys, json\n{statement}\nprint(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    [
        "import darkhorse.config.loading, darkhorse.config.estimate, darkhorse.config.documentation",
        "from darkhorse.cli import main; main(['--help'])",
        "from darkhorse.cli import main; main(['train', 'recipes/qwq-32b.toml', '--dry-run'])",
    ],
)
def test_nothing_heavy_is_imported(statement: str, monkeypatch: pytest.MonkeyPatch, recipes_dir: Path) -> None:
    monkeypatch.chdir(recipes_dir.parent)
    assert imported(statement) == set()


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"darkhorse {__version__}\n"
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for command in (
        "train",
        "sft",
        "reward-model",
        "reward-server",
        "rl",
        "eval",
        "chat",
        "serve",
        "sandbox",
        "verify",
        "data",
        "report",
        "doctor",
    ):
        assert command in text


def test_a_dry_run_prints_the_resolved_recipe_and_its_cost(
    recipes_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in sorted(recipes_dir.glob("*.toml")):
        assert main(["train", str(path), "--dry-run", "--seed", "5"]) == 0
        text = capsys.readouterr().out
        resolved, _, cost = text.partition("Tokens, operations and time")
        recipe = Recipe.model_validate(tomllib.loads(resolved))
        assert (recipe.name, recipe.seed) == (path.stem, 5)
        for name in (*recipe.stage, "evaluation", "kv cache", "total"):
            assert name in cost


def fails(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that must fail as a user's mistake; return its one message."""
    assert main(list(words)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_mistakes_end_in_one_message(
    capsys: pytest.CaptureFixture[str], quickstart: str, tmp_path: Path, taken_port: int
) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("name = 'a'\n[stage\n")
    assert "Did you mean 'learning_rate'?" in fails(capsys, "train", quickstart, "--stage.reason.learning-rat", "1")
    assert "There is no recipe at nowhere.toml." in fails(capsys, "train", "nowhere.toml")
    assert "line 2" in fails(capsys, "train", str(broken))
    assert "Did you mean 'general'?" in fails(capsys, "train", quickstart, "--only", "genral")
    assert "Put the recipe first" in fails(capsys, "train", "--seed", "3", quickstart)
    assert f"127.0.0.1:{taken_port}" in fails(capsys, "sandbox", "--port", str(taken_port))
    assert "Did you mean 'exact'?" in fails(capsys, "verify", "--verifier", "exakt", "--truth", "1", "--response", "1")
    assert "no synthetic suite named 'maths'" in fails(capsys, "data", "preview", "maths")
    assert "Did you mean 'mathematics'?" in fails(capsys, "eval", "smollm2-135m", "--suite", "mathematic")
    assert "There is no run at" in fails(capsys, "report", str(tmp_path / "none"))


def test_stages_of_a_type_the_recipe_lacks_are_a_mistake(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[stage.a]\ntype = "sft"\n')
    for command, kind in (("rl", "rl"), ("reward-model", "reward_model")):
        assert f"no stage of type '{kind}'" in fails(capsys, command, str(recipe))


def test_brackets_in_a_message_are_printed_as_they_are(capsys: pytest.CaptureFixture[str], quickstart: str) -> None:
    assert "'[bold]x[/bold]'" in fails(capsys, "train", quickstart, "[bold]x[/bold]")


@pytest.mark.parametrize("position", [0, 2])
def test_debug_shows_the_traceback_wherever_it_stands(capsys: pytest.CaptureFixture[str], position: int) -> None:
    words = ["train", "nowhere.toml"]
    words.insert(position, "--debug")
    assert main(words) == 2
    text = capsys.readouterr().err
    assert "Traceback (most recent call last)" in text
    assert "error: There is no recipe at nowhere.toml." in text


def test_a_reward_server_wants_a_token_anywhere_but_on_loopback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DARKHORSE_REWARD_TOKEN", raising=False)
    assert "without a token" in fails(capsys, "reward-server", "model", "--host", "0.0.0.0")
    assert "could not be loaded" in fails(capsys, "reward-server", "/no/such/folder")


def test_unknown_commands_and_options_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert main(["doctor", "--verbose"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "status", "message"),
    [
        (KeyboardInterrupt(), 130, ""),
        (UserError("Something is wrong.", "Mend it."), 2, "error: Something is wrong. Mend it.\n"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x.pt"), 2, "error: The disk is full at runs/x.pt."),
    ],
)
def test_what_a_command_raises_becomes_an_exit_status(
    raised: BaseException,
    status: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise raised

    monkeypatch.setattr("darkhorse.doctor.examine", fail)
    assert main(["doctor"]) == status
    assert capsys.readouterr().err.startswith(message)


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("darkhorse.doctor.examine", fail)
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def test_doctor_names_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for name in ("python", "torch", "cores", "cpu", "memory", "disk", "chromium", "embedded model", "accelerator"):
        assert name in text
    rates = {name: float(re.search(rf"{name} +([0-9.]+) ", text)[1]) for name in ("bfloat16 matmul", "float32 matmul")}
    assert all(0.001 < rate < 10_000 for rate in rates.values())


@pytest.mark.parametrize(
    ("threads", "gain", "device", "missing", "words"),
    [
        (1, 2.0, "cpu", "", "cores compute"),
        (1, 0.9, "cpu", "", "set model.dtype to float32"),
        (64, 2.0, "cpu", "no C++ compiler was found", "are not compiled (no C++ compiler was found)"),
        (64, 9.0, "cuda", "no C++ compiler was found", ""),
    ],
)
def test_doctor_says_what_is_slow(
    monkeypatch: pytest.MonkeyPatch, threads: int, gain: float, device: str, missing: str, words: str
) -> None:
    monkeypatch.setattr("psutil.cpu_count", lambda logical=True: 4)
    monkeypatch.setattr("darkhorse.doctor._HUGE_PAGES", Path("/nowhere"))
    found = "; ".join(_slow(threads, gain, device, missing))
    assert words in found if words else not found


def test_preview_shows_tasks_with_truth_and_demonstration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "preview", "mathematics", "--n", "2", "--level", "1", "--split", "held_out"]) == 0
    text = capsys.readouterr().out
    assert text.count("[truth]") == 2
    assert text.count("</think>") == 2
    assert "/held_out/" in text


def test_verify_prints_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", "--verifier", "exact", "--truth", "Paris", "--response"]
    assert main([*arguments, "Paris"]) == 0
    right = capsys.readouterr().out
    assert main([*arguments, "<think>Rome?</think>Rome"]) == 0
    wrong = capsys.readouterr().out
    assert right.startswith("score 1 (correct)")
    assert wrong.startswith("score 0 (wrong)")
    assert main([*arguments, "<think>Paris"]) == 0
    assert capsys.readouterr().out.startswith("score 0 (no_answer)")


def test_verify_judges_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("Paris", "paris"), ("Rome", "Paris"), ("Paris", {"answer": []}), ("<think>x</think>", "Paris")]
    batch, output = tmp_path / "rows.jsonl", tmp_path / "verdicts.jsonl"
    batch.write_text("".join(json.dumps({"response": r, "truth": t, "id": 1}) + "\n" for r, t in rows))
    assert main(["verify", "--verifier", "exact", "--batch", str(batch)]) == 0
    printed = capsys.readouterr().out
    assert main(["verify", "--verifier", "exact", "--batch", str(batch), "--output", str(output)]) == 0
    for text in (printed, output.read_text()):
        found = [json.loads(line) for line in text.splitlines()]
        assert [one["score"] for one in found] == [1.0, 0.0, None, 0.0]
        assert [one["reason"] for one in found] == ["correct", "wrong", "unparseable_gold", "no_answer"]
        assert all(0 <= one["seconds"] < 10 for one in found)


def test_verify_says_what_it_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = tmp_path / "rows.jsonl"
    batch.write_text('{"response": "a", "truth": "a"}\n{"response": 3, "truth": "a"}\n')
    assert "row 2: 'response'" in fails(capsys, "verify", "--verifier", "exact", "--batch", str(batch))
    assert "nothing to judge" in fails(capsys, "verify", "--verifier", "exact", "--truth", "a")
    both = fails(capsys, "verify", "--verifier", "exact", "--truth", "a", "--batch", str(batch))
    assert "--batch was given with" in both
