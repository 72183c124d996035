"""A checkpoint is a plain Hugging Face folder: QwQ's published snippet runs on it, and knows nothing of Darkhorse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from darkhorse.chat.template import QWQ_TEMPLATE
from darkhorse.config.model import ModelConfig
from darkhorse.config.stages import SFTStage
from darkhorse.policy.loading import load_policy
from darkhorse.training.checkpoint import Checkpoints
from darkhorse.training.optimizer import MasterOptimizer
from tiny_recipe import environment, tiny_model  # noqa: F401

SNIPPET = """
import json, sys
from transformers import AutoModelForCausalLM, AutoTokenizer

model_name = sys.argv[1]
model = AutoModelForCausalLM.from_pretrained(model_name, torch_dtype="auto", device_map="auto")
tokenizer = AutoTokenizer.from_pretrained(model_name)
messages = [{"role": "user", "content": "How many r's are in the word strawberry?"}]
text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
model_inputs = tokenizer([text], return_tensors="pt").to(model.device)
generated_ids = model.generate(**model_inputs, max_new_tokens=8)
generated_ids = [output_ids[len(input_ids):] for input_ids, output_ids in zip(model_inputs.input_ids, generated_ids)]
response = tokenizer.batch_decode(generated_ids, skip_special_tokens=True)[0]
print(json.dumps({
    "modules": [name for name in sys.modules if name.startswith("darkhorse")],
    "dtype": str(model.dtype),
    "class": type(model).__name__,
    "attention": model.config._attn_implementation,
    "text": text,
    "tokens": len(generated_ids[0]),
    "response": response,
    "sampling": [model.generation_config.temperature, model.generation_config.top_p, model.generation_config.top_k],
    "ends": model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|im_end|>"),
    "sum": float(sum(p.float().sum() for p in model.parameters())),
}))
"""


@pytest.fixture(scope="module")
def checkpoint(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:  # noqa: F811
    """A checkpoint of a stage under way, trainer's state and all, and the sum of its weights."""
    policy = load_policy(ModelConfig(name=str(tiny_model), threads=1))
    optimizer = MasterOptimizer(policy.model, SFTStage(learning_rate=0.1))
    for parameter in policy.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step(6)
    checkpoints = Checkpoints(tmp_path_factory.mktemp("export"))
    folder = checkpoints.save(6, policy.model, policy.tokenizer, {}, optimizer.state_dict())
    return folder, float(sum(p.detach().float().sum() for p in policy.model.parameters()))


def test_the_published_snippet_runs_on_a_checkpoint(checkpoint: tuple[Path, float]) -> None:
    folder, total = checkpoint
    variables = environment()
    del variables["PYTHONPATH"]
    done = subprocess.run(
        [sys.executable, "-I", "-c", SNIPPET, str(folder)], env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    for complaint in ("Traceback", "newly initialized", "not used when", "UNEXPECTED", "MISSING", "mismatch"):
        assert complaint not in done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["modules"] == []
    assert seen["dtype"] == "torch.bfloat16"
    assert seen["class"] == "LlamaForCausalLM"
    assert seen["attention"] == "sdpa"
    assert seen["text"].startswith("<|im_start|>user\nHow many r's")
    assert seen["text"].endswith("<|im_end|>\n<|im_start|>assistant\n<think>\n")
    assert 1 <= seen["tokens"] <= 8 and isinstance(seen["response"], str)
    assert seen["sampling"] == [0.6, 0.95, 40]
    assert seen["ends"]
    assert seen["sum"] == pytest.approx(total, rel=1e-6)


def test_a_checkpoint_holds_what_transformers_writes_and_nothing_else(checkpoint: tuple[Path, float]) -> None:
    folder, _ = checkpoint
    assert sorted(path.name for path in folder.iterdir()) == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "trainer_state",
    ]
    assert (folder / "chat_template.jinja").read_text() == QWQ_TEMPLATE
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        text = (folder / name).read_text()
        assert "darkhorse" not in text and "packed" not in text


def test_a_checkpoint_trains_on_where_it_was(checkpoint: tuple[Path, float]) -> None:
    folder, total = checkpoint
    policy = load_policy(ModelConfig(name=str(folder), threads=1))
    assert policy.model.dtype == torch.bfloat16
    assert float(sum(p.detach().float().sum() for p in policy.model.parameters())) == total
