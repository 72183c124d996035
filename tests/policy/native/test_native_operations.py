"""Compiled operations against Transformers' own, and against plain float64 formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

import tiny
from darkhorse.policy.native import differentiable, library, operations
from darkhorse.rollout.sampling import truncate_logits

pytestmark = pytest.mark.skipif(library.library() is None, reason=f"no compiled operations: {library.why_not()}")

DTYPES = [torch.float32, torch.bfloat16]


@pytest.fixture(autouse=True)
def _inference():
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


def same(found, expected):
    """Equal in bfloat16, where everything is rounded alike; to the last digits in float32."""
    assert found.dtype == expected.dtype and found.shape == expected.shape
    if found.dtype == torch.bfloat16:
        assert torch.equal(found, expected)
    else:
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tokens", [1, 37, 500])
@pytest.mark.parametrize("kind", [LlamaRMSNorm, Gemma3RMSNorm])
def test_norms(dtype, tokens, kind):
    norm = kind(72, 1e-5).to(dtype)
    norm.weight.copy_(torch.randn(72))
    rows = 3 * torch.randn(1, tokens, 72).to(dtype)
    same(operations.rms_norm(rows, norm.weight, 1e-5, kind is Gemma3RMSNorm), norm(rows))


def float64_gradients(function, grad, *inputs):
    """What flows into the inputs of a function, computed in float64."""
    with torch.inference_mode(False), torch.enable_grad():
        leaves = [x.clone().double().requires_grad_() for x in inputs]
        return torch.autograd.grad(function(*leaves), leaves, grad.clone().double())


def close(found, expected, dtype):
    """To the last digits in float32; in bfloat16 within a few roundings."""
    bound = 1e-5 if dtype == torch.float32 else 2**-6
    assert (found.double() - expected).abs().max() <= bound * expected.abs().max()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tokens", [1, 37, 500])
@pytest.mark.parametrize("plus_one", [False, True])
def test_gradients_of_norms(dtype, tokens, plus_one):
    rows, weight, grad = 3 * torch.randn(tokens, 72), torch.randn(72), torch.randn(tokens, 72)
    rows, weight, grad = rows.to(dtype), weight.to(dtype), grad.to(dtype)

    def norm(rows, weight):
        normed = rows * torch.rsqrt(rows.square().mean(-1, keepdim=True) + 1e-5)
        return normed * (weight + plus_one)

    found = operations.rms_norm_backward(grad, rows, weight, 1e-5, plus_one)
    assert [x.dtype for x in found] == [dtype, torch.float32]
    for one, expected in zip(found, float64_gradients(norm, grad, rows, weight), strict=True):
        close(one, expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tokens", [1, 90])
def test_gradients_of_gated_products(dtype, tokens):
    gate, up = (3 * torch.randn(1, tokens, 2 * 200)).to(dtype).split(200, -1)
    grad = torch.randn(1, tokens, 200).to(dtype)
    *found, product = operations.gated_backward(grad, gate, up)
    same(product, operations.gated(gate, up))
    expected = float64_gradients(lambda gate, up: F.silu(gate) * up, grad, gate, up)
    for one, wanted in zip(found, expected, strict=True):
        assert one.shape == gate.shape
        close(one, wanted, dtype)


def test_the_gradient_of_a_rotation_turns_back():
    rows, grad = tiny.heads(torch.float32, 33, 9, 12)[0], tiny.heads(torch.float32, 33, 9, 12)[0]
    cos, sin = torch.randn(2, 33, 12)
    with torch.inference_mode(False), torch.enable_grad():
        leaf = rows.clone().requires_grad_()
        (found,) = torch.autograd.grad(differentiable.rotation(leaf, cos.clone(), sin.clone()), leaf, grad.clone())

    def rotation(rows):
        return apply_rotary_pos_emb(rows[None], rows[None], cos.double()[None], sin.double()[None])[0][0]

    close(found, float64_gradients(rotation, grad, rows)[0], torch.float32)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 1000, 50_000])
def test_sums_in_place(dtype, count):
    for whole in (torch.randn(count), torch.randn(2 * count)[::2], torch.randn(count, dtype=torch.float64)):
        addend = torch.randn(count).to(dtype)
        expected = whole + addend
        operations.add_into(whole, addend)
        assert torch.equal(whole, expected.to(whole.dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [3, 700])
def test_a_block_of_a_softmax(dtype, rows):
    size = 51
    logits, heat = 4 * torch.randn(rows, size).to(dtype), torch.rand(rows, 1) + 0.5
    targets = torch.randint(-size, 2 * size, (rows,))  # of which two in three are in other blocks
    scaled = logits.double() / heat
    highest = scaled.amax(-1, keepdim=True)
    weights, inside = (scaled - highest).exp(), (targets >= 0) & (targets < size)
    chosen = scaled.gather(-1, targets.clamp(0, size - 1)[:, None])[:, 0] * inside
    expected = highest[:, 0], weights.sum(-1), (weights * (scaled - highest)).sum(-1), chosen
    found = operations.softmax_parts(logits, targets, heat)
    torch.testing.assert_close(found.double(), torch.stack(expected, -1), rtol=1e-5, atol=1e-5)

    log_total, grad = torch.logsumexp(scaled, -1) + torch.rand(rows), torch.randn(rows)
    onehot = (torch.arange(size) == targets[:, None]).double()
    wanted = (onehot - (scaled - log_total[:, None]).exp()) * (grad[:, None] / heat)
    operations.softmax_gradients(logits, targets, heat, log_total, grad)
    close(logits, wanted, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_norms_of_heads(dtype):
    norm = LlamaRMSNorm(24, 1e-6).to(dtype)
    norm.weight.copy_(torch.randn(24))
    for rows in (tiny.heads(dtype, 7, 5, 24), tiny.heads(dtype, 7, 5, 24).transpose(1, 2)):
        same(operations.rms_norm(rows, norm.weight, 1e-6), norm(rows))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tokens", [1, 90])
def test_gated_products(dtype, tokens):
    gate, up = (5 * torch.randn(1, tokens, 2 * 200)).to(dtype).split(200, -1)
    same(operations.gated(gate, up), F.silu(gate) * up)


def test_gates_at_the_ends_of_what_numbers_hold():
    gate = torch.tensor([[0.0, -0.0, 1e-30, 88.0, -88.0, -104.0, 3e38, -3e38, float("inf"), float("nan")]])
    found = operations.gated(gate, torch.ones_like(gate))
    torch.testing.assert_close(found, F.silu(gate), equal_nan=True, rtol=1e-5, atol=1e-30)
    nan = torch.full((1, 4), float("nan"), dtype=torch.bfloat16)
    assert operations.gated(nan, nan).isnan().all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("tokens", "width"), [(1, 64), (33, 12), (200, 64)])
def test_rotary_embedding(dtype, tokens, width):
    query, key = tiny.heads(dtype, tokens, 9, width), tiny.heads(dtype, tokens, 3, width)
    cos, sin = torch.randn(2, 1, tokens, width).to(dtype)
    for rows, expected in zip((query, key), apply_rotary_pos_emb(query, key, cos, sin), strict=True):
        same(operations.rotate(rows[0], cos[0], sin[0])[None], expected)


RULES = [(1.0, 0, 1.0, 0.0), (0.6, 40, 0.95, 0.0), (1.3, 0, 0.8, 0.0), (1.0, 0, 1.0, 0.05), (0.9, 300, 1.0, 0.01),
         (1.0, 5, 0.3, 0.9), (2.0, 0, 0.999, 0.0), (1.0, 10_000, 1.0, 0.0)]  # fmt: skip


def truncated(logits, top_k, top_p, min_p):
    """Like `truncate_logits`; of tokens that are equally likely the first ones stay in a nucleus."""
    logits = truncate_logits(logits, top_k, 1.0, 0.0)
    if top_p < 1:
        ordered, order = logits.sort(dim=-1, descending=True, stable=True)
        probabilities = ordered.double().softmax(-1)
        gone = probabilities.cumsum(-1) - probabilities >= top_p
        gone[:, 0] = False
        logits = logits.scatter(1, order, ordered.masked_fill(gone, float("-inf")))
    return truncate_logits(logits, 0, 1.0, min_p)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("size", [1, 37, 256, 3000])
def test_draws(dtype, rules, size):
    rows = 200
    logits = (torch.linspace(0, 6, rows)[:, None] * torch.randn(rows, size)).to(dtype)
    if size > 1:
        logits[::7, 0] = float("-inf")
    uniforms = torch.rand(rows, dtype=torch.float64)
    uniforms[:2] = torch.tensor([0.0, 1 - 2**-53])
    tokens, logprobs = operations.draw(logits, uniforms, *rules)
    temperature, top_k, top_p, min_p = rules
    probabilities = truncated(logits.float() / temperature, top_k, top_p, min_p).double().softmax(-1)
    chosen = probabilities.gather(1, tokens[:, None])[:, 0]
    assert (chosen > 0).all()
    torch.testing.assert_close(logprobs.double(), chosen.log(), rtol=1e-5, atol=2e-6)
    after = probabilities.cumsum(-1).gather(1, tokens[:, None])[:, 0]
    assert (uniforms >= after - chosen - 1e-5).all() and (uniforms <= after + 1e-5).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_greedy_draws(dtype):
    logits = (3 * torch.randn(50, 3000)).to(dtype)
    logits[0] = 0.5  # the first of equals
    tokens, logprobs = operations.draw(logits, torch.rand(50, dtype=torch.float64), 0.0, 5, 0.5, 0.5)
    assert torch.equal(tokens, logits.argmax(-1)) and tokens[0] == 0
    expected = logits.double().log_softmax(-1).amax(-1)
    torch.testing.assert_close(logprobs.double(), expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("rules", [(0.0, 0, 1.0, 0.0), *RULES])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_broken_logits_have_no_log_probability(rules, value):
    logits = torch.randn(3, 1000)
    logits[1, 400] = value
    tokens, logprobs = operations.draw(logits, torch.rand(3, dtype=torch.float64), *rules)
    assert logprobs.isnan().tolist() == [False, True, False]
    assert ((tokens >= 0) & (tokens < 1000)).all()


def test_draws_are_taken_from_rows_of_something_larger():
    logits = torch.randn(6, 500).bfloat16()
    uniforms = torch.rand(6, dtype=torch.float64)
    whole = operations.draw(logits, uniforms, 1.0, 0, 1.0, 0.0)
    part = operations.draw(logits[2:5, :300], uniforms[2:5], 1.0, 0, 1.0, 0.0)
    alone = operations.draw(logits[2:5, :300].contiguous(), uniforms[2:5], 1.0, 0, 1.0, 0.0)
    assert torch.equal(operations.draw(logits[2:5], uniforms[2:5], 1.0, 0, 1.0, 0.0)[0], whole[0][2:5])
    assert all(map(torch.equal, part, alone))
