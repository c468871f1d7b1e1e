# SPDX-License-Identifier: Apache-2.0
"""The QMM engine in RTL: exact in every mode, on time to the clock, and sound under stress."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from batflow.errors import EngineError, InputError
from batflow.hls.cosim_qmm import Product, QmmEngine, weight_operand
from batflow.hls.packing import pack_weights
from batflow.hls.qmm_cycles import qmm_cycles
from batflow.hls.qmm_protocol import Job, Kind, Operand, QmmConfig, operand

from .rtl_engines import (
    CONFIGS,
    engine,
    random_acts,
    random_product,
    random_weights,
    weight_formats,
)

NAMES = pytest.mark.parametrize("name", list(CONFIGS))


@pytest.mark.parametrize("name", [*CONFIGS, "gates"])
def test_all_modes_equal_the_integer_product(name: str) -> None:
    rng = np.random.default_rng(1)
    unit = engine(name)
    config = unit.config
    for kind, weight_bits in weight_formats(config):
        for bits in range(1, config.a_bits + 1):
            for signed in (False, True):
                tokens, outputs = (int(v) for v in rng.integers(1, 40, 2))
                k = int(rng.integers(1, 4 * config.simd + 1))
                acts = random_acts(rng, tokens, k, bits, signed)
                weights = random_weights(rng, outputs, k, kind, weight_bits)
                found, _ = unit.matmul(
                    acts, weights, act_bits=bits, act_signed=signed, weight_kind=kind, weight_bits=weight_bits
                )
                where = f"{kind}{weight_bits} x {bits} {signed} T{tokens} N{outputs} K{k}"
                assert np.array_equal(found, acts @ weights.T), where


@NAMES
def test_extreme_values(name: str) -> None:
    unit = engine(name)
    top = unit.config.a_bits
    for kind, weight_bits in weight_formats(unit.config):
        memory = kind in ("binary", "ternary")
        k = unit.config.simd * (unit.config.k_words if memory else unit.config.kv_k_words)
        low, high = (0, 1) if kind == "unsigned" else (-1, 1)
        if weight_bits > 1 and kind != "ternary":
            low, high = (0, 2**weight_bits - 1) if kind == "unsigned" else (-(2 ** (weight_bits - 1)), -1)
        for weight in (low, high):
            weights = np.full((3, k), weight)
            for value, bits, signed in (
                *((-(2 ** (top - 1)), top, top > 1), (2**top - 1, top, False), (0, top, False)),
                *((-1, 1, True), (1, 1, True), (0, 1, False), (1, 1, False)),
            ):
                if value < 0 and not signed:
                    continue
                acts = np.full((2, k), value)
                found, _ = unit.matmul(
                    acts, weights, act_bits=bits, act_signed=signed, weight_kind=kind, weight_bits=weight_bits
                )
                assert (found == value * weight * k).all(), (kind, weight, value, bits, signed)


@pytest.mark.parametrize("name", [*CONFIGS, "gates"])
def test_cycles_equal_the_formula(name: str) -> None:
    rng = np.random.default_rng(2)
    unit = engine(name)
    for trial in range(60):
        made = [random_product(rng, unit.config) for _ in range(rng.integers(1, 6))]
        products = [product for product, _ in made]
        found, cycles = unit.run(products)
        assert all(np.array_equal(a, b) for a, (_, b) in zip(found, made, strict=True))
        assert cycles == unit.cycles(products), f"trial {trial}"


def test_closed_form_of_the_header() -> None:
    config = QmmConfig()
    job = Job(range(384), range(384), token_tiles=8, act_planes=4, weight_planes=1)
    weights, acts, steps, results = 24 * 6 * 2, 4 * 6 * 2, 4 * 6, 4 * 16 // 8
    assert qmm_cycles(config, [job]) == max(weights + 2, acts) + 8 * 24 * steps + results + 11


def test_demo_shapes_at_full_rate() -> None:
    """Once the buffers are warm the array works in every clock: hidden 384, FFN 1536, 4 bits."""
    rng = np.random.default_rng(3)
    unit = engine("demo")
    for k, outputs, signed in ((384, 384, True), (384, 1536, True), (1536, 384, False)):
        acts = random_acts(rng, 32, k, 4, signed)
        weights = random_weights(rng, outputs, k, "binary", 1)
        right = weight_operand(weights, "binary", 1, k)
        product = Product(operand(acts, 4, signed, "activations"), right)
        found, cycles = unit.run([product] * 3)
        assert all(np.array_equal(acc, acts @ weights.T) for acc in found)
        steps = 3 * 8 * (outputs // 16) * (k // 64) * 4
        assert cycles == unit.cycles([product] * 3)
        assert steps / cycles > 0.9


@NAMES
@pytest.mark.parametrize("stalls", [(50, 0), (0, 50), (30, 70), (90, 90)])
def test_backpressure_changes_nothing_but_time(name: str, stalls: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(stalls))
    unit = engine(name)
    slower = 0
    for seed in range(1, 9):
        made = [random_product(rng, unit.config) for _ in range(3)]
        products = [product for product, _ in made]
        found, cycles = unit.run(products, stall_in=stalls[0], stall_out=stalls[1], seed=seed)
        assert all(np.array_equal(a, b) for a, (_, b) in zip(found, made, strict=True))
        slower += cycles - unit.cycles(products)
        # A stall may fall where no beat was due, or let a memory beat go before on-chip ones of a later job.
        if len({product.on_chip for product in products}) == 1:
            assert cycles >= unit.cycles(products)
    assert slower > 0


@NAMES
def test_reset_in_mid_job_leaves_no_trace(name: str) -> None:
    rng = np.random.default_rng(4)
    unit = engine(name)
    for _ in range(25):
        product, expected = random_product(rng, unit.config)
        cut = int(rng.integers(1, unit.cycles([product])))
        with pytest.raises(EngineError, match="did not finish within its bound"):
            unit.run([product], max_cycles=cut)
        found, cycles = unit.run([product])
        assert np.array_equal(found[0], expected)
        assert cycles == unit.cycles([product])


@NAMES
def test_one_flipped_weight_bit_shows(name: str) -> None:
    rng = np.random.default_rng(5)
    unit = engine(name)
    acts = random_acts(rng, 5, 70, 1, True)
    weights = random_weights(rng, 9, 70, "binary", 1)
    flipped = weights.copy()
    flipped[7, 69] *= -1
    good, _ = unit.matmul(acts, weights, act_bits=1, act_signed=True)
    bad, _ = unit.matmul(acts, flipped, act_bits=1, act_signed=True)
    assert np.array_equal(good, acts @ weights.T)
    assert np.argwhere(good != bad).tolist() == [[token, 7] for token in range(5)]


@pytest.mark.parametrize("kind", ["binary", "ternary"])
def test_packed_weights_of_a_program(kind: str) -> None:
    rng = np.random.default_rng(6)
    weights = random_weights(rng, 33, 100, kind, 2)  # type: ignore[arg-type]
    acts = random_acts(rng, 6, 100, 4, True)
    packed = pack_weights([weights], kind)  # type: ignore[arg-type]
    found, _ = engine("demo").matmul(acts, packed, act_bits=4, act_signed=True, weight_kind=kind)  # type: ignore[arg-type]
    assert np.array_equal(found, acts @ weights.T)


def test_rates_are_counted() -> None:
    unit = engine("demo")
    before = (unit.totals.cycles, unit.totals.binary_macs)
    _, cycles = unit.matmul(np.ones((4, 64), int), np.ones((16, 64), int), act_bits=4, act_signed=False)
    assert unit.totals.cycles - before[0] == cycles
    assert unit.totals.binary_macs - before[1] == 4 * 16 * 64 * 4
    assert unit.totals.cycles_per_s > 0
    assert unit.totals.binary_macs_per_s > 0


def _refused(unit: QmmEngine, **change: int) -> str:
    acts, weights = np.zeros((2, 8), int), np.ones((2, 8), int)
    options = {"act_bits": 4, "act_signed": True, "weight_kind": "binary", "weight_bits": 1} | change
    with pytest.raises(InputError) as caught:
        unit.matmul(acts, weights, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_bad_operands_are_named() -> None:
    unit = engine("odd")
    assert "5 activation" in _refused(unit, act_bits=6)
    assert "3 on-chip" in _refused(unit, weight_kind="signed", weight_bits=4)  # type: ignore[arg-type]
    assert "1 to 8" in _refused(unit, act_bits=9)
    assert "-1 or +1" in _refused(unit, act_bits=1)
    assert "not octal" in _refused(unit, weight_kind="octal")  # type: ignore[arg-type]
    assert "0 to 95" in _refused(unit, stall_in=96)
    with pytest.raises(InputError, match="rows of 8, weights of 9"):
        unit.matmul(np.zeros((2, 8), int), np.ones((2, 9), int), act_bits=4, act_signed=True)
    with pytest.raises(InputError, match=r"reach -9\.\.-9, outside -8\.\.7 of 4 bits"):
        unit.matmul(np.full((2, 8), -9), np.ones((2, 8), int), act_bits=4, act_signed=True)
    with pytest.raises(InputError, match="non-empty integer matrix"):
        unit.matmul(np.zeros((0, 8), int), np.ones((2, 8), int), act_bits=4, act_signed=True)
    with pytest.raises(InputError, match="cannot hold"):
        small = QmmEngine.__new__(QmmEngine)
        small.config = QmmConfig(a_words=2)
        small.matmul(np.zeros((2, 8), int), np.ones((2, 8), int), act_bits=4, act_signed=True)


def test_weights_come_by_the_stream_that_carries_them() -> None:
    unit = engine("odd")
    acts = operand(np.ones((2, 8), int), 1, True, "activations")
    bits = np.ones((1, 2, 8), np.bool_)
    with pytest.raises(InputError, match="unsigned weights cannot come from memory"):
        unit.run([Product(acts, Operand(bits, Kind.UNSIGNED))])
    with pytest.raises(InputError, match="ternary weights cannot come on chip"):
        unit.run([Product(acts, Operand(np.repeat(bits, 2, 0), Kind.TERNARY), on_chip=True)])


def test_pairs_of_binary_rows() -> None:
    """WTWS: the two parts of a channel are rows 2 * channel + part of one product."""
    rng = np.random.default_rng(10)
    acts = random_acts(rng, 7, 100, 2, True)
    parts = [random_weights(rng, 21, 100, "binary", 1) for _ in range(2)]
    rows = np.stack(parts, axis=1).reshape(-1, 100)
    found, _ = engine("wide").matmul(acts, rows, act_bits=2, act_signed=True)
    for number, part in enumerate(parts):
        assert np.array_equal(found[:, number::2], acts @ part.T)


@pytest.mark.parametrize("heads", [2, 12])
def test_short_tiles_fill_the_time_of_long_results(heads: int) -> None:
    """Scores of 1 bit make a tile a step; with room for them the array does not wait for the output."""
    config = QmmConfig(result_tiles=32, jobs=32, out_lanes=16)
    score = Job(range(128), range(64), token_tiles=4, act_planes=1, weight_planes=1, on_chip=True)
    linear = Job(range(128), range(1536), token_tiles=4, act_planes=1, weight_planes=1)
    steps = heads * 4 * 8 * (1 + 24)
    few = qmm_cycles(dataclasses.replace(config, result_tiles=2), [score, linear] * heads)
    many = qmm_cycles(config, [score, linear] * heads)
    start = 24 * 8 * 16 + 2
    assert many < few
    assert many - start < 1.02 * steps + 60 * heads


def test_no_bubble_between_short_jobs() -> None:
    """One step a tile, one tile a job: jobs follow each other in every clock once all is loaded."""
    rng = np.random.default_rng(11)
    unit = engine("serial")
    acts, weights = random_acts(rng, 16, 128, 1, True), random_weights(rng, 16, 128, "binary", 1)
    right = weight_operand(weights, "binary", 1, 128)
    products = [Product(operand(acts, 1, True, "activations"), right)] * 4
    found, cycles = unit.run(products)
    assert all(np.array_equal(acc, acts @ weights.T) for acc in found)
    assert cycles == unit.cycles(products)
