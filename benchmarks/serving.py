"""How fast a server answers many clients at once, beside its peers on the same weights, requests and machine.

Servers take turns round by round, and those that wait are stopped. Clients in a process of their own, which read no
more of an answer than they must, ask `/v1/completions` (chat where a server has no other) with streams, all at the same
time, and each asks again when it has its answer. All answers go past the end of the turn to the length asked for,
except Transformers' server, which cannot: what it sent is what counts. Figures: tokens a second over all clients, and
the median time to a client's first token; medians over the repeats, after one that warms up. Ratios above 1 are in our
favour.

    python benchmarks/serving.py --json benchmarks/results/serving.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from _models import EMBEDDED, model_folder
from _peers import HERE, OUT, Processes, environment
from _writing import write_json
from rollout import UNWANTED, VLLM

SYSTEMS = ("darkhorse", "vllm", "transformers")
PROMPT_TOKENS = 60
START_S = 240


@dataclass
class Server:
    """A server under test.

    Attributes:
        name: of the system.
        processes: it runs in.
        url: of its API.
        model: what requests call the model.
    """

    name: str
    processes: Processes
    url: str
    model: str

    @contextmanager
    def running(self) -> Iterator[None]:
        """It computes inside the block, and stands still outside."""
        self.processes.resume()
        try:
            yield
        finally:
            self.processes.pause()

    def stop(self) -> None:
        """End it and all it started."""
        self.processes.end(grace_s=20)


@dataclass
class Round:
    """What one round of all clients gave."""

    tokens: int = 0
    seconds: float = 0.0
    first: list[float] = field(default_factory=list)


def start(name: str, folder: str, dtype: str = "bfloat16") -> Server:
    """A server that is ready, its model computing in some number type."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    model = "model"
    if name == "darkhorse":
        code = "import sys; from darkhorse.cli import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "serve", folder, "--port", port, "--name", model]
        command += ["--dtype", dtype]
    elif name == "vllm":
        python = environment("vllm", VLLM, UNWANTED)
        command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", folder, "--port", port]
        command += ["--host", "127.0.0.1", "--served-model-name", model, "--max-model-len", "8192"]
        command += ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
        command += ["--dtype", dtype, "--kv-cache-memory-bytes", str(4 << 30)]  # otherwise nearly all memory
    else:
        model = folder
        python = environment("vllm", VLLM, UNWANTED)  # which has it too
        code = "from transformers.cli.transformers import main; main()"
        command = [python, "-c", code, "serve", folder, "--port", port, "--continuous-batching", "--dtype", dtype]
        command += ["--cb-max-memory-percent", "0.15"]  # otherwise more memory than there is
    with (OUT / f"serving_{name}.log").open("w") as log:
        variables = {"VLLM_CPU_NUM_OF_RESERVED_CPU": "0"} | os.environ  # both cores compute, in all systems
        processes = Processes(command, stdout=log, stderr=log, env=variables)
    server = Server(name, processes, f"http://127.0.0.1:{port}", model)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and processes.first.poll() is None:
        try:
            if httpx.get(f"{server.url}/health", timeout=5, trust_env=False).status_code == 200:
                return server
        except httpx.HTTPError:
            time.sleep(0.5)
    server.stop()
    raise SystemExit(f"{name} did not come up; see {OUT}/serving_{name}.log")


async def events(server: Server, path: str, body: dict[str, Any]) -> AsyncIterator[bytes]:
    """The JSON texts of a streamed answer as they come. Clients share the machine with the server, and a library's
    would take a twentieth of it.
    """
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    try:
        status = await reader.readline()
        if b" 200 " not in status:
            raise SystemExit(f"{server.name} answered {status.decode().strip()}: {(await reader.read()).decode()}")
        async for line in reader:  # those between hold the headers and the sizes of chunks
            if line.startswith(b"data: {"):
                yield line[6:]
    finally:
        writer.close()


async def clients(server: Server, count: int, asks: int, new_tokens: int, seed: int) -> Round:
    """Some clients at once, each with so many requests one after the other."""
    rng = random.Random(seed)
    words = Path(HERE / "serving.py").read_text().split()
    made = Round()
    counts_itself = server.name != "transformers"

    async def ask() -> None:
        prompt = " ".join(rng.choices(words, k=PROMPT_TOKENS // 3))
        body: dict[str, Any] = {"model": server.model, "max_tokens": new_tokens, "stream": True, "temperature": 1.0}
        if counts_itself:
            path = "/v1/completions"
            body |= {"prompt": prompt, "ignore_eos": True, "stream_options": {"include_usage": True}}
        else:
            path = "/v1/chat/completions"
            body["messages"] = [{"role": "user", "content": prompt}]
        started, first, tokens, last = time.perf_counter(), 0.0, 0, b"{}"
        async for last in events(server, path, body):
            if not first or not counts_itself:
                choices = json.loads(last).get("choices", ())
                if any(choice.get("text") or choice.get("delta", {}).get("content") for choice in choices):
                    tokens += 1
                    first = first or time.perf_counter() - started
        if counts_itself:
            tokens = (json.loads(last).get("usage") or {}).get("completion_tokens")
            if tokens != new_tokens:
                raise SystemExit(f"{server.name} gave {tokens} tokens instead of {new_tokens}")
        made.tokens += tokens
        made.first.append(first)

    async def client() -> None:
        for _ in range(asks):
            await ask()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(count)))
    made.seconds = time.perf_counter() - started
    return made


def measure(servers: list[Server], count: int, repeats: int, new_tokens: int, asks: int) -> dict[str, dict[str, float]]:
    """Tokens a second and seconds to the first token with so many clients, by server."""
    rounds: dict[str, list[Round]] = {server.name: [] for server in servers}
    for seed in range(repeats):
        for server in servers:
            with server.running():
                rounds[server.name].append(asyncio.run(clients(server, count, asks, new_tokens, seed)))
    return {
        name: {
            "tokens_per_second": statistics.median(r.tokens / r.seconds for r in made),
            "first_token_s": statistics.median(statistics.median(r.first) for r in made),
        }
        for name, made in rounds.items()
    }


def figures(by_system: dict[str, dict[str, dict[str, float]]]) -> dict[str, Any]:
    """The claims, and what they come from."""
    found: dict[str, Any] = {"systems": by_system}
    ours = by_system.get("darkhorse", {})
    for peer in [name for name in by_system if name != "darkhorse"]:
        for count in ours.keys() & by_system[peer].keys():
            us, them = ours[count], by_system[peer][count]
            found[f"vs_{peer}_{count}"] = us["tokens_per_second"] / them["tokens_per_second"]
            found[f"ttft_vs_{peer}_{count}"] = them["first_token_s"] / us["first_token_s"]
    return found


def print_table(by_system: dict[str, dict[str, dict[str, float]]]) -> None:
    """Tokens a second, and milliseconds to the first token in brackets."""
    table = Table(title="tokens per second (ms to the first token)")
    table.add_column("clients")
    for name in by_system:
        table.add_column(name, justify="right")
    for count in next(iter(by_system.values())):
        cells = (found.get(count) for found in by_system.values())
        row = [f"{c['tokens_per_second']:.0f} ({1000 * c['first_token_s']:.0f})" if c else "-" for c in cells]
        table.add_row(count, *row)
    Console(width=100).print(table)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 64])
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--asks", type=int, default=2, help="requests of each client, one after the other")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="systems that are not measured keep the figures it holds")
    arguments = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    before = arguments.json is not None and arguments.json.exists()
    by_system: dict[str, Any] = json.loads(arguments.json.read_text())["systems"] if before else {}
    folder = model_folder(arguments.model)
    with ExitStack() as ending:
        servers = []
        for name in arguments.systems:
            servers.append(start(name, folder))
            ending.callback(servers[-1].stop)
            with servers[-1].running():
                asyncio.run(clients(servers[-1], max(arguments.clients), 1, 8, 999))
            by_system[name] = {}
        for count in arguments.clients:
            found = measure(servers, count, arguments.repeats, arguments.new_tokens, arguments.asks)
            for name, of_server in found.items():
                by_system[name][str(count)] = of_server
            print(f"{count} clients: {found}", flush=True)
            write_json(arguments.json, figures(by_system))
    print_table(by_system)


if __name__ == "__main__":
    main()
