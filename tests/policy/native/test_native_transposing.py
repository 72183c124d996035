"""Transposed copies, and products by way of them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darkhorse.policy.native import transposing

needs_matrix_unit = pytest.mark.skipif(not transposing.has_matrix_unit(), reason="the processor has no matrix unit")


@needs_matrix_unit
@settings(max_examples=50, deadline=None)
@given(st.integers(1, 100), st.integers(1, 100), st.integers(0, 9))
def test_transposed_copies(tokens, channels, beside):
    rows = torch.randn(tokens, channels + beside).bfloat16()[:, :channels]
    found = transposing.transposed(rows)
    assert found.is_contiguous() and torch.equal(found, rows.T)


@pytest.mark.parametrize(("outputs", "channels"), [(96, 40), (40, 96), (64, 64), (1, 64), (64, 1)])
@pytest.mark.parametrize("tokens", [0, 1, 50])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_what_flows_into_a_weight(outputs, channels, tokens, dtype):
    torch.manual_seed(0)
    grad, rows = torch.randn(tokens, outputs).to(dtype), torch.randn(tokens, channels).to(dtype)
    found = transposing.weight_gradient(grad, rows)
    assert found.shape == (outputs, channels) and found.dtype == dtype
    tolerance = 1e-4 if dtype == torch.float32 else 2**-7
    torch.testing.assert_close(found.double(), grad.double().T @ rows.double(), rtol=tolerance, atol=1e-4)


@pytest.mark.parametrize("tokens", [1, 50])
def test_rows_and_gradients_may_lie_in_something_larger(tokens):
    grad, rows = torch.randn(tokens, 200).bfloat16()[:, 40:136], torch.randn(70, tokens).bfloat16().T[:, :40]
    found = transposing.weight_gradient(grad, rows)
    torch.testing.assert_close(found.double(), grad.double().T @ rows.double(), rtol=2**-7, atol=1e-4)
