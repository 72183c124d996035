"""Products with packed weights against float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.policy.native.products import PackedWeight, packs

pytestmark = pytest.mark.skipif(
    not packs(torch.zeros(1, 2, dtype=torch.bfloat16)),
    reason="this processor has no products of bfloat16 that are compiled",
)


def random(*shape):
    return torch.randn(*shape).bfloat16()


@given(rows=st.integers(1, 100), outputs=st.integers(1, 200), pairs=st.integers(1, 60), biased=st.booleans())
def test_products(rows, outputs, pairs, biased):
    torch.manual_seed(0)
    x, weight, bias = random(rows, 2 * pairs), random(outputs, 2 * pairs), random(outputs) if biased else None
    found = PackedWeight(weight, bias).product(x)
    exact = F.linear(x.double(), weight.double(), None if bias is None else bias.double())
    assert found.dtype == torch.bfloat16 and found.shape == exact.shape
    # what rounding the sum leaves, and what adding it up in float32 does where terms cancel
    size = F.linear(x.double().abs(), weight.double().abs()) + 3
    assert ((found.double() - exact).abs() <= 2**-8 * exact.abs() + 2**-20 * size).all()


def test_what_a_row_gives_does_not_depend_on_the_others():
    torch.manual_seed(0)
    x, weight = random(75, 96), PackedWeight(random(130, 96), random(130))
    together = weight.product(x)
    for count in (1, 2, 7, 9, 40):
        assert torch.equal(torch.cat([weight.product(some) for some in x.split(count)]), together)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_nor_on_the_number_of_threads(threads):
    torch.manual_seed(0)
    x, weight = random(75, 96), random(130, 96)
    before = torch.get_num_threads()
    expected = PackedWeight(weight, None).product(x)
    try:
        torch.set_num_threads(threads)
        assert torch.equal(PackedWeight(weight, None).product(x), expected)
    finally:
        torch.set_num_threads(before)


def test_rows_and_weights_that_are_parts_of_something_larger():
    torch.manual_seed(0)
    rows, weights = random(2, 9, 64), random(64, 100)
    found = PackedWeight(weights.T[:, 10:42], None).product(rows[..., 16:48])
    assert found.shape == (2, 9, 100)
    torch.testing.assert_close(found, F.linear(rows[..., 16:48].contiguous(), weights.T[:, 10:42].contiguous()))


def test_the_weight_is_copied():
    weight, x = random(50, 32), random(3, 32)
    packed = PackedWeight(weight, None)
    expected = packed.product(x)
    weight.zero_()
    assert torch.equal(packed.product(x), expected)


def test_rows_of_another_kind_are_refused():
    packed = PackedWeight(random(50, 32), None)
    for rows in (torch.randn(3, 32), random(3, 30)):
        with pytest.raises(ValueError, match="rows of 32 bfloat16 channels expected"):
            packed.product(rows)


def test_other_types_and_odd_widths_are_not_packed():
    assert not packs(torch.zeros(4, 4))
    assert not packs(torch.zeros(4, 3, dtype=torch.bfloat16))
