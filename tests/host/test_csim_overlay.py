# SPDX-License-Identifier: Apache-2.0
"""The real csim engine behind the emulated device, against the numpy reference of hls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.config import AcceleratorConfig
from batflow.hls.image import DESCRIPTOR_FIELDS, HEADER_WORDS
from batflow.hls.program import EncoderProgram
from batflow.hls.program_io import save_program
from batflow.hls.reference.encoder import Reference
from batflow.host.accelerator import Accelerator
from batflow.overlays.board import load_board
from batflow.overlays.bundle import pack_bundle, write_bundle
from tests.hls.kernel_library import ODD, csim_library
from tests.hls.programs import random_program

pytest.importorskip("pynq", reason="pynq is not installed: pip install batflow[board]")


def make_bundle(folder: Path, program: EncoderProgram, config: AcceleratorConfig = ODD) -> Path:
    save_program(program, folder / "program")
    values = config.model_dump()
    library = csim_library()
    return write_bundle(
        folder / "bundle",
        folder / "program",
        library,
        "csim",
        load_board("emulated"),
        config.clock_mhz,
        values,
        "estimate",
    )


@dataclass
class Setup:
    program: EncoderProgram
    accelerator: Accelerator

    def equal(self, seed: int, lengths: list[int]) -> None:
        reference = Reference(self.program)
        rng = np.random.default_rng(seed)
        rows = [rng.integers(0, self.program.shape.vocab_size, n) for n in lengths]
        for ids, result in zip(rows, self.accelerator.infer_batch(rows), strict=True):
            wanted = reference.run(ids)
            assert np.array_equal(result.logits, wanted.logits)
            assert result.label == self.program.labels[int(np.argmax(wanted.logits))]


@pytest.fixture(scope="module", params=["binary", "ternary", "wtws"])
def setup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    kind = request.param
    hidden, heads, pooling = (96, 4, "mean") if kind == "binary" else (64, 2, "cls")
    program = random_program(
        7, layers=2, hidden=hidden, heads=heads, ffn=128, max_len=24, kind=kind, pooling=pooling
    )
    folder = tmp_path_factory.mktemp(kind)
    archive = pack_bundle(make_bundle(folder, program), folder / "bundle.zip")
    with Accelerator(archive, device="emulated", timeout_s=60) as accelerator:
        yield Setup(program, accelerator)


def test_logits_equal_the_reference(setup: Setup) -> None:
    setup.equal(1, [1, 24, 13, 2, 7, 24, 1, 16])


def test_counters_and_saturations(setup: Setup) -> None:
    result = setup.accelerator.infer([2, 7, 8, 9, 3])
    reference = Reference(setup.program).run([2, 7, 8, 9, 3])
    assert result.counters["SATURATIONS"] == sum(reference.saturations.values())
    assert 0 < result.counters["CYCLES_QMM_BUSY"] <= 2 * result.latency.cycles
    assert result.latency.cycles_source == "estimate"
    assert result.latency.clock_mhz == pytest.approx(100, rel=0.01)


def test_self_test(setup: Setup) -> None:
    assert "HASH_MISMATCH" in setup.accelerator.self_test()["wrong hash"]


def test_reset_with_half_the_input_sent(setup: Setup) -> None:
    link = setup.accelerator.link
    h = np.zeros((8, setup.program.shape.hidden), np.int16)
    run = link.start([(0, h)])
    setup.accelerator.reset()
    with pytest.raises(EngineError, match="was reset"):
        link.finish(run)
    setup.equal(2, [5, 24])


def test_bad_lengths_are_named(setup: Setup) -> None:
    link, shape = setup.accelerator.link, setup.program.shape
    rows = np.zeros((3, shape.hidden), np.int16)
    too_long = np.zeros((shape.max_len + 1, shape.hidden), np.int16)
    for bad in ([(0, too_long)], [(0, rows), (1, too_long)], [(0, rows[:0]), (1, rows)]):
        with pytest.raises(EngineError, match="BAD_LENGTH"):
            link.finish(link.start(bad))
        setup.accelerator.reset()
    setup.equal(3, [3])


@pytest.mark.parametrize("lost", [8, 64, 4000])
def test_short_dma_transfer(setup: Setup, monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    channel = setup.accelerator.link.dma.sendchannel
    whole = channel.transfer
    with monkeypatch.context() as patch:
        patch.setattr(channel, "transfer", lambda array: whole(array, nbytes=array.nbytes - lost))
        with pytest.raises(EngineError, match="SHORT_INPUT"):
            setup.accelerator.infer_batch([np.arange(24), np.arange(24)])
    setup.accelerator.reset()
    setup.equal(5, [24, 24])


def test_changed_image_is_seen(setup: Setup) -> None:
    """Negative control: weights changed in memory change logits, or the equality is blind."""
    device = setup.accelerator.link.device
    address = setup.accelerator.link.registers.read("PROGRAM_ADDR")
    image = setup.accelerator.bundle.program.image
    descriptor = np.frombuffer(image, "<i8", len(DESCRIPTOR_FIELDS), HEADER_WORDS * 8)
    start = int(descriptor[DESCRIPTOR_FIELDS.index("v_weight")])
    flipped = np.frombuffer(image, np.uint8).copy()
    flipped[start : start + 128] ^= 0xFF
    device.ddr.write_bus(address, flipped.tobytes())
    rng = np.random.default_rng(9)
    rows = [rng.integers(0, 200, 24) for _ in range(3)]
    reference = Reference(setup.program)
    results = setup.accelerator.infer_batch(rows)
    device.ddr.write_bus(address, image)
    assert any(
        not np.array_equal(result.logits, reference.run(ids).logits)
        for ids, result in zip(rows, results, strict=True)
    )
    setup.equal(4, [9])


def test_program_larger_than_the_engine(tmp_path: Path) -> None:
    program = random_program(1, layers=1, hidden=64, heads=2, ffn=256, max_len=8)
    bundle = make_bundle(tmp_path, program)
    with (
        Accelerator(bundle, device="emulated", timeout_s=20) as accelerator,
        pytest.raises(EngineError, match="UNSUPPORTED_SHAPE"),
    ):
        accelerator.infer([1, 2])
