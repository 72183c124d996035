"""Reward models over HTTP and by name: real sockets, real (tiny) models, scores equal to those in process."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
)

import tiny
from darkhorse.errors import UserError
from darkhorse.rewards.batching import grouped_by_length
from darkhorse.rewards.classifier import load_any, load_classifier
from darkhorse.rewards.reward_model import LocalScorer, RewardModel, load_reward_model
from darkhorse.rewards.scorer import Ask, bounded
from darkhorse.rewards.service import RemoteRewardModel, create_app, serve
from darkhorse.verify.verdict import Abstained, Scored
from live_app import Served

PROMPT = [{"role": "user", "content": "Say something."}]
ASKS = [
    Ask(PROMPT, ["yes", "a much longer answer than that"]),
    Ask(PROMPT, ["no"], "a reference"),
    Ask([{"role": "system", "content": "Be brief."}, *PROMPT], ["", "x" * 50, "y"]),
]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder as others publish reward models: a trained head, a chat template, no statistics."""
    base = tiny.folder(tmp_path_factory.mktemp("models") / "base", "qwen2")
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32)
    folder = base.with_name("published")
    model.save_pretrained(folder)
    words = tiny.tokenizer()
    words.chat_template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|im_end|>{% endfor %}"
    words.save_pretrained(folder)
    return str(folder)


def test_a_published_model_scores_as_plain_transformers_does(published):
    model = load_classifier(published, torch.float32)
    plain = AutoModelForSequenceClassification.from_pretrained(published, dtype=torch.float32)
    wanted = []
    for ask in ASKS:
        answers = [*ask.answers, *([] if ask.reference is None else [ask.reference])]
        rows = []
        for answer in answers:
            text = "".join(f"[{m['role']}]{m['content']}<|im_end|>" for m in ask.prompt)
            ids = model.tokenizer(f"{text}[assistant]{answer}<|im_end|>", return_tensors="pt").to(model.model.device)
            rows.append(float(plain.to(model.model.device)(**ids).logits[0, 0].detach()))
        wanted.append(rows)
    for limit in (1, 60, 10**6):
        model.max_tokens = limit
        for found, row in zip(model.rewards(ASKS), wanted, strict=True):
            assert found == pytest.approx(row, abs=1e-5)
    model.mean, model.deviation = 0.3, 2.0
    assert model.score_all(ASKS)[0] == pytest.approx([bounded(r, 0.3, 2.0) for r in wanted[0]], abs=1e-5)
    assert model.score_all(ASKS)[1] == pytest.approx([bounded(wanted[1][0], wanted[1][1], 2.0)], abs=1e-5)
    assert model.score(PROMPT, ["same"], "same") == pytest.approx([0.5], abs=1e-6)


def test_half_a_character_is_scored_as_a_question_mark(published):
    model = load_classifier(published, torch.float32)
    assert model.score(PROMPT, ["half \ud83d"]) == model.score(PROMPT, ["half ?"])


def test_calibration_takes_mean_and_deviation_of_real_answers(published):
    model = load_classifier(published, torch.float32)
    raw = torch.tensor([reward for found in model.rewards(ASKS) for reward in found])
    model.calibrate(ASKS)
    assert (model.mean, model.deviation) == pytest.approx((float(raw.mean()), float(raw.std())), rel=1e-4)


def test_an_encoder_without_a_chat_template_reads_pairs(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "say", "yes", "no"]))
    words = BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt"))
    config = BertConfig(
        vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=1
    )
    torch.manual_seed(0)
    reference = BertForSequenceClassification(config).eval()
    reference.save_pretrained(tmp_path / "bert")
    words.save_pretrained(tmp_path / "bert")
    model = load_classifier(str(tmp_path / "bert"), torch.float32)
    found = model.rewards([Ask([{"role": "user", "content": "say"}], ["yes", "no no no"])])[0]
    wanted = [
        float(reference(**words("say", text, return_tensors="pt")).logits[0, 0].detach())
        for text in ("yes", "no no no")
    ]
    assert found == pytest.approx(wanted, abs=1e-5)


def test_what_is_no_reward_model_is_refused(tmp_path, published):
    language_model = str(tiny.folder(tmp_path / "lm"))
    with pytest.raises(UserError, match=r"no trained head|outputs"):
        load_classifier(language_model)
    with pytest.raises(UserError, match="could not be loaded"):
        load_classifier(str(tmp_path / "nothing"))
    several = AutoModelForSequenceClassification.from_pretrained(published, num_labels=3, ignore_mismatched_sizes=True)
    several.save_pretrained(tmp_path / "three")
    tiny.tokenizer().save_pretrained(tmp_path / "three")
    with pytest.raises(UserError, match="has 3 outputs"):
        load_classifier(str(tmp_path / "three"))


def test_ours_are_found_by_their_statistics(tmp_path):
    base = str(tiny.folder(tmp_path / "base"))
    ours = load_reward_model(base, torch.float32, float32_head=True)
    torch.nn.init.normal_(ours.model.score.weight)
    ours.mean, ours.deviation = 0.25, 3.0
    folder = tmp_path / "stage" / "checkpoints" / "step_3"
    ours.model.save_pretrained(folder)
    ours.renderer.tokenizer.save_pretrained(folder)
    ours.save_statistics(folder)
    found = load_any(str(tmp_path / "stage"))
    assert isinstance(found, RewardModel)
    assert (found.mean, found.deviation) == (0.25, 3.0)


def test_the_head_keeps_its_precision(tmp_path):
    base = str(tiny.folder(tmp_path / "base"))
    ours = load_reward_model(base, torch.bfloat16, float32_head=True)
    torch.nn.init.normal_(ours.model.score.weight)
    ours.model.save_pretrained(tmp_path / "saved")
    ours.renderer.tokenizer.save_pretrained(tmp_path / "saved")
    ours.save_statistics(tmp_path / "saved")
    again = load_reward_model(str(tmp_path / "saved"), torch.bfloat16)
    assert again.model.score.weight.dtype == torch.float32
    assert again.model.model.embed_tokens.weight.dtype == torch.bfloat16
    assert torch.equal(again.model.score.weight, ours.model.score.weight)
    raw = again.rewards([again.segment(PROMPT, ["one", "two"])])
    assert not torch.equal(raw, raw.bfloat16().float()), "rewards have more than eight bits"


def test_batches_hold_everything_once_and_fit():
    lengths = [5, 90, 3, 3, 40, 41, 7]
    batches = grouped_by_length(lengths, 82)
    assert sorted(place for batch in batches for place in batch) == list(range(7))
    assert all(len(batch) == 1 or len(batch) * max(lengths[p] for p in batch) <= 82 for batch in batches)
    assert [lengths[place] for place in batches[-1]] == [90]


@pytest.fixture(scope="module")
def model(published):
    return load_classifier(published, torch.float32)


@pytest.fixture(scope="module")
def server(model):
    served = Served(create_app(model, "tiny", token="secret"))
    yield served
    served.stop()


def test_the_server_gives_the_scores_of_the_model(server, model):
    remote = RemoteRewardModel(server.url, "secret")
    found = asyncio.run(remote.score(ASKS))
    local = asyncio.run(LocalScorer(model).score(ASKS))
    assert [[v.score for v in verdicts] for verdicts in found] == [
        pytest.approx([v.score for v in verdicts], abs=1e-5) for verdicts in local
    ]


def test_requests_that_come_together_share_a_batch(server):
    headers = {"authorization": "Bearer secret"}
    before = httpx.get(f"{server.url}/v1/health", headers=headers).json()
    remote = RemoteRewardModel(server.url, "secret")
    asyncio.run(remote.score([Ask(PROMPT, [f"answer {number}"]) for number in range(60)]))
    after = httpx.get(f"{server.url}/v1/health", headers=headers).json()
    assert after["model"] == "tiny"
    assert 1 <= after["batches"] - before["batches"] < 40


def test_strangers_and_malformed_requests_are_refused(server):
    url, headers = f"{server.url}/v1/score", {"authorization": "Bearer secret"}
    body = {"items": [{"prompt": PROMPT, "answers": ["a"]}]}
    assert httpx.post(url, json=body).status_code == 401
    assert httpx.post(url, json=body, headers={"authorization": "Bearer no"}).status_code == 401
    for bad in (
        {},
        {"items": []},
        {"items": [{"prompt": PROMPT, "answers": [3]}]},
        {"items": [{"prompt": "?", "answers": ["a"]}]},
    ):
        assert httpx.post(url, json=bad, headers=headers).status_code == 422
    assert httpx.post(url, content=b"\xff{", headers=headers).status_code == 422
    assert httpx.post(url, json=body, headers=headers).status_code == 200
    ((verdict,),) = asyncio.run(RemoteRewardModel(server.url, "wrong").score([Ask(PROMPT, ["a"])]))
    assert isinstance(verdict, Abstained) and "401" in verdict.reason


class Broken:
    def score_all(self, asks):
        if any("crash" in ask.answers for ask in asks):
            raise RuntimeError("out of memory")
        return [[float("nan") if answer == "nan" else 0.25 for answer in ask.answers] for ask in asks]


def test_a_failing_model_is_abstained_on_and_recovers():
    served = Served(create_app(Broken(), "broken"))
    remote = RemoteRewardModel(served.url, attempts=1)
    ((crashed,),) = asyncio.run(remote.score([Ask(PROMPT, ["crash"])]))
    ((fine, nan),) = asyncio.run(remote.score([Ask(PROMPT, ["fine", "nan"])]))
    served.stop()
    ((gone,),) = asyncio.run(remote.score([Ask(PROMPT, ["fine"])]))
    served.start()
    ((back,),) = asyncio.run(remote.score([Ask(PROMPT, ["fine"])]))
    served.stop()
    assert isinstance(crashed, Abstained) and "500" in crashed.reason
    assert isinstance(fine, Scored) and fine.score == 0.25
    assert isinstance(nan, Abstained) and "nan" in nan.reason
    assert isinstance(gone, Abstained)
    assert back == fine


def test_no_public_address_without_a_token():
    with pytest.raises(UserError, match="without a token"):
        serve("model", "0.0.0.0", 8090, None)
