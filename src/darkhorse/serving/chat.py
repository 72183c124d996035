"""Talking to a model in the terminal: its thinking dimmed, its answer plain, word by word as it is sampled."""

from __future__ import annotations

import contextlib
import json
import re
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
/reset            forget the conversation; /quit (or Ctrl-D) leaves, Ctrl-C stops an answer or drops a line
A line that ends with \\ goes on in the next one; three quotation marks begin and end a text of several lines."""
_COMMANDS = {"/help", *re.findall("/[a-z]+", HELP)}
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
            while True:
                try:
                    said = _read()
                except EOFError:
                    break
                except KeyboardInterrupt:
                    screen.line()
                    screen.note("(/quit or Ctrl-D leaves)")
                    continue
                if said.command and not _obey(said.text, conversation, screen, toolbox):
                    return
                if said.text and not said.command:
                    conversation.answer(said.text)
            screen.line()


@dataclass(frozen=True)
class _Said:
    """A message or a command. Between quotation marks everything is a message."""

    text: str
    command: bool = False


def _read() -> _Said:
    """What is said next; a message may have several lines.

    Raises:
        EOFError: at the end of input.
    """
    line = input("> ")
    if line.strip().startswith(_QUOTES):
        lines = [line.strip().removeprefix(_QUOTES)]
        while not lines[-1].rstrip().endswith(_QUOTES) and (more := _next_line()) is not None:
            lines.append(more)
        lines[-1] = lines[-1].rstrip().removesuffix(_QUOTES)
        return _Said("\n".join(lines).strip())
    lines = [line]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1][:-1]
        lines.append(_next_line() or "")
    text = "\n".join(lines).strip()
    return _Said(text, text.startswith("/"))


def _next_line() -> str | None:
    """Another line of the same message; None where the input ends, and the message with it."""
    try:
        return input(". ")
    except EOFError:
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
            if command not in _COMMANDS:
                screen.note(f"(there is no command {command}; what is between {_QUOTES} is always a message)")
            screen.note(HELP)
    return True


def _save(path: Path, conversation: Conversation, screen: Screen) -> None:
    try:
        path.write_text(json.dumps(conversation.transcript(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        screen.note(f"(not saved: {error.strerror})")
    else:
        screen.note(f"(saved to {path})")
