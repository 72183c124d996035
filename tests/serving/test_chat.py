"""Chat in the terminal, on a model of random weights and on scripted ones."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

import tiny
from darkhorse.chat.renderer import Renderer
from darkhorse.errors import UserError
from darkhorse.serving import chat
from darkhorse.serving.conversation import Conversation
from darkhorse.serving.model import Answer, ContextFull, Model
from darkhorse.serving.replies import Form, Piece, Reply
from darkhorse.serving.screen import Screen
from darkhorse.serving.toolbox import Toolbox
from tiny_recipe import command, darkhorse, environment, tiny_model  # noqa: F401

RENDERER = Renderer(tiny.tokenizer())


def console(terminal: bool = False) -> Console:
    return Console(
        file=io.StringIO(),
        highlight=False,
        width=40,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
    )


def printed(screen: Screen) -> str:
    return screen._console.file.getvalue()


def shown(text: str, terminal: bool = False, folded: bool = False) -> str:
    """What a screen shows of a text."""
    screen, reply = Screen(console(terminal)), Reply(RENDERER, Form())
    screen.folded = folded
    for piece in [piece for token in RENDERER.encode(text) for piece in reply.add(token)] + reply.end():
        screen.show(piece)
    screen.end()
    return printed(screen)


def test_thinking_is_dimmed_and_the_answer_is_not() -> None:
    thinking, _, answer = shown("two and two\n</think>\n\nfour.", terminal=True).partition("f")
    assert "\x1b[2mt" in thinking
    assert "</think>" not in thinking + answer
    assert not thinking.endswith("\x1b[2m") and "\x1b[2m" not in answer


def test_thinking_can_be_folded_and_shown_later() -> None:
    assert shown("two and two\n</think>\n\nfour.", folded=True) == "(thinking; /fold shows it)\nfour.\n"
    screen = Screen(console())
    screen.folded = True
    for piece in (Piece("reasoning", "two "), Piece("reasoning", "and two"), Piece("content", "four")):
        screen.show(piece)
    screen.unfold()
    assert printed(screen).endswith("two and two\n")


def test_a_model_cannot_steer_the_terminal() -> None:
    assert shown("\x1b[2J\x07[bold]x[/bold] :smile:</think>\x9b31m") == "[2J[bold]x[/bold] :smile:\n31m\n"


class ScriptedModel(Model):
    """Says what the script says; a KeyboardInterrupt in it is raised. Long messages do not fit."""

    context = 3000

    def __init__(self, script: list[object]) -> None:
        self.script, self.asked, self.settings = script, [], []

    def stream(self, messages, tools=(), *, thinks=True, least_room=1, into=None, **settings):
        self.asked.append(RENDERER.decode(RENDERER.prompt(messages, tools)))
        self.settings.append(settings | {"thinks": thinks})
        if len(self.asked[-1]) + least_room > self.context:
            raise ContextFull("full")
        said, into = self.script.pop(0), into or Answer()
        if said is KeyboardInterrupt:
            raise KeyboardInterrupt
        reply = Reply(RENDERER, Form(thinks, bool(tools)))
        for piece in [piece for token in RENDERER.encode(said) for piece in reply.add(token)] + reply.end():
            if piece.call is not None:
                into.calls.append(piece.call)
            elif piece.kind == "content":
                into.content += piece.text
            else:
                into.reasoning += piece.text
            yield piece


def talk(
    script: list[object], toolbox: Toolbox | None = None, max_tokens: int | None = 8
) -> tuple[Conversation, ScriptedModel, Screen]:
    screen, model = Screen(console()), ScriptedModel(script)
    return Conversation(model, screen, toolbox or Toolbox(), {"temperature": 0.0}, max_tokens), model, screen


def test_history_holds_answers_without_thinking() -> None:
    conversation, model, screen = talk(
        ["hmm\n</think>\n\nfour", "only thinking", KeyboardInterrupt, "x</think>five", "y</think>six"]
    )
    for question in ("2 + 2?", "lost?", "stopped?", "and 1?", "last"):
        conversation.answer(question)
    history = model.asked[-1]
    assert "four<|im_end|>" in history and "five<|im_end|>" in history
    assert not any(word in history for word in ("hmm", "lost?", "stopped?"))
    assert "(no answer: this turn is not remembered)" in printed(screen) and "(stopped;" in printed(screen)
    assert conversation.transcript()["messages"][1]["reasoning_content"] == "hmm"
    conversation.reset()
    assert conversation.transcript()["messages"] == []


def test_tools_are_called_shown_and_answered() -> None:
    call = '<tool_call>\n{"name": "%s", "arguments": {"expression": "6*7"}}\n</tool_call>'
    toolbox = Toolbox()
    toolbox.choose("calculator")
    script = ["t</think>" + call % "calculator" + call % "unknown", "u</think>It is 42."]
    conversation, model, screen = talk(script, toolbox)
    conversation.answer("6*7?")
    assert "→ calculator(" in printed(screen) and "← 42" in printed(screen) and "It is 42." in printed(screen)
    assert "<tool_response>\n42\n</tool_response>" in model.asked[1]
    assert "Error: there is no tool 'unknown'" in model.asked[1]
    roles = [message["role"] for message in conversation.transcript()["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "assistant"]
    with pytest.raises(UserError, match="Did you mean 'calculator'"):
        toolbox.choose("calculater")


def test_a_call_that_cannot_be_read_comes_back_as_an_error() -> None:
    broken = '<tool_call>\n{"name": "calculator", "arguments": {"expression": "6*7"}\n</tool_call>'
    call = '<tool_call>\n{"name": "calculator", "arguments": {"expression": "6*7"}}\n</tool_call>'
    toolbox = Toolbox()
    toolbox.choose("calculator")
    conversation, model, screen = talk(["t</think>" + broken, "u</think>" + call, "v</think>It is 42."], toolbox)
    conversation.answer("6*7?")
    assert "Error: the call could not be read: not valid JSON" in model.asked[1]
    assert "<tool_response>\n42\n</tool_response>" in model.asked[2] and "It is 42." in printed(screen)
    roles = [message["role"] for message in conversation.transcript()["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    without_tools, model, _ = talk(["t</think>" + broken])
    without_tools.answer("6*7?")
    assert len(model.asked) == 1


def test_the_oldest_turns_make_room() -> None:
    conversation, _, screen = talk(["</think>one", "</think>two"])
    conversation.answer("first " * 400)
    conversation.answer("second " * 200)
    contents = [message["content"] for message in conversation.transcript()["messages"]]
    assert contents == [("second " * 200), "two"] and "the oldest turn is forgotten" in printed(screen)
    conversation.answer("third " * 1000)
    assert "does not fit" in printed(screen)


def test_old_turns_leave_an_answer_some_room() -> None:
    conversation, model, screen = talk(["</think>one", "</think>two"], max_tokens=None)
    conversation.answer("first " * 450)
    conversation.answer("second")
    assert len(model.asked[1]) < model.context, "it would fit, but with no room for an answer"
    assert "first" not in model.asked[2] and "the oldest turn is forgotten" in printed(screen)


def test_a_message_that_got_no_answer_is_asked_again_beside_the_one_before() -> None:
    conversation, model, _ = talk(["</think>one", KeyboardInterrupt, "</think>two", "</think>three"])
    conversation.answer("hello")
    conversation.answer("hello")
    conversation.retry()
    assert model.asked[2].count("hello") == 2
    conversation.retry()
    assert [m["content"] for m in conversation.transcript()["messages"]] == ["hello", "one", "hello", "three"]


def test_commands(tmp_path: Path) -> None:
    conversation, model, screen = talk(["</think>one", "plain", "</think>two"])
    toolbox = Toolbox()

    def obey(line: str) -> bool:
        return chat._obey(line, conversation, screen, toolbox)

    assert obey("/retry") and "nothing to answer" in printed(screen)
    assert obey("/system Be brief.") and obey("/tools calculator") and toolbox.names == ["calculator"]
    conversation.answer("hello")
    assert "Be brief." in model.asked[0] and model.settings[0] == {"temperature": 0.0, "max_tokens": 8, "thinks": True}
    assert obey("/think off") and obey("/retry") and model.settings[1]["thinks"] is False
    assert obey("/think on") and obey("/retry") and obey(f"/save {tmp_path}/talk.json")
    saved = json.loads((tmp_path / "talk.json").read_text())["messages"]
    assert [message["content"] for message in saved] == ["Be brief.", "hello", "two"]
    assert obey("/save /nowhere/x") and "not saved" in printed(screen)
    assert obey("/tools nonsense") and "There is no tool" in printed(screen)
    assert obey("/tools") and toolbox.names == []
    assert obey("/fold on") and screen.folded and obey("/fold off") and not screen.folded
    assert obey("/what") and "no command /what" in printed(screen) and "/think on|off" in printed(screen)
    assert obey("/save") and "no command /save" not in printed(screen)
    assert not obey("/quit")


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["a\\", "b\\", " c "], "a\nb\n c"),
        (['"""a', " b", 'c"""'], "a\n b\nc"),
        (['"""a"""'], "a"),
        (['"""/* no', 'command */"""'], "/* no\ncommand */"),
        (["\\", ""], ""),
        (["a\\"], "a"),
        (['"""a', "b"], "a\nb"),
    ],
)
def test_messages_of_several_lines(lines: list[str], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def line(prompt: str) -> str:
        if not lines:
            raise EOFError
        return lines.pop(0)

    monkeypatch.setattr("builtins.input", line)
    assert chat._read() == chat._Said(text)
    with pytest.raises(EOFError):
        chat._read()


def test_a_scripted_session(tiny_model: Path, tmp_path: Path) -> None:  # noqa: F811
    done = darkhorse(
        "chat", str(tiny_model), "--max-tokens", "6", cwd=tmp_path, text="hello\n\n/what\n/reset\nagain\n/quit\nnever\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("cut off at --max-tokens") == 2
    assert done.stdout.count("/quit (or Ctrl-D) leaves") == 2
    assert done.stdout.count("(forgotten)") == 1


@pytest.mark.parametrize("ignored", [False, True])
def test_control_c_stops_an_answer_and_the_end_of_input_leaves(
    tiny_model: Path,  # noqa: F811
    tmp_path: Path,
    ignored: bool,
) -> None:
    """Also where the signal is ignored in what starts us: a shell does so in what it starts in the background."""
    endless = shutil.copytree(tiny_model, tmp_path / "endless")  # however late the signal comes, it is still talking
    config = json.loads((endless / "config.json").read_text())
    (endless / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 1_000_000}))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command("chat", str(endless)),
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    read = b""
    while b"> " not in read or len(read.partition(b"> ")[2]) < 20:  # an answer is being streamed
        read += process.stdout.read1(64)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, b"")
    assert b"(stopped" in rest


def test_control_c_drops_a_line_and_the_chat_goes_on(tiny_model: Path, tmp_path: Path) -> None:  # noqa: F811
    """In a terminal of its own."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        words = command("chat", str(tiny_model), "--max-tokens", "3")
        os.execvpe(words[0], words, environment())
    read = ""

    def until(text: str, again: bytes = b"") -> None:
        """Read so far; `again` is typed once more after each silence, since it may have come before it was heard."""
        nonlocal read
        silences = 0
        while text not in read:
            if select.select([terminal], [], [], 3.0)[0]:
                read += os.read(terminal, 4096).decode(errors="replace")
            else:
                silences += 1
                assert silences < 20, read
                os.write(terminal, again)
        read = read.partition(text)[2]

    try:
        until("stops an answer")
        until("> ")
        os.write(terminal, b"half a line\x03")
        until("or Ctrl-D leaves", again=b"\x03")
        until("> ")
        os.write(terminal, b"whole\n")
        until("> ")
        os.write(terminal, b"/save talk.json\n/quit\n")
        until("saved to")
    finally:
        os.close(terminal)  # hangs up
    os.waitpid(pid, 0)


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
    monkeypatch.setattr("darkhorse.serving.chat.chat", lambda model, options: setattr(called, "model", model))
    assert cli.main(["chat", str(run)]) == 0
    assert Path(called.model) == tiny_model.resolve()
    (run / "model").unlink()
    assert cli.main(["chat", str(run)]) == 2
