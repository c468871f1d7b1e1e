# SPDX-License-Identifier: Apache-2.0
"""FINN as an engine in a process of its own: every tap, the simulated layer, what is kept and refused."""

from __future__ import annotations

from . import needs_finn  # noqa: F401  # isort: skip

from pathlib import Path

import numpy as np
import pytest

from batflow.errors import InputError
from batflow.files import read_json
from batflow.hls import kept_build
from batflow.hls.finn import rows as worker
from batflow.hls.finn.engine import FinnEngine, FinnRtlEngine, Rows, taps_of
from batflow.hls.packing import WeightKind
from batflow.hls.program import EncoderProgram
from batflow.hls.reference.encoder import Reference

from ..programs import random_program
from ..rtl_engines import require_verilator
from .finn_layers import with_flipped_weight


def batch(program: EncoderProgram, lengths: list[int]) -> list[Rows]:
    rng = np.random.default_rng(len(lengths))
    return [rng.integers(-4000, 4000, (n, program.shape.hidden)).astype(np.int16) for n in lengths]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BATFLOW_CACHE", str(tmp_path))
    return tmp_path / "finn"


@pytest.mark.parametrize("kind", ["binary", "wtws"])
def test_every_tap_of_every_length_equals_the_reference(kind: WeightKind) -> None:
    program = random_program(11, 2, 16, 2, 32, 8, 4, kind)
    rows = batch(program, [8, 3, 8, 1])
    result = FinnEngine(program).run(rows, trace=True)
    for h, out, taps in zip(rows, result.outputs, result.traces, strict=True):
        wanted = Reference(program).encode(h.astype(np.int64))
        assert np.array_equal(out, wanted.hidden)
        assert taps.keys() == wanted.taps.keys()
        assert all(np.array_equal(taps[tap], wanted.taps[tap]) for tap in taps)


def test_a_simulated_layer_is_built_once_and_equals_the_reference(cache: Path) -> None:
    require_verilator()
    program = random_program(12, 2, 16, 2, 32, 4)
    rows = batch(program, [4, 4])
    for _ in range(2):
        result = FinnRtlEngine(program).run(rows, trace=True)
        for h, out, taps in zip(rows, result.outputs, result.traces, strict=True):
            wanted = Reference(program).encode(h.astype(np.int64))
            assert np.array_equal(out, wanted.hidden)
            assert list(taps) == ["L0.ffn_out"]
            assert np.array_equal(taps["L0.ffn_out"], wanted.taps["L0.ffn_out"])
        assert len(list(cache.glob("*.json"))) == 1
    (record,) = cache.glob("*.json")
    assert kept_build._known(record, worker._is_whole) and not list(cache.rglob("*.gch"))

    # Negative control: another weight is another circuit.
    changed = FinnRtlEngine(with_flipped_weight(program, "ffn1")).run(rows)
    assert not all(map(np.array_equal, changed.outputs, result.outputs))
    assert len(list(cache.glob("*.json"))) == 2

    # A simulation whose memories are gone would answer with zeros: it is not used.
    for memory in Path(read_json(record)["library"]).parent.parent.rglob("*.dat"):
        memory.unlink()
    assert not kept_build._known(record, worker._is_whole)


def test_the_clocks_of_a_wide_layer_bound_its_parallelism() -> None:
    assert worker.clocks(random_program(1, 1, 16, 2, 32, 4).shape, 4) == worker.CLOCKS
    wide = random_program(1, 1, 256, 2, 1024, 64).shape
    assert worker.clocks(wide, 64) == 64 * 256 * 1024 // worker.WIDEST


def test_a_refusal_of_the_other_process_is_the_users_error() -> None:
    program = random_program(12, 1, 16, 2, 32, 4)
    with pytest.raises(InputError, match=r"length 5 was asked for; this model takes 1\.\.4"):
        FinnEngine(program).run(batch(program, [5]))
    with pytest.raises(InputError, match=r"has 0\.\.0"):
        taps_of(program, batch(program, [4]), 1)
    for wrong in ([], [np.zeros((4, 8), np.int16)], [np.zeros(16, np.int16)]):
        with pytest.raises(InputError, match=r"rows \[l, 16\]"):
            FinnEngine(program).run(wrong)
