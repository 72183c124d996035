"""Chat in the terminal, on a model of random weights and on scripted streams."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from darkhorse.config.model import ModelConfig
from darkhorse.policy.loading import Policy, load_policy
from darkhorse.serving.chat import _Conversation, _Stream
from tiny_recipe import command, darkhorse, environment, tiny_model  # noqa: F401


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:  # noqa: F811
    return load_policy(ModelConfig(name=str(tiny_model)))


def stream_of(policy: Policy, text: str, terminal: bool = False) -> tuple[str, list[str]]:
    """What a stream prints for a text, in all and after each token."""
    out = io.StringIO()
    console = Console(
        file=out, highlight=False, width=40, force_terminal=terminal, color_system="standard" if terminal else None
    )
    stream = _Stream(policy, console)
    seen = []
    for token in policy.renderer.encode(text):
        stream.add(token)
        seen.append(out.getvalue())
    assert stream.finish() == text
    return out.getvalue(), seen


def test_thinking_is_dimmed_and_the_answer_is_not(policy: Policy) -> None:
    printed, _ = stream_of(policy, "two and two\n</think>\n\nfour.", terminal=True)
    thinking, _, answer = printed.partition("four")
    assert "\x1b[2mtwo" in thinking
    assert "</think>" not in printed
    assert not thinking.endswith("\x1b[2m") and "\x1b[2m" not in answer


@pytest.mark.parametrize(
    "text", ["a < b </thin air, so </think>\n\n1 < 2", "naïve 🦄 ünïcode </think> 北京 🦄", "no end"]
)
def test_everything_is_printed_once_and_nothing_taken_back(policy: Policy, text: str) -> None:
    printed, seen = stream_of(policy, text)
    assert printed == text.replace("</think>", "") + "\n"
    assert all(printed.startswith(part) for part in seen)
    assert not any("�" in part for part in seen)
    assert len({len(part) for part in seen}) > 1


def test_a_model_cannot_steer_the_terminal(policy: Policy) -> None:
    printed, _ = stream_of(policy, "\x1b[2J\x07[bold]x[/bold] :smile:</think>\x9b31m")
    assert printed == "[2J[bold]x[/bold] :smile:31m\n"


def scripted(policy: Policy, answers: list[str], monkeypatch: pytest.MonkeyPatch) -> _Conversation:
    """A conversation whose model says what the script says."""

    async def say(self: _Conversation, prompt: list[int], room: int, stream: _Stream) -> None:
        for token in [*policy.renderer.encode(answers.pop(0)), policy.renderer.end_of_turn]:
            stream.add(token)

    monkeypatch.setattr(_Conversation, "_sample", say)
    return _Conversation(policy, Console(file=io.StringIO()), 0.0, 8)


def test_history_holds_answers_without_thinking(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = scripted(policy, ["hmm\n</think>\n\nfour", "only thinking", "x</think>five"], monkeypatch)
    for question in ("2 + 2?", "lost?", "and 1?"):
        conversation.answer(question)
    history = policy.renderer.decode(
        policy.renderer.prompt([*conversation._messages, {"role": "user", "content": "?"}])
    )
    assert "four<|im_end|>" in history and "five<|im_end|>" in history
    assert "hmm" not in history and "lost?" not in history
    conversation.reset()
    assert conversation._messages == []


def test_a_conversation_too_long_for_the_model_says_so(policy: Policy) -> None:
    out = io.StringIO()
    _Conversation(policy, Console(file=out, width=200), 0.0, 8).answer("word " * 2000)
    assert "/reset" in out.getvalue()


def test_a_scripted_session(tiny_model: Path, tmp_path: Path) -> None:  # noqa: F811
    done = darkhorse(
        "chat", str(tiny_model), "--max-tokens", "6", cwd=tmp_path, text="hello\n\n/what\n/reset\nagain\n/quit\nnever\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("cut off at --max-tokens") == 2
    assert done.stdout.count("/quit (or Ctrl-D) leaves") == 2
    assert done.stdout.count("(forgotten)") == 1


def test_control_c_stops_an_answer_and_the_end_of_input_leaves(tiny_model: Path, tmp_path: Path) -> None:  # noqa: F811
    endless = shutil.copytree(tiny_model, tmp_path / "endless")  # however late the signal comes, it is still talking
    config = json.loads((endless / "config.json").read_text())
    (endless / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 1_000_000}))
    process = subprocess.Popen(
        command("chat", str(endless), "--max-tokens", "900000"),
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    read = b""
    while b"> " not in read or len(read.partition(b"> ")[2]) < 20:  # an answer is being streamed
        read += process.stdout.read1(64)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, b"")
    assert b"(stopped)" in rest


def test_a_run_folder_stands_for_its_last_model(
    tiny_model: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from darkhorse import cli

    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.toml").touch()
    (run / "model").symlink_to(tiny_model)
    called = SimpleNamespace(model="")
    monkeypatch.setattr("darkhorse.serving.chat.chat", lambda model, **_: setattr(called, "model", model))
    assert cli.main(["chat", str(run)]) == 0
    assert Path(called.model) == tiny_model.resolve()
    (run / "model").unlink()
    assert cli.main(["chat", str(run)]) == 2
