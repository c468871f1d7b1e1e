# SPDX-License-Identifier: Apache-2.0
"""Whole encoders on the csim engine equal the numpy reference, at every tap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from batflow.errors import InputError
from batflow.hls.config import AcceleratorConfig
from batflow.hls.csim import CsimEngine, decode_batch, encode_batch
from batflow.hls.csim_build import build_csim
from batflow.hls.image import DESCRIPTOR_FIELDS, DESCRIPTOR_WORDS, HEADER_WORDS
from batflow.hls.packing import WeightKind
from batflow.hls.program import MATRICES, SITES, EncoderProgram
from batflow.hls.reference.encoder import Reference

from .kernel_library import ODD, csim_library
from .programs import random_program

Rows = list[npt.NDArray[np.int16]]
MIXED = dict(zip(SITES, (1, 2, 3, 4, 8, 1, 5, 6), strict=True))


def small(seed: int, bits: int | dict[str, int] = 4, kind: WeightKind = "binary") -> EncoderProgram:
    return random_program(seed, hidden=72, heads=6, ffn=100, max_len=20, bits=bits, kind=kind)


def batch(seed: int, program: EncoderProgram, lengths: list[int], largest: int = 8000) -> Rows:
    rng = np.random.default_rng(seed)
    shape = [(length, program.shape.hidden) for length in lengths]
    return [rng.integers(-largest, largest + 1, size=s).astype(np.int16) for s in shape]


def first_difference(program: EncoderProgram, engine: CsimEngine, rows: Rows) -> str | None:
    """Name of the first tap in data flow order that parts from the reference."""
    result = engine.run(rows, trace=True)
    reference = Reference(program)
    saturations = 0
    for h, output, taps in zip(rows, result.outputs, result.traces, strict=True):
        expected = reference.encode(h.astype(np.int64))
        saturations += sum(expected.saturations.values())
        assert list(taps) == list(expected.taps)
        for name, values in expected.taps.items():
            if taps[name].shape != values.shape or not np.array_equal(taps[name], values):
                return name
        np.testing.assert_array_equal(output, expected.hidden)
    assert result.saturations == saturations
    return None


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8, MIXED], ids=str)
def test_every_tap_equals_the_reference(kind: WeightKind, bits: int | dict[str, int]) -> None:
    program = small(17 if isinstance(bits, dict) else bits, bits, kind)
    engine = CsimEngine(program, csim_library())
    assert first_difference(program, engine, batch(1, program, [1, 20, 7])) is None


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
def test_dot_product_units_of_128_bits(kind: WeightKind) -> None:
    program = small(3, 4, kind)
    engine = CsimEngine(program, csim_library(wide=True))
    assert first_difference(program, engine, batch(1, program, [2, 20, 9])) is None


@pytest.mark.parametrize("heads", [1, 2, 8])
def test_head_counts_and_extreme_rows(heads: int) -> None:
    program = random_program(heads, layers=3, hidden=160, heads=heads, ffn=224, max_len=24)
    engine = CsimEngine(program, csim_library())
    rows = batch(2, program, [24], 32767)
    rows += [np.zeros_like(rows[0][:5]), np.full_like(rows[0][:3], -32768), np.full_like(rows[0], 32767)]
    assert first_difference(program, engine, rows) is None


def test_saturations_are_counted_alike() -> None:
    program = small(9)
    engine = CsimEngine(program, csim_library())
    rows = batch(4, program, [20, 11], 32767)
    assert engine.run(rows).saturations > 0
    assert first_difference(program, engine, rows) is None


def test_demo_shape_on_the_default_config() -> None:
    csim_library()
    program = random_program(5, hidden=384, heads=12, ffn=1536, max_len=32)
    engine = CsimEngine(program, build_csim(AcceleratorConfig()))
    assert first_difference(program, engine, batch(5, program, [12])) is None


def test_batch_equals_runs_one_by_one_and_back_to_back() -> None:
    program = small(6)
    engine = CsimEngine(program, csim_library())
    rows = batch(6, program, [20, 1, 13, 20])
    together = engine.run(rows)
    for _ in range(2):
        single = [engine.run([h]) for h in rows]
        for one, output in zip(single, together.outputs, strict=True):
            np.testing.assert_array_equal(one.outputs[0], output)
        check = 2 * (DESCRIPTOR_WORDS + 16)  # each run checks the descriptors once
        total = sum(one.counters["CYCLES_TOTAL"] for one in single)
        assert together.counters["CYCLES_TOTAL"] == total - check * (len(rows) - 1)
    assert together.traces == []


def qmm_cycles(program: EncoderProgram, length: int) -> int:
    """The header formulas of qmm.hpp over all products of one sequence."""
    tiles = -(-length // ODD.qmm_tokens)
    shape, words = program.shape, lambda n: -(-n // ODD.qmm_simd_bits)
    columns = lambda n: -(-n // ODD.qmm_outputs)  # noqa: E731
    size, total = shape.hidden // shape.heads, 0
    inputs = {"q": "attn_in", "k": "attn_in", "v": "attn_in", "o": "ctx", "ffn1": "ffn_in", "ffn2": "ffn_mid"}
    for layer in program.layers:
        bits = {site: fmt.bits for site, fmt in layer.formats.items()}
        for name, matrix in layer.matrices.items():
            planes = len(matrix.weight)
            total += tiles * columns(matrix.outputs) * words(matrix.inputs) * planes * bits[inputs[name]]
        scores = columns(length) * words(size) * bits["q"] * bits["k"]
        context = columns(size) * words(length) * bits["probs"] * bits["v"]
        total += tiles * shape.heads * (scores + context)
    return total


@pytest.mark.parametrize("kind", ["binary", "ternary"])
def test_counters_follow_the_formulas_and_repeat(kind: WeightKind) -> None:
    program = small(8, MIXED, kind)
    engine = CsimEngine(program, csim_library())
    assert engine.cycles_source == "estimate"
    for length in (1, 3, 20):
        rows = batch(length, program, [length])
        counters = engine.run(rows).counters
        assert counters == engine.run(rows).counters
        assert counters["CYCLES_QMM_BUSY"] == qmm_cycles(program, length)
        assert counters["CYCLES_MHA_QMM"] + counters["CYCLES_FFN_QMM"] == counters["CYCLES_QMM_BUSY"]
        beats = 2 + length * program.shape.hidden // 4
        assert counters["CYCLES_INPUT_WAIT"] == beats
        fixed = 2 * beats + 2 * (2 * DESCRIPTOR_WORDS + 16)
        busy = counters["CYCLES_MHA_BUSY"] + counters["CYCLES_FFN_BUSY"]
        assert counters["CYCLES_TOTAL"] == busy + fixed


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("name", MATRICES)
def test_flipped_weight_bit_is_found_in_its_tap(layer: int, name: str) -> None:
    program = small(10, 8)
    engine = CsimEngine(program, csim_library())
    words = engine.image.view(np.int64)
    table = HEADER_WORDS + layer * DESCRIPTOR_WORDS
    offset = words[table + DESCRIPTOR_FIELDS.index(f"{name}_weight")]
    rows = batch(7, program, [20, 20])
    assert first_difference(program, engine, rows) is None
    engine.image[offset + 5] ^= 4  # column 42 of output 0
    tap = {"o": "attn_sum", "ffn1": "ffn_mid", "ffn2": "ffn_sum"}.get(name, name)
    assert first_difference(program, engine, rows) == f"L{layer}.{tap}"


def test_program_beyond_the_config_is_refused_with_every_reason() -> None:
    program = random_program(1, layers=4, hidden=192, heads=16, ffn=256, max_len=30)
    with pytest.raises(InputError, match=r"max_layers is 3.*max_hidden.*max_heads.*max_ffn.*max_tokens"):
        CsimEngine(program, csim_library())


def test_rows_of_another_width_are_refused() -> None:
    program = small(1)
    engine = CsimEngine(program, csim_library())
    for rows in ([], [np.zeros((3, 71), dtype=np.int16)], [np.zeros(72, dtype=np.int16)]):
        with pytest.raises(InputError, match=r"\[l, 72\]"):
            engine.run(rows)


def test_stream_form_round_trip() -> None:
    program = small(1)
    rows = batch(3, program, [2, 5])
    data = encode_batch(rows)
    assert len(data) == sum(16 + 2 * h.size for h in rows)
    for given, back in zip(rows, decode_batch(data, 72), strict=True):
        np.testing.assert_array_equal(given, back)
