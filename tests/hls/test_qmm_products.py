# SPDX-License-Identifier: Apache-2.0
"""Every matrix product of a program on the simulated QMM engine."""

from __future__ import annotations

import numpy as np
import pytest

from batflow.errors import MissingToolError
from batflow.hls.cosim_qmm import QmmEngine
from batflow.hls.packing import WeightKind

from .programs import random_ids, random_program
from .qmm_products import cosim_sentence


@pytest.fixture(scope="module")
def engine() -> QmmEngine:
    try:
        return QmmEngine()
    except MissingToolError as exc:
        pytest.skip(str(exc))


@pytest.mark.parametrize(("kind", "bits"), [("binary", 4), ("ternary", 1), ("wtws", 2), ("binary", 8)])
def test_products_and_cycles_equal(engine: QmmEngine, kind: WeightKind, bits: int) -> None:
    program = random_program(7, bits=bits, kind=kind)
    ids = random_ids(2, program, 10)
    runs = list(cosim_sentence(program, ids, np.zeros_like(ids), engine))
    assert len(runs) == 8 * program.shape.layers
    assert all(run.mismatches == 0 and run.cycles == run.formula_cycles for run in runs)


def test_products_equal_under_backpressure(engine: QmmEngine) -> None:
    program = random_program(8, layers=1)
    ids = random_ids(3, program, 16)
    runs = list(cosim_sentence(program, ids, np.zeros_like(ids), engine, stall=80, seed=5))
    assert all(run.mismatches == 0 and run.cycles > run.formula_cycles for run in runs)


def test_one_weight_bit_is_seen(engine: QmmEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    program = random_program(9, layers=1)
    ids = random_ids(4, program, 8)
    true_parts = program.layers[0].matrices["ffn1"].parts()
    program.layers[0].matrices["ffn1"].weight[0, 5, 0] ^= np.uint64(1)
    # The expectation keeps the old weights, the engine gets the flipped bit.
    matrix_type = type(program.layers[0].matrices["ffn1"])
    honest = matrix_type.parts
    monkeypatch.setattr(
        matrix_type,
        "parts",
        lambda self: true_parts if self is program.layers[0].matrices["ffn1"] else honest(self),
    )
    runs = {run.name: run.mismatches for run in cosim_sentence(program, ids, np.zeros_like(ids), engine)}
    assert 0 < runs.pop("ffn1") <= 8
    assert not any(runs.values())
