# SPDX-License-Identifier: Apache-2.0
"""Every error code of the register table, the register file, and recovery after each fault."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from batflow.errors import EngineError, FormatError
from batflow.hls import csim
from batflow.hls.csim import BASE, CsimEngine, encode_batch
from batflow.hls.csim_build import KERNELS, compile_library
from batflow.hls.engine import Engine
from batflow.hls.image import DESCRIPTOR_FIELDS, DESCRIPTOR_WORDS, HEADER_WORDS
from batflow.hls.reference.encoder import Reference
from batflow.hls.registers.table import ERRORS, REGISTERS, VERSION, by_name

from .kernel_library import ODD, csim_library
from .programs import random_program

CODES = {name: code for code, (name, _) in ERRORS.items()}
PROGRAM = random_program(1, hidden=64, heads=4, ffn=96, max_len=16)
HEADER = {"bytes": 1, "layers": 3, "hidden": 4, "heads": 5, "ffn": 6, "max_len": 7, "table": 8, "stride": 9}


def rows(length: int = 5, seed: int = 0) -> npt.NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-8000, 8000, size=(length, 64)).astype(np.int16)


@pytest.fixture
def bench() -> Iterator[CsimEngine]:
    engine = CsimEngine(PROGRAM, csim_library())
    yield engine
    engine.close()


def works(bench: CsimEngine) -> None:
    """A clean run gives the reference's integers."""
    h = rows(7, 3)
    expected = Reference(PROGRAM).encode(h.astype(np.int64)).hidden
    np.testing.assert_array_equal(bench.run([h]).outputs[0], expected)


def run_raw(bench: CsimEngine, data: bytes, batch: int = 1, last: bool = True) -> str:
    """Start, push ``data``, run to the end; the error's name. Bounded by the input watchdog."""
    bench._start(batch)
    bench.engine.push(data, last)
    for _ in range(1 << 5):
        if not bench.engine.advance(1 << 16):
            return ERRORS[bench.engine.read_register("ERROR")][0]
    raise AssertionError("the run did not end")


def recovers(bench: CsimEngine) -> None:
    bench.engine.write_register("SOFT_RESET", 1)
    assert bench.engine.read_register("ERROR") == 0
    works(bench)


def test_bad_magic(bench: CsimEngine) -> None:
    bench.image[0] ^= 1
    with pytest.raises(EngineError, match=r"engine error 1 BAD_MAGIC: no program image"):
        bench.run([rows()])
    bench.image[0] ^= 1
    works(bench)


def test_hash_mismatch_is_told_before_any_input(bench: CsimEngine) -> None:
    bench.image[16] ^= 1
    assert run_raw(bench, b"", last=False) == "HASH_MISMATCH"
    bench.image[16] ^= 1
    recovers(bench)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("layers", ODD.max_layers + 1, "UNSUPPORTED_SHAPE"),
        ("hidden", ODD.max_hidden + 8, "UNSUPPORTED_SHAPE"),
        ("hidden", 62, "UNSUPPORTED_SHAPE"),
        ("hidden", 0, "UNSUPPORTED_SHAPE"),
        ("heads", ODD.max_heads + 1, "UNSUPPORTED_SHAPE"),
        ("heads", 5, "UNSUPPORTED_SHAPE"),
        ("heads", 0, "UNSUPPORTED_SHAPE"),
        ("ffn", ODD.max_ffn + 1, "UNSUPPORTED_SHAPE"),
        ("max_len", ODD.max_tokens + 1, "UNSUPPORTED_SHAPE"),
        ("layers", (1 << 63) - 1, "UNSUPPORTED_SHAPE"),
        ("bytes", 64, "BAD_DESCRIPTOR"),
        ("table", 4, "BAD_DESCRIPTOR"),
        ("table", 1 << 62, "BAD_DESCRIPTOR"),
        ("stride", 8, "BAD_DESCRIPTOR"),
    ],
)
def test_header_words(bench: CsimEngine, field: str, value: int, error: str) -> None:
    words = bench.image.view(np.int64)
    saved = words[HEADER[field]]
    words[HEADER[field]] = value
    assert run_raw(bench, encode_batch([rows()])) == error
    words[HEADER[field]] = saved
    recovers(bench)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("q_weight", 1 << 40),
        ("k_weight", -64),
        ("v_weight", 0),
        ("o_constants", "end"),
        ("ffn1_constants", 1 << 62),
        ("ffn2_weight", 4104),
        ("ln1_constants", "end"),
        ("ln2_constants", -(1 << 63)),
        ("q_kind", 3),
        ("ffn2_kind", -1),
        ("o_shift", 41),
        ("attn_in_m", 1 << 15),
        ("ctx_c", 1 << 45),
        ("ffn_in_shift", -1),
        ("softmax_scale_shift", 0),
        ("softmax_reciprocal", 1 << 39),
        ("softmax_shift", 47),
        ("ln1_epsilon", 0),
        ("ln2_shift", 41),
        ("probs_bits", 0),
        ("ffn_mid_bits", 9),
    ],
)
@pytest.mark.parametrize("layer", [0, 1])
def test_bad_descriptor(bench: CsimEngine, field: str, value: int | str, layer: int) -> None:
    words = bench.image.view(np.int64)
    at = HEADER_WORDS + layer * DESCRIPTOR_WORDS + DESCRIPTOR_FIELDS.index(field)
    saved = words[at]
    words[at] = len(bench.image) if value == "end" else value
    assert run_raw(bench, encode_batch([rows()])) == "BAD_DESCRIPTOR"
    words[at] = saved
    recovers(bench)


@pytest.mark.parametrize("length", [0, 17, 1 << 31])
def test_bad_length(bench: CsimEngine, length: int) -> None:
    good = encode_batch([rows()])
    assert run_raw(bench, struct.pack("<IIQ", 0, length, 0) + bytes(64)) == "BAD_LENGTH"
    recovers(bench)
    assert run_raw(bench, good + struct.pack("<IIQ", 1, length, 0) + bytes(64), batch=2) == "BAD_LENGTH"
    recovers(bench)


@pytest.mark.parametrize("cut", [1, 2, 8, 16, 128, 648, 655])
@pytest.mark.parametrize("last", [True, False])
def test_short_input_ends_within_a_bounded_time(bench: CsimEngine, cut: int, last: bool) -> None:
    data = encode_batch([rows()])
    assert len(data) == 656
    assert run_raw(bench, data[: len(data) - cut], last=last) == "SHORT_INPUT"
    recovers(bench)


def test_tlast_between_sequences_is_short_input(bench: CsimEngine) -> None:
    assert run_raw(bench, encode_batch([rows()]), batch=2) == "SHORT_INPUT"
    recovers(bench)


def test_start_during_a_run_is_refused_and_the_run_goes_on(bench: CsimEngine) -> None:
    h, engine = rows(), bench.engine
    bench._start(1)
    assert engine.advance(1)
    assert engine.read_register("CTRL") == 1
    engine.write_register("CTRL", 1)
    assert engine.read_register("ERROR") == CODES["BUSY"]
    engine.push(encode_batch([h]))
    assert not engine.advance(1)
    assert engine.read_register("ERROR") == CODES["BUSY"]
    output = csim.decode_batch(bench._output(), 64)[0]
    np.testing.assert_array_equal(output, Reference(PROGRAM).encode(h.astype(np.int64)).hidden)
    works(bench)


@pytest.mark.parametrize("address", [0, BASE - 64, BASE + 8, BASE + 4, 1 << 40, (1 << 64) - 64])
def test_address_outside_memory_is_a_bus_error(bench: CsimEngine, address: int) -> None:
    bench._start(1)
    bench.engine.write_register("PROGRAM_ADDR", address)
    bench.engine.push(encode_batch([rows()]))
    assert not bench.engine.advance(1)
    assert bench.engine.read_register("ERROR") == CODES["BUS_ERROR"]
    assert "bus error" in bench.engine.last_error()
    recovers(bench)


def test_truncated_image_is_a_bus_error_in_the_middle_of_a_run() -> None:
    whole = CsimEngine(PROGRAM, csim_library())
    memory = whole.image[: len(whole.image) - 4096].copy()
    cut = CsimEngine(PROGRAM, csim_library())
    cut.engine = Engine(csim_library(), memory, BASE)
    assert run_raw(cut, encode_batch([rows()])) == "BUS_ERROR"
    cut.engine = whole.engine
    works(cut)


def test_batch_of_zero(bench: CsimEngine) -> None:
    assert run_raw(bench, b"", batch=0, last=False) == "BAD_BATCH"
    recovers(bench)


def test_rows_that_never_come_are_a_named_deadlock(tmp_path: Path) -> None:
    """A fault in the kernels themselves: the process that feeds rows drops the last row tile."""
    csim_library()
    shutil.copytree(KERNELS, tmp_path / "kernels")
    shutil.copy(KERNELS.parent / "engine_abi.h", tmp_path)
    header = tmp_path / "kernels" / "feed.hpp"
    text = header.read_text()
    assert text.count("rt < loops.row_tiles") == 1
    header.write_text(text.replace("rt < loops.row_tiles", "rt + 1 < loops.row_tiles"))
    library = compile_library(ODD, [tmp_path / "kernels" / "csim_abi.cpp"], "faulty")
    engine = CsimEngine(PROGRAM, library)
    with pytest.raises(EngineError, match=r"error 9 DEADLOCK.*mha\.qmm waits .* stream mha\.a \(depth 16\)"):
        engine.run([rows()])


def test_every_error_code_has_a_case_here() -> None:
    text = Path(__file__).read_text()
    # INTERNAL comes from units of the RTL alone: test_cosim_control.py.
    wanted = CODES.keys() - {"NONE", "INTERNAL"}
    assert all(f'"{name}"' in text or f" {name}" in text for name in wanted)


def test_done_is_cleared_by_reading_and_interrupts_follow_their_enables(bench: CsimEngine) -> None:
    engine = bench.engine
    assert engine.read_register("CTRL") == 0b1100
    engine.write_register("IER", 1)
    works(bench)
    assert engine.read_register("CTRL") == 0b1110
    assert engine.read_register("CTRL") == 0b1100
    assert engine.read_register("ISR") == 1
    engine.write_register("ISR", 1)
    assert engine.read_register("ISR") == 0
    engine.write_register("IER", 2)
    works(bench)
    assert engine.read_register("ISR") == 0
    run_raw(bench, b"", batch=0, last=False)
    assert engine.read_register("ISR") == 2


@pytest.mark.parametrize("offset", [0x1, 0x82, 0x14C, 0x18, 0x48, 0xFFFF_FFFC, 0x104])
def test_unknown_and_unaligned_offsets_are_errors(bench: CsimEngine, offset: int) -> None:
    for access in (lambda: bench.engine.read(offset), lambda: bench.engine.write(offset, 1)):
        with pytest.raises(EngineError, match=f"register offset {offset} "):
            access()


def test_read_only_registers_keep_their_values(bench: CsimEngine) -> None:
    for register in REGISTERS:
        if register.access == "ro":
            before = bench.engine.read_register(register.name)
            bench.engine.write_register(register.name, before ^ 0xFF)
            assert bench.engine.read_register(register.name) == before
    assert bench.engine.read_register("VERSION") == VERSION
    assert bench.engine.read_register("CONFIG_HASH") == int(ODD.config_hash(), 16)


def test_wide_registers_keep_both_words(bench: CsimEngine) -> None:
    bench.engine.write_register("PROGRAM_ADDR", 0x1234_5678_9ABC_DEF0)
    assert bench.engine.read(by_name("PROGRAM_ADDR").offset) == 0x9ABC_DEF0
    assert bench.engine.read(by_name("PROGRAM_ADDR").offset + 4) == 0x1234_5678


@pytest.mark.parametrize("power_on", [True, False])
def test_reset_in_the_middle_of_a_run(bench: CsimEngine, power_on: bool) -> None:
    bench._start(1)
    bench.engine.push(encode_batch([rows()])[:400], last=False)
    assert bench.engine.advance(1)
    if power_on:
        bench.engine.reset()
    else:
        bench.engine.write_register("SOFT_RESET", 1)
    assert bench.engine.read_register("CTRL") == 0b1100
    assert bench.engine.read_register("BATCH") == (0 if power_on else 1)
    assert bench.engine.pop(16) == (b"", False)
    works(bench)


def test_close_in_the_middle_of_a_run() -> None:
    bench = CsimEngine(PROGRAM, csim_library())
    bench._start(1)
    bench.engine.push(encode_batch([rows()])[:400], last=False)
    assert bench.engine.advance(1)
    bench.close()
    bench.close()


def test_input_may_come_in_pieces_and_before_the_start(bench: CsimEngine) -> None:
    h = [rows(6, 1), rows(2, 2)]
    data, engine = encode_batch(h), bench.engine
    engine.push(data[:13], last=False)
    bench._start(2)
    for at in range(13, len(data), 37):
        assert engine.advance(100)
        engine.push(data[at : at + 37], last=at + 37 >= len(data))
    bench._wait()
    for given, output in zip(h, csim.decode_batch(bench._output(), 64), strict=True):
        np.testing.assert_array_equal(output, Reference(PROGRAM).encode(given.astype(np.int64)).hidden)


def test_output_pops_in_pieces_with_last_on_the_end(bench: CsimEngine) -> None:
    assert run_raw(bench, encode_batch([rows(1), rows(2)]), batch=2) == "NONE"
    pieces = []
    while not pieces or not pieces[-1][1]:
        pieces.append(bench.engine.pop(50))
    assert [last for _, last in pieces] == [False] * (len(pieces) - 1) + [True]
    assert sum(len(data) for data, _ in pieces) == 16 + 128 + 16 + 256


def test_unknown_tap_is_an_error(bench: CsimEngine) -> None:
    bench.run([rows()], trace=True)
    for where in ((1, 0, 0), (0, 2, 0), (0, 0, 12)):
        with pytest.raises(EngineError, match="no tap"):
            bench.engine.trace(*where)
    bench.run([rows()])
    with pytest.raises(EngineError, match="no tap"):
        bench.engine.trace(0, 0, 0)


def test_random_damage_to_header_and_descriptors_never_hangs_or_crashes(bench: CsimEngine) -> None:
    rng = np.random.default_rng(0)
    words, clean = bench.image.view(np.int64), bench.image.copy()
    end = HEADER_WORDS + 2 * DESCRIPTOR_WORDS
    seen = set()
    for _ in range(300):
        words[rng.integers(0, end)] ^= np.int64(1) << np.int64(rng.integers(0, 63))
        seen.add(run_raw(bench, encode_batch([rows(3)])))
        bench.image[:] = clean
        bench.engine.write_register("SOFT_RESET", 1)
    assert {"NONE", "BAD_MAGIC", "HASH_MISMATCH", "UNSUPPORTED_SHAPE", "BAD_DESCRIPTOR"} <= seen
    works(bench)


def test_a_file_that_is_no_engine_is_a_format_error(tmp_path: Path) -> None:
    path = tmp_path / "engine.so"
    path.write_bytes(b"not a library")
    with pytest.raises(FormatError, match="is no engine library"):
        Engine(path, np.zeros(64, dtype=np.uint8))
