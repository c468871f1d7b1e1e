# SPDX-License-Identifier: Apache-2.0
"""The whole accelerator in RTL: one build, many programs, every integer against the reference."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from batflow.errors import EngineError, InputError
from batflow.hls.config import AcceleratorConfig
from batflow.hls.cosim import CosimEngine
from batflow.hls.cosim_build import CosimBuild, build_cosim
from batflow.hls.packing import WeightKind
from batflow.hls.program import EncoderProgram
from batflow.hls.reference.encoder import Reference

from .programs import random_program
from .rtl_engines import require_verilator

CONFIG = AcceleratorConfig(
    max_layers=3,
    max_hidden=96,
    max_heads=6,
    max_head=32,
    max_ffn=160,
    max_tokens=24,
    v_channels=4,
    vu_lanes=4,
    ln_lanes=2,
    qu_lanes=8,
    softmax_lanes=2,
    lut_table_words=24,
)
SHAPES = ((96, 6, 160), (64, 4, 72), (32, 1, 160), (48, 6, 40))
"""Hidden size, heads, FFN size: full and partial tiles, words and heads."""
HEADS_WORD = 5
"""Word of the image's header that holds the number of heads."""
LENGTHS = (24, 1, 7, 2, 16, 5)


@functools.cache
def library() -> Path:
    """The engine of :data:`CONFIG`; registers without reset start at random values."""
    require_verilator()
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("g++ or make is absent: the cosim engine needs both")
    return build_cosim(CONFIG, CosimBuild(strict=True))


def rows(seed: int, hidden: int) -> list[npt.NDArray[np.int16]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(-9000, 9000, (length, hidden)).astype(np.int16) for length in LENGTHS]


def wrong(program: EncoderProgram, changed: EncoderProgram | None = None) -> int:
    """Integers that differ when the RTL runs ``changed`` (else ``program``) and the reference ``program``."""
    given, reference = rows(1, program.shape.hidden), Reference(program)
    engine = CosimEngine(changed or program, library())
    result = engine.run(given)
    engine.close()
    pairs = zip(result.outputs, given, strict=True)
    return sum(int((out != reference.encode(h.astype(np.int64)).hidden).sum()) for out, h in pairs)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
def test_every_kind_and_width_in_many_shapes(kind: WeightKind, bits: int) -> None:
    for seed, (hidden, heads, ffn) in enumerate(SHAPES):
        layers = 1 + seed % 3
        program = random_program(7 * bits + seed, layers, hidden, heads, ffn, 24, bits, kind)
        assert wrong(program) == 0, (hidden, heads, ffn)


def test_every_site_has_a_width_of_its_own() -> None:
    sites = ("attn_in", "q", "k", "v", "probs", "ctx", "ffn_in", "ffn_mid")
    for shift in range(4):
        bits = {site: 1 + (3 * number + shift) % 8 for number, site in enumerate(sites)}
        assert wrong(random_program(shift, 2, 96, 6, 160, 24, bits, "wtws")) == 0, bits


def test_stalls_everywhere_change_no_integer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STREAM_STALL": 40, "MEMORY_STALL": 30, "MEMORY_LATENCY": 200, "SEED": 5}.items():
        monkeypatch.setenv(f"BATFLOW_{name}", str(value))
    assert wrong(random_program(2, 3, 96, 6, 160, 24, 3, "ternary")) == 0


def test_another_programs_integers_are_told_apart() -> None:
    program, other = (random_program(seed, 2, 64, 4, 72, 24) for seed in (1, 2))
    assert wrong(program, other) > 0


def test_a_head_wider_than_the_build_is_refused_by_host_and_hardware() -> None:
    program = random_program(5, 1, 96, 2, 160, 24, 1)
    with pytest.raises(InputError, match="max_head is 32 and the program needs 48"):
        CosimEngine(program, library())
    engine = CosimEngine(random_program(5, 1, 96, 6, 160, 24, 1), library())
    engine.image.view("<u8")[HEADS_WORD] = 2
    with pytest.raises(EngineError, match="UNSUPPORTED_SHAPE"):
        engine.run(rows(1, 96))
    engine.close()
