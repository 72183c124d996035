"""Weights in full against their bits."""

from __future__ import annotations

import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.policy.native import operations
from darkhorse.training import masters
from darkhorse.training.masters import Master, full_type

_TIES = [0x3F808000, 0x3F818000, 0xBF808000, 0xBF818000, 0x00000000, 0x80000000, 0x00008000, 0x007FFFFF, 0x7F7F0000]


def floats(bits: list[int]) -> torch.Tensor:
    return torch.tensor([struct.unpack("f", struct.pack("I", number))[0] for number in bits])


def held(dtype: torch.dtype, count: int) -> tuple[torch.Tensor, Master]:
    parameter = torch.nn.Parameter(torch.zeros(count, dtype=dtype))
    return parameter, Master.of([parameter])[0]


@pytest.fixture(params=["compiled", "plain"])
def way(request, monkeypatch) -> str:
    if request.param == "plain":
        monkeypatch.setattr(operations, "serves", lambda *tensors: False)
    elif not operations.serves(torch.zeros(1, dtype=torch.bfloat16)):
        pytest.skip("nothing is compiled here")
    return request.param


# to 0x7f7f0000: what is larger rounds to infinity
magnitudes = st.integers(0, 0x7F7F0000)


@given(bits=st.lists(st.tuples(st.booleans(), magnitudes), min_size=1, max_size=40))
def test_sixteen_bits_beside_a_weight_make_it_whole(bits):
    wanted = floats([sign << 31 | magnitude for sign, magnitude in bits] + _TIES)
    for serves in (operations.serves, lambda *tensors: False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(operations, "serves", serves)
            parameter, master = held(torch.bfloat16, len(wanted))
            master.set(wanted)
            assert torch.equal(master.whole().view(torch.int32), wanted.view(torch.int32))
            below = (parameter.detach().view(torch.int16).to(torch.int32) << 16) - wanted.view(torch.int32)
            assert ((below > -(1 << 15)) & (below <= 1 << 15)).all(), "rounded to nearest, ties away from zero"


def test_a_new_master_is_what_the_model_holds(way):
    parameter = torch.nn.Parameter(torch.tensor([1.5, -0.25, 3e38, 0.0]).bfloat16())
    assert torch.equal(Master.of([parameter])[0].whole(), parameter.detach().float())


def test_pieces_make_up_the_whole(way, monkeypatch):
    monkeypatch.setattr(masters, "_PIECE", 8)
    _, master = held(torch.bfloat16, 30)
    weights = torch.linspace(-1, 1, 30) / 3
    pieces = list(master.pieces())
    assert len(pieces) == 4
    for piece in pieces:
        master.set(weights[piece].clone(), piece)
    assert torch.equal(master.whole(), weights)
    assert torch.equal(torch.cat([master.whole(piece) for piece in pieces]), weights)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_weight_in_full_is_its_own_master(dtype):
    parameter, master = held(dtype, 3)
    weights = torch.tensor([1 / 3, -2.0, 0.5], dtype=dtype)
    master.set(weights)
    assert torch.equal(parameter, weights) and master.whole().data_ptr() == parameter.data_ptr()
    assert full_type(parameter) == dtype


def test_each_parameter_has_a_master_of_its_own():
    shapes = [(2, 3), (5,), (1, 4)]
    parameters = [torch.nn.Parameter(torch.zeros(shape, dtype=torch.bfloat16)) for shape in shapes]
    parameters.insert(1, torch.nn.Parameter(torch.zeros(7)))
    found = Master.of(parameters)
    for number, (parameter, master) in enumerate(zip(parameters, found, strict=True)):
        master.set(torch.full((parameter.numel(),), number + 1 / 3))
    for number, (parameter, master) in enumerate(zip(parameters, found, strict=True)):
        assert torch.equal(master.whole(), torch.full((parameter.numel(),), number + 1 / 3))
        assert (parameter == torch.tensor(number + 1 / 3).to(parameter.dtype)).all()
