# SPDX-License-Identifier: Apache-2.0
"""FINN's Python execution of the encoder graph equals the reference, integer for integer."""

from __future__ import annotations

from . import needs_finn  # noqa: F401  # isort: skip

import numpy as np
import pytest

from batflow.errors import InputError
from batflow.hls.finn import units_rtl  # noqa: F401  # registers the operators
from batflow.hls.finn.encoder import encoder_graph
from batflow.hls.finn.flow import python_mismatches
from batflow.hls.finn.frames import expected, frames
from batflow.hls.finn.hardware import specialize, unconverted
from batflow.hls.packing import WeightKind
from batflow.hls.program import EncoderProgram

from ..programs import random_program
from .finn_layers import PART, with_flipped_weight

KINDS: tuple[WeightKind, ...] = ("binary", "ternary", "wtws")


def mismatches(program: EncoderProgram, other: EncoderProgram, length: int, layers: tuple[int, ...]) -> int:
    inputs = frames(program, length, 4, seed=length)
    wanted = expected(other, layers, inputs)
    assert len(np.unique(wanted)) > 20
    return python_mismatches(encoder_graph(program, length, layers), inputs, wanted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_layer_equals_the_reference(kind: WeightKind, bits: int) -> None:
    rng = np.random.default_rng(bits)
    heads, head = int(rng.integers(1, 5)), int(rng.choice([4, 8, 12]))
    length, ffn = int(rng.integers(2, 13)), int(rng.integers(8, 70))
    program = random_program(bits, 1, heads * head, heads, ffn, length, bits, kind)
    assert mismatches(program, program, length, (0,)) == 0


def test_layers_follow_each_other_and_widths_may_differ() -> None:
    bits = {"attn_in": 2, "q": 3, "k": 4, "v": 5, "probs": 6, "ctx": 1, "ffn_in": 8, "ffn_mid": 1}
    program = random_program(7, layers=3, hidden=24, heads=3, ffn=40, max_len=9, bits=bits)
    assert mismatches(program, program, 9, (0, 1, 2)) == 0
    assert mismatches(program, program, 5, (2, 0)) == 0  # a graph has the length that it was built for


@pytest.mark.parametrize("name", ["k", "o", "ffn1"])
def test_a_flipped_weight_is_seen(name: str) -> None:
    program = random_program(3, layers=1, hidden=32, heads=2, ffn=64, max_len=8)
    assert mismatches(with_flipped_weight(program, name), program, 8, (0,)) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_node_has_an_rtl_form(kind: WeightKind) -> None:
    program = random_program(3, 1, 32, 2, 64, 8, 1, kind)
    graph = encoder_graph(program, 8)
    assert len(unconverted(graph)) == len(graph.graph.node)  # no node counts before it is converted
    model = specialize(graph, PART)
    assert unconverted(model) == [] and len(model.graph.node) == len(graph.graph.node)


@pytest.mark.parametrize(
    ("length", "layers", "told"),
    [(0, (0,), "takes 1..8"), (9, (0,), "takes 1..8"), (8, (1,), "has 0..0"), (8, (), "has 0..0")],
)
def test_what_the_model_has_not_is_refused(length: int, layers: tuple[int, ...], told: str) -> None:
    program = random_program(3, layers=1, hidden=32, heads=2, ffn=64, max_len=8)
    with pytest.raises(InputError, match=told):
        encoder_graph(program, length, layers)


@pytest.mark.parametrize("part", ["xc7z020clg400-1", "zu3eg", "xczu3eg", "", "xcvc1902-vsva2197-2MP-e-S"])
def test_a_part_without_an_rtl_form_is_refused(part: str) -> None:
    program = random_program(3, layers=1, hidden=16, heads=2, ffn=16, max_len=4)
    with pytest.raises(InputError, match="give the full number"):
        specialize(encoder_graph(program, 4), part)
