"""Talking to a model in the terminal: its thinking dimmed, its answer plain, word by word as it is sampled."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from darkhorse.agent.tools import tool_names
from darkhorse.errors import UserError
from darkhorse.serving.conversation import Conversation
from darkhorse.serving.model import load
from darkhorse.serving.screen import Screen
from darkhorse.serving.toolbox import Toolbox

HELP = """\
/system TEXT      set the system message; without TEXT take it away
/tools NAMES      let the model call tools, e.g. /tools python,calculator; without NAMES none
/think on|off     whether the model thinks before it answers
/fold on|off      show thinking as one line; /fold alone shows the last one whole
/retry            answer the last message again
/save FILE        write the conversation as JSON
/reset            forget the conversation; /quit (or Ctrl-D) leaves, Ctrl-C stops an answer
A line that ends with \\ goes on in the next one; three quotation marks begin and end a text of several lines."""
_QUOTES = '"""'


@dataclass(frozen=True)
class ChatOptions:
    """How a chat is set up.

    Attributes:
        temperature: of the sampling; 0 is greedy. Top-p and top-k are QwQ's recommended 0.95 and 40.
        max_tokens: most tokens of one answer, thinking included; as many as fit when None.
        context: most tokens of the conversation; beyond the model's window YaRN stretches it.
        tools: names of tools, with commas between.
        system: system message; none when empty.
        corpus: what the tool `search` looks in; the current folder when None.
        database: the SQLite file that the tool `sql` reads.
    """

    temperature: float = 0.6
    max_tokens: int | None = None
    context: int | None = None
    tools: str = ""
    system: str = ""
    corpus: Path | None = None
    database: Path | None = None


def chat(model: str, options: ChatOptions) -> None:
    """Read messages from standard input and answer them until `/quit` or the end of input.

    Args:
        model: a name as `[model] name` takes it, or a checkpoint folder.
        options: how the chat is set up.

    Raises:
        UserError: if the model or a tool does not exist.
    """
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  gives `input` line editing and a history
    if threading.current_thread() is threading.main_thread():
        # shells have it ignored in what they start in the background; Ctrl-C is to work all the same
        signal.signal(signal.SIGINT, signal.default_int_handler)
    screen = Screen(Console(highlight=False))
    with Toolbox(options.corpus, options.database) as toolbox:
        toolbox.choose(options.tools)
        with load(model, options.context, max_sequences=1) as loaded:
            settings = {"temperature": options.temperature}
            conversation = Conversation(loaded, screen, toolbox, settings, options.max_tokens, options.system)
            screen.note("/help lists the commands; /quit (or Ctrl-D) leaves, Ctrl-C stops an answer.")
            while (text := _read()) is not None:
                if text.startswith("/"):
                    if not _obey(text, conversation, screen, toolbox):
                        return
                elif text:
                    conversation.answer(text)
            screen.line()


def _read() -> str | None:
    """A message or a command; None at the end of input. A message may have several lines."""
    try:
        line = input("> ")
        if line.strip().startswith(_QUOTES):
            lines = [line.strip().removeprefix(_QUOTES)]
            while not lines[-1].rstrip().endswith(_QUOTES):
                lines.append(input(". "))
            lines[-1] = lines[-1].rstrip().removesuffix(_QUOTES)
            return "\n".join(lines).strip()
        lines = [line]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(input(". "))
        return "\n".join(lines).strip()
    except (EOFError, KeyboardInterrupt):
        return None


def _obey(line: str, conversation: Conversation, screen: Screen, toolbox: Toolbox) -> bool:
    """Carry out a command; whether the chat goes on."""
    command, _, rest = line.partition(" ")
    rest = rest.strip()
    match command:
        case "/quit" | "/exit":
            return False
        case "/reset":
            conversation.reset()
            screen.note("(forgotten)")
        case "/system":
            conversation.system = rest
            screen.note("(the system message is set)" if rest else "(no system message)")
        case "/tools":
            try:
                toolbox.choose(rest)
                screen.note(f"(tools: {', '.join(toolbox.names) or 'none'}; there are {', '.join(tool_names())})")
            except UserError as error:
                screen.note(f"({error})")
        case "/think" | "/fold" if rest in ("on", "off"):
            if command == "/think":
                conversation.thinks = rest == "on"
            else:
                screen.folded = rest == "on"
            screen.note(f"({command[1:]} {rest})")
        case "/fold":
            screen.unfold()
        case "/retry":
            conversation.retry()
        case "/save" if rest:
            _save(Path(rest).expanduser(), conversation, screen)
        case _:
            screen.note(HELP)
    return True


def _save(path: Path, conversation: Conversation, screen: Screen) -> None:
    try:
        path.write_text(json.dumps(conversation.transcript(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        screen.note(f"(not saved: {error.strerror})")
    else:
        screen.note(f"(saved to {path})")
