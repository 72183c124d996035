"""What a chat shows: thinking dimmed or folded, the answer plain, calls and notes."""

from __future__ import annotations

import unicodedata

from rich.console import Console

from darkhorse.serving.replies import Piece


class Screen:
    """Prints pieces as they come.

    Args:
        console: where to.

    Attributes:
        folded: whether thinking shows as one line.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.folded = False
        self._thinking = ""
        self._kind = ""

    def show(self, piece: Piece) -> None:
        """Print a piece of a reply."""
        if self._kind and (piece.kind != self._kind or piece.kind == "call"):
            self.line()
        if piece.kind == "reasoning":
            self._thinking = self._thinking + piece.text if self._kind == "reasoning" else piece.text
            if not self.folded:
                self._print(piece.text, "dim")
            elif self._kind != "reasoning":
                self._print("(thinking; /fold shows it)", "dim")
        elif piece.call is not None:
            self._print(f"→ {piece.call.name}({piece.call.arguments})", "cyan")
        else:
            self._print(piece.text, "")
        self._kind = piece.kind

    def result(self, text: str) -> None:
        """What a tool answered."""
        self.end()
        self._print(f"← {text}\n", "green")

    def end(self) -> None:
        """The end of a reply: end its line."""
        if self._kind:
            self.line()
        self._kind = ""

    def unfold(self) -> None:
        """Print the last thinking whole."""
        self._print(f"{self._thinking or '(no thinking yet)'}\n", "dim")

    def note(self, text: str) -> None:
        """A word from the program itself."""
        self._print(f"{text}\n", "dim")

    def line(self) -> None:
        """End a line."""
        self._console.print()

    def _print(self, text: str, style: str) -> None:
        # what a model writes must not steer the terminal
        safe = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
        if safe:
            self._console.print(safe, style=style, end="", markup=False, emoji=False, soft_wrap=True)
