"""A small folder of benchmark data made here, and a server that answers as a model would."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Reply = dict[str, Any]


def write_data(folder: Path, problems: int = 6) -> Path:
    """AIME, IFEval and BFCL in miniature, laid out as the real data."""
    _lines(
        folder / "qwq_eval" / "aime24.jsonl",
        [{"prompt": f"What is {n} + {n}?", "answer": 2 * n} for n in range(10, 10 + problems)],
    )
    _lines(
        folder / "qwq_eval" / "ifeval.jsonl",
        [
            {
                "prompt": f"Name {n} birds. Use no commas.",
                "instruction_id_list": ["punctuation:no_comma"],
                "kwargs": [{}],
            }
            for n in range(problems)
        ],
    )
    area = {
        "name": "geo.area",
        "description": "Area of a square.",
        "parameters": {"type": "dict", "properties": {"side": {"type": "integer"}}, "required": ["side"]},
    }
    bfcl = folder / "bfcl" / "data"
    questions = [
        {"id": f"simple_python_{n}", "question": [[{"role": "user", "content": f"Square of side {n}?"}]],
         "function": [area]}
        for n in range(problems)
    ]  # fmt: skip
    answers = [{"id": f"simple_python_{n}", "ground_truth": [{"geo.area": {"side": [n]}}]} for n in range(problems)]
    _lines(bfcl / "BFCL_v4_simple_python.json", questions)
    _lines(bfcl / "possible_answer" / "BFCL_v4_simple_python.json", answers)
    _lines(bfcl / "multi_turn_func_doc" / "math_api.json", [])
    return folder


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def sums(body: dict[str, Any]) -> Reply:
    """Adds up right about two times in three, by the seed, after thinking."""
    text = body["messages"][-1]["content"]
    numbers = [int(found) for found in re.findall(r"\d+", text)]
    digest = hashlib.sha256(json.dumps([text, body.get("seed")]).encode()).digest()[0]
    total = sum(numbers) + (digest % 3 == 0)
    return {
        "choices": [
            {
                "message": {"role": "assistant", "content": f"I add.\n</think>\n\nSo \\boxed{{{total}}}"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": len(text.split()), "completion_tokens": 5 + digest % 7},
    }


class Server:
    """An OpenAI-compatible server.

    Attributes:
        url: its base URL.
        bodies: what it was asked.
        headers: of the last request.
        refusals: statuses it answers with first, with a body of its own each.
    """

    def __init__(self, answer: Callable[[dict[str, Any]], Reply], pause_s: float) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.refusals: list[tuple[int, str | bytes]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                owner.bodies.append(body)
                owner.headers = dict(self.headers)
                time.sleep(pause_s)
                status, text = 200, ""  # type: int, str | bytes
                if owner.refusals:
                    status, text = owner.refusals.pop(0)
                content = text if isinstance(text, bytes) else (text or json.dumps(answer(body))).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(answer: Callable[[dict[str, Any]], Reply] = sums, pause_s: float = 0.0) -> Iterator[Server]:
    """A server for as long as the block."""
    server = Server(answer, pause_s)
    try:
        yield server
    finally:
        server.close()
