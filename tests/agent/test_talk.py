"""A conversation with tools: the command line's, with a scripted model and real tools."""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import tiny
from darkhorse.agent.talk import conversation_tools, converse
from darkhorse.chat.renderer import Renderer
from darkhorse.config.rollout import AgentConfig
from darkhorse.errors import UserError
from darkhorse.rollout.engine import SamplingParams
from darkhorse.serving import chat as serving
from darkhorse.tasks.synthetic.agentic.turns import calls, says
from tiny_recipe import darkhorse, tiny_model  # noqa: F401

RENDERER = Renderer(tiny.tokenizer())


def scripted(*turns: str) -> tiny.ScriptedEngine:
    said = iter(turns)
    return tiny.ScriptedEngine(RENDERER, lambda *_: next(said))


def test_tools_keep_their_state_from_answer_to_answer(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The key is under the pot.")
    turns = (
        calls("Search and set.", "search", {"query": "key"})["content"]
        + calls("", "python", {"code": "x = 20"})["content"].partition("</think>")[2],
        says("Found.", "Under the pot.")["content"],
        calls("Use x.", "python", {"code": "x + 1"})["content"],
        says("So.", "21")["content"],
    )
    heard = []
    with conversation_tools("python,search", tmp_path, None) as tools:
        engine = scripted(*turns)
        for _ in range(2):
            messages = [{"role": "user", "content": "?"}]
            talk = converse(
                engine, RENDERER, messages, tools, SamplingParams(max_tokens=99), AgentConfig(), heard.append
            )
            trajectory = asyncio.run(talk)
            assert trajectory.failure is None
    assert [m["content"] for m in heard if m["role"] == "tool"] == [
        "[a.txt] The key is under the pot.", "(no output)", "21",
    ]  # fmt: skip
    assert trajectory.response.answer == "21"


def test_the_terminal_shows_thinking_calls_and_results(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tiny.policy()
    turns = [calls("I compute.", "calculator", {"expression": "6*7"}), says("It is 42.", "42 \x1b[31m!")]
    left = [[*RENDERER.encode(turn["content"]), RENDERER.end_of_turn] for turn in turns]

    class Engine:
        def __init__(self, policy, max_sequences, on_token):
            self._engine = tiny.ScriptedEngine(RENDERER, lambda *_: left.pop(0))
            self._on_token = on_token

        async def generate(self, requests):
            async for completion in self._engine.generate(requests):
                for token in completion.tokens:
                    self._on_token(completion.request, completion.sample, token)
                yield completion

    monkeypatch.setattr(serving, "LocalEngine", Engine)
    out = io.StringIO()
    console = Console(file=out, highlight=False, width=100, force_terminal=True, color_system="standard")
    with conversation_tools("calculator", None, None) as tools:
        conversation = serving._Conversation(policy, console, 0.6, 64, tools)
        conversation.answer("What is 6*7?")
    printed = out.getvalue()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    places = [plain.index(text) for text in ("I compute.", '"calculator"', "[tool] 42", "It is 42.")]
    assert places == sorted(places)
    assert "\x1b[2mI" in printed, "thinking is dimmed"
    assert "\x1b[31m" not in printed, "what a model writes does not steer the terminal"
    assert [message["role"] for message in conversation._messages] == ["user", "assistant", "tool", "assistant"]


def test_the_command_line_takes_tools(tiny_model: Path, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "notes.md").write_text("The key is under the pot.")
    options = ("--tools", "python,search", "--max-tokens", "6")
    done = darkhorse("chat", str(tiny_model), *options, cwd=tmp_path, text="hello\n/quit\n")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "this turn is not remembered" in done.stdout, "six tokens are no answer"
    wrong = darkhorse("chat", str(tiny_model), "--tools", "serach", cwd=tmp_path, text="")
    assert wrong.returncode == 2 and "Did you mean 'search'" in wrong.stderr


def test_unknown_tools_are_the_users_to_mend() -> None:
    with pytest.raises(UserError, match="Did you mean 'search'"), conversation_tools("serach", None, None):
        pass
