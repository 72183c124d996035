"""`darkhorse serve` as a process: readiness, draining, refusals; vLLM's and Node's sides of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess

import httpx
import pytest
from served import ScriptedBackend, running

import tiny
from darkhorse.chat.renderer import Renderer
from darkhorse.serving.server import READY
from darkhorse.serving.vllm import _events
from tiny_recipe import command, darkhorse, environment

TEXT = {"model": "tiny", "prompt": "hello", "max_tokens": 300, "ignore_eos": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return str(tiny.folder(tmp_path_factory.mktemp("models") / "tiny"))


def started(*words, cwd, extra=None):
    process = subprocess.Popen(
        command("serve", *words, "--port", "0"),
        cwd=cwd,
        env=environment() | (extra or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    assert line.startswith(READY), line + process.stderr.read()
    return process, line.removeprefix(READY).strip()


def test_a_server_drains_before_it_ends(folder, tmp_path):
    process, url = started(folder, "--name", "tiny", "--api-key", "k", cwd=tmp_path)
    headers = {"Authorization": "Bearer k"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        client.get("/health").raise_for_status()
        with client.stream("POST", "/v1/completions", json=TEXT | {"stream": True}) as answer:
            lines = answer.iter_lines()
            next(lines)
            process.send_signal(signal.SIGTERM)
            while (health := httpx.get(f"{url}/health")).status_code == 200:  # it may not have heard yet
                pass
            refused = httpx.post(f"{url}/v1/completions", json=TEXT, headers=headers)
            rest = list(lines)
    assert health.status_code == 503 and health.json()["status"] == "draining"
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
    assert refused.headers["retry-after"] == "1"
    assert rest[-2] == "data: [DONE]" and json.loads(rest[-4][6:])["choices"][0]["finish_reason"] == "length"
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


def test_what_outlasts_the_draining_ends_with_an_error(folder, tmp_path):
    process, url = started(folder, "--name", "tiny", "--drain", "0", cwd=tmp_path)
    with httpx.stream("POST", f"{url}/v1/completions", json=TEXT | {"stream": True, "max_tokens": 4000}) as answer:
        lines = answer.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]" and json.loads(rest[-2][6:])["error"]["code"] == "draining"
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "DARKHORSE_API_KEY"),
        (["--engine", "vllm"], "darkhorse[cluster]"),
        (["--port", "1", "--host", "256.0.0.1", "--api-key", "k"], "cannot listen"),
    ],
)
def test_what_cannot_be_served_is_said(folder, tmp_path, words, said):
    done = darkhorse("serve", folder, *words, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


STUB = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def say(self, text):
        self.send_response(200); self.end_headers(); self.wfile.write(text.encode())
    def do_GET(self):
        self.say(json.dumps({"data": [{"max_model_len": 4096}]}))
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert body["return_token_ids"] and body["stop_token_ids"] and isinstance(body["prompt"], list)
        events = [{"choices": [{"index": 0, "token_ids": [token]}]} for token in TOKENS]
        events[-1]["choices"][0]["finish_reason"] = "stop"
        self.say("".join(f"data: {json.dumps(event)}\\n\\n" for event in events) + "data: [DONE]\\n\\n")
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


def test_vllm_is_started_and_given_tokens(folder, tmp_path):
    """On a stand-in that speaks its part of vLLM's API."""
    package = tmp_path / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for place in (package, package.parent, package.parent.parent):
        (place / "__init__.py").touch()
    renderer = Renderer(tiny.tokenizer())
    tokens = [*renderer.encode("I add.\n</think>\n\nfour"), renderer.end_of_turn]
    (package / "api_server.py").write_text(STUB.replace("TOKENS", repr(tokens)))
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    process, url = started(folder, "--name", "tiny", "--engine", "vllm", cwd=tmp_path, extra={"PYTHONPATH": path})
    try:
        ask = {"model": "tiny", "messages": [{"role": "user", "content": "2 + 2?"}]}
        (choice,) = httpx.post(f"{url}/v1/chat/completions", json=ask, timeout=60).json()["choices"]
        assert choice["message"]["content"] == "four" and choice["message"]["reasoning_content"] == "I add."
        assert choice["finish_reason"] == "stop"
        assert httpx.get(f"{url}/health").json()["running"] == 0
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_vllms_log_probabilities_are_read():
    logprobs = {
        "token_logprobs": [-0.5],
        "top_logprobs": [{"token_id:8": -2.0, "token_id:7": -0.5}],
    }
    line = "data: " + json.dumps({"choices": [{"index": 1, "token_ids": [7], "logprobs": logprobs}]})
    (fewer,), (drawn,) = _events(line, 1), _events(line, 2)
    assert fewer.likeliest.tokens == ((7, -0.5),)
    assert (drawn.sample, drawn.token, drawn.likeliest.logprob) == (1, 7, -0.5)
    assert drawn.likeliest.tokens == ((7, -0.5), (8, -2.0))
    with pytest.raises(ValueError, match="no such"):
        _events('data: {"error": "no such model"}', 0)


NODE = """
const OpenAI = require("openai");
const client = new OpenAI({baseURL: process.argv[1] + "/v1", apiKey: "none", maxRetries: 0});
const ask = {model: "tiny", messages: [{role: "user", content: "2 + 2?"}]};
(async () => {
  const whole = (await client.chat.completions.create(ask)).choices[0].message;
  let streamed = "";
  for await (const chunk of await client.chat.completions.create({...ask, stream: true}))
    streamed += chunk.choices[0]?.delta?.content ?? "";
  const wrong = client.chat.completions.create({...ask, model: "x"});
  const failed = await wrong.catch((error) => [error.status, error.code]);
  const tools = [{type: "function", function: {name: "f", parameters: {}}}];
  const call = (await client.chat.completions.create({...ask, tools})).choices[0].message.tool_calls[0].function;
  console.log(JSON.stringify({content: whole.content, reasoning: whole.reasoning_content, streamed, failed, call}));
})();
"""


def test_the_npm_client_chats_streams_calls_tools_and_reads_errors():
    """Where Node finds the package `openai` (on NODE_PATH)."""
    node = shutil.which("node")
    if node is None or subprocess.run([node, "-e", "require('openai')"], capture_output=True).returncode:
        pytest.skip("Node or its package openai is not installed")
    said = "I add.</think>four"
    call = 'I call.</think><tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    renderer = Renderer(tiny.tokenizer())
    backend = ScriptedBackend(renderer, lambda r, _: call if "<tools>" in renderer.decode(r.prompt) else said)
    with running(backend) as server:
        done = subprocess.run([node, "-e", NODE, server.url], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "content": "four",
        "reasoning": "I add.",
        "streamed": "four",
        "failed": [404, "model_not_found"],
        "call": {"name": "f", "arguments": '{"a": 1}'},
    }
