# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import EngineError, InputError, MissingToolError
from batflow.hls.program import EncoderProgram
from batflow.hls.reference import host as reference
from batflow.host.accelerator import BATCH, Accelerator

pytest.importorskip("pynq", reason="pynq is not installed: pip install batflow[board]")

ADDED = 3
"""What the stand-in engine adds to every int16."""


@pytest.fixture
def accelerator(bundle_dir: Path, mode: pytest.MonkeyPatch) -> Iterator[Accelerator]:
    with Accelerator(bundle_dir, device="emulated", timeout_s=0.5) as opened:
        yield opened


def expected_logits(program: EncoderProgram, ids: np.ndarray) -> np.ndarray:
    h = reference.embed(program.host, ids, np.zeros_like(ids)).astype(np.int16) + np.int16(ADDED)
    mask = np.ones(len(ids), dtype=bool)
    return reference.classify(program.host, reference.pool(h.astype(np.int64), mask, program.host.pooling))


def random_rows(program: EncoderProgram, lengths: list[int], seed: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, program.shape.vocab_size, size=n) for n in lengths]


def test_logits_of_every_length(accelerator: Accelerator, program: EncoderProgram) -> None:
    rows = random_rows(program, list(range(1, program.shape.max_len + 1)))
    for ids, result in zip(rows, accelerator.infer_batch(rows), strict=True):
        assert np.array_equal(result.logits, expected_logits(program, ids))
        assert result.label == program.labels[int(np.argmax(result.logits))]
        assert result.logits.dtype == np.int64


def test_negative_control(accelerator: Accelerator, program: EncoderProgram) -> None:
    (ids,) = random_rows(program, [9])
    other = ids.copy()
    other[4] = (other[4] + 1) % program.shape.vocab_size
    assert not np.array_equal(accelerator.infer(other).logits, expected_logits(program, ids))


def test_more_sequences_than_one_run(accelerator: Accelerator, program: EncoderProgram) -> None:
    rows = random_rows(program, [1 + i % program.shape.max_len for i in range(2 * BATCH + 5)])
    results = accelerator.infer_batch(rows)
    assert [r.batch for r in results] == [BATCH] * (2 * BATCH) + [5] * 5
    assert len({r.tag for r in results}) == len(results)
    for ids, result in zip(rows, results, strict=True):
        assert np.array_equal(result.logits, expected_logits(program, ids))


def test_text_and_list_of_texts(accelerator: Accelerator, program: EncoderProgram) -> None:
    one = accelerator.infer("w3 W10 nonsense")
    ids = np.array([2, 5 + 3, 5 + 10, 1, 3])
    assert np.array_equal(one.logits, expected_logits(program, ids))
    assert (one.unknown, one.tokens, one.batch) == (1, 5, 1)
    both = accelerator.infer(["w3 w10 nonsense", "w1"])
    assert np.array_equal(both[0].logits, one.logits)
    assert len(both) == 2


def test_pair_has_types(accelerator: Accelerator, program: EncoderProgram) -> None:
    result = accelerator.infer("w3", pair="w4")
    ids, types = np.array([2, 8, 3, 9, 3]), np.array([0, 0, 0, 1, 1])
    h = (reference.embed(program.host, ids, types).astype(np.int16) + np.int16(ADDED)).astype(np.int64)
    pooled = reference.pool(h, np.ones(5, dtype=bool), program.host.pooling)
    assert np.array_equal(result.logits, reference.classify(program.host, pooled))
    again = accelerator.infer_batch([("w3", "w4")])[0]
    assert np.array_equal(again.logits, result.logits)


def test_latency_names_its_source(accelerator: Accelerator) -> None:
    latency = accelerator.infer([2, 7, 3]).latency
    assert latency.cycles_source == "estimate"
    assert latency.cycles == 100 * (16 + 3 * 2 * 32)
    assert latency.clock_mhz == pytest.approx(250, rel=0.001)
    assert 0 < latency.dma_us <= latency.wall_us
    assert 0 < latency.host_us <= latency.wall_us
    result = accelerator.infer([2, 3]).to_json()
    assert result["latency"]["engine_us"] == pytest.approx(result["latency"]["cycles"] / 249.9975)


@pytest.mark.parametrize("ids", [[], list(range(25)), [-1], [200], [1.5], [[1, 2]], 7])
def test_bad_ids_start_nothing(accelerator: Accelerator, ids: object) -> None:
    with pytest.raises(InputError):
        accelerator.infer(ids)  # type: ignore[call-overload]
    assert accelerator.registers()["CTRL"] & 4
    assert accelerator.infer([1]).tokens == 1


@pytest.mark.parametrize("given", ["", "  \t", [], ["w1", ""]])
def test_empty_text(accelerator: Accelerator, given: object) -> None:
    with pytest.raises(InputError):
        accelerator.infer(given)  # type: ignore[call-overload]


def test_long_text_is_cut(accelerator: Accelerator, program: EncoderProgram) -> None:
    assert accelerator.infer("w1 " * 100).tokens == program.shape.max_len


def test_self_test(accelerator: Accelerator) -> None:
    seen = accelerator.self_test()
    assert set(seen) == {"clock", "repeat", "wrong hash", "after reset"}
    assert "HASH_MISMATCH" in seen["wrong hash"]


def works(accelerator: Accelerator, program: EncoderProgram) -> bool:
    (ids,) = random_rows(program, [program.shape.max_len], seed=11)
    return bool(np.array_equal(accelerator.infer(ids).logits, expected_logits(program, ids)))


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("stall", "timeout after 0.5 s"),
        ("short", "short transfer"),
        ("tag", "which was not asked"),
        ("deadlock", "DEADLOCK"),
    ],
)
def test_engine_fault_then_reset(
    accelerator: Accelerator, program: EncoderProgram, mode: pytest.MonkeyPatch, fault: str, text: str
) -> None:
    mode.setenv("FAKE_MODE", fault)
    began = time.perf_counter()
    with pytest.raises(EngineError, match=text) as caught:
        accelerator.infer([1, 2, 3])
    assert time.perf_counter() - began < 2
    assert "S2MM_DMASR" in str(caught.value)
    assert "ERROR=" in str(caught.value)
    mode.delenv("FAKE_MODE")
    with pytest.raises(EngineError, match=r"call reset\(\)"):
        accelerator.infer([1, 2, 3])
    accelerator.reset()
    assert works(accelerator, program)


def test_deadlock_names_the_streams(accelerator: Accelerator, mode: pytest.MonkeyPatch) -> None:
    mode.setenv("FAKE_MODE", "deadlock")
    with pytest.raises(EngineError, match=r"softmax\.out is full"):
        accelerator.infer([1])


def test_start_while_busy(
    accelerator: Accelerator, program: EncoderProgram, mode: pytest.MonkeyPatch
) -> None:
    mode.setenv("FAKE_MODE", "slow")
    h = np.ones((2, 32), np.int16)
    run = accelerator.link.start([(0, h)])
    with pytest.raises(EngineError, match="BUSY"):
        accelerator.link.start([(1, h)])
    found, _ = accelerator.link.finish(run)
    assert np.array_equal(found[0], h + ADDED)
    mode.delenv("FAKE_MODE")
    assert works(accelerator, program)


def test_hardware_refuses_a_second_start(accelerator: Accelerator, mode: pytest.MonkeyPatch) -> None:
    mode.setenv("FAKE_MODE", "slow")
    h = np.ones((2, 32), np.int16)
    run = accelerator.link.start([(0, h)])
    accelerator.link.registers.write("CTRL", 1)
    assert accelerator.link.registers.read("ERROR") == 6
    found, _ = accelerator.link.finish(run)
    assert np.array_equal(found[0], h + ADDED)


def test_reset_in_the_middle_of_a_run(
    accelerator: Accelerator, program: EncoderProgram, mode: pytest.MonkeyPatch
) -> None:
    mode.setenv("FAKE_MODE", "slow")
    run = accelerator.link.start([(0, np.ones((2, 32), np.int16))])
    accelerator.reset()
    with pytest.raises(EngineError, match="was reset"):
        accelerator.link.finish(run)
    mode.delenv("FAKE_MODE")
    assert works(accelerator, program)


@pytest.mark.parametrize(
    ("register", "value", "text"),
    [
        ("PROGRAM_HASH", 1, "HASH_MISMATCH: the image in memory"),
        ("PROGRAM_ADDR", 0x1000_0000 + (1 << 28), "BAD_MAGIC"),
        ("PROGRAM_ADDR", 0x40, "BUS_ERROR"),
    ],
)
def test_wrong_register_is_named(
    accelerator: Accelerator, program: EncoderProgram, register: str, value: int, text: str
) -> None:
    accelerator.link.registers.write(register, value)
    with pytest.raises(EngineError, match=text):
        accelerator.infer([1])
    accelerator.reset()
    assert works(accelerator, program)


def test_image_is_aligned_and_flushed(accelerator: Accelerator) -> None:
    address = accelerator.link.registers.read("PROGRAM_ADDR")
    image = accelerator.bundle.program.image
    assert address % 64 == 0
    assert accelerator.link.device.ddr.read_bus(address, len(image)) == image


def test_close_gives_all_memory_back(bundle_dir: Path, mode: pytest.MonkeyPatch) -> None:
    with Accelerator(bundle_dir, device="emulated", timeout_s=0.2) as accelerator:
        ddr = accelerator.link.device.ddr
        before = ddr.used
        accelerator.infer([1, 2])
        assert ddr.used == before
        mode.setenv("FAKE_MODE", "stall")
        with pytest.raises(EngineError):
            accelerator.infer([1, 2])
    assert ddr.used == 0
    accelerator.close()


def test_register_map_of_another_major(bundle_dir: Path, accelerator: Accelerator) -> None:
    from dataclasses import replace

    bundle = accelerator.bundle
    other = replace(bundle, registers=replace(bundle.registers, version=0x2_0000))
    with pytest.raises(EngineError, match="register map"):
        Accelerator(other, device="emulated")
    wrong = replace(bundle, manifest=replace(bundle.manifest, config_hash="0" * 16))
    with pytest.raises(EngineError, match="config"):
        Accelerator(wrong, device="emulated")


def test_another_overlay_in_between(bundle_dir: Path, accelerator: Accelerator) -> None:
    used = accelerator.link.device.ddr.used
    with Accelerator(bundle_dir, device="emulated") as other:
        assert other.infer([1]).tokens == 1
        for use in (lambda: accelerator.infer([1]), accelerator.reset):
            with pytest.raises(EngineError, match="another overlay"):
                use()
    assert accelerator.link.device.ddr.used == used


def test_no_board_here(bundle_dir: Path) -> None:
    with pytest.raises(MissingToolError, match="emulated"):
        Accelerator(bundle_dir, device="board")
    with pytest.raises(InputError, match="unknown"):
        Accelerator(bundle_dir, device="fpga")
    with pytest.raises(InputError, match="timeout_s"):
        Accelerator(bundle_dir, timeout_s=0)
    with Accelerator(bundle_dir) as accelerator:
        assert accelerator.device_kind == "emulated"
