# SPDX-License-Identifier: Apache-2.0
"""Registers, streams and error codes: csim and the RTL's control answer alike."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.csim import BASE, decode_batch, encode_batch
from batflow.hls.registers.table import ERRORS, REGISTERS, VERSION, by_name

from .engine_benches import Bench, Rows, make_bench, rows
from .kernel_library import ODD

CODES = {name: code for code, (name, _) in ERRORS.items()}
HEADER = {"bytes": 1, "layers": 3, "hidden": 4, "heads": 5, "ffn": 6, "max_len": 7, "table": 8, "stride": 9}


@pytest.fixture(scope="module", params=["csim", "cosim"])
def shared(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = make_bench(request.param)
    yield bench
    bench.engine.close()


@pytest.fixture
def bench(shared: Bench) -> Bench:
    shared.engine.engine.reset()
    return shared


def test_a_batch_of_many_lengths(bench: Bench) -> None:
    bench.check([rows(length, length) for length in (5, 16, 1, 7, 16, 2)])
    bench.check([rows(3, 9)])


def test_registers_after_reset(bench: Bench) -> None:
    config = bench.engine.engine.info["config_hash"]
    wanted = {"CTRL": 0b1100, "VERSION": VERSION, "CONFIG_HASH": int(config, 16)}
    for register in REGISTERS:
        assert bench.engine.engine.read_register(register.name) == wanted.get(register.name, 0), register.name


def test_settings_keep_what_is_written(bench: Bench) -> None:
    engine, width = bench.engine.engine, {"GIE": 1, "IER": 2, "BATCH": 32}
    for name, bits in (*width.items(), ("PROGRAM_ADDR", 64), ("PROGRAM_HASH", 64)):
        for value in (0x1234_5678_9ABC_DEF1, 0xFEDC_BA98_7654_3212, 0):
            engine.write_register(name, value)
            assert engine.read_register(name) == value & ((1 << bits) - 1), name
    engine.write_register("PROGRAM_ADDR", 0x1234_5678_9ABC_DEF0)
    assert engine.read(by_name("PROGRAM_ADDR").offset) == 0x9ABC_DEF0
    assert engine.read(by_name("PROGRAM_ADDR").offset + 4) == 0x1234_5678


def test_read_only_registers_keep_their_values(bench: Bench) -> None:
    for register in REGISTERS:
        if register.access == "ro":
            before = bench.engine.engine.read_register(register.name)
            bench.engine.engine.write_register(register.name, before ^ 0xFF)
            assert bench.engine.engine.read_register(register.name) == before


@pytest.mark.parametrize("offset", [0x1, 0x82, 0x14C, 0x18, 0x48, 0x130, 0xFFC, 0xFFFF_FFFC, 0x104])
def test_unknown_and_unaligned_offsets_are_errors(bench: Bench, offset: int) -> None:
    for access in (lambda: bench.engine.engine.read(offset), lambda: bench.engine.engine.write(offset, 1)):
        with pytest.raises(EngineError, match=f"register offset {offset} "):
            access()


def test_every_offset_of_the_aperture(bench: Bench) -> None:
    known = {r.offset + 4 * word for r in REGISTERS for word in range(r.words)}
    for offset in range(0, 0x200, 4):
        if offset in known:
            bench.engine.engine.read(offset)
        else:
            with pytest.raises(EngineError):
                bench.engine.engine.read(offset)


def test_done_is_cleared_by_reading_and_interrupts_follow_their_enables(bench: Bench) -> None:
    engine = bench.engine.engine
    assert engine.read_register("CTRL") == 0b1100
    engine.write_register("IER", 1)
    bench.check([rows()])
    assert engine.read_register("CTRL") == 0b1110
    assert engine.read_register("CTRL") == 0b1100
    assert engine.read_register("ISR") == 1
    engine.write_register("ISR", 1)
    assert engine.read_register("ISR") == 0
    engine.write_register("ISR", 2)
    assert engine.read_register("ISR") == 2
    engine.write_register("ISR", 2)
    engine.write_register("IER", 2)
    bench.check([rows()])
    assert engine.read_register("ISR") == 0
    assert bench.run_raw(b"", batch=0, last=False) == "BAD_BATCH"
    assert engine.read_register("ISR") == 2


def test_start_clears_done(bench: Bench) -> None:
    bench.check([rows()])
    bench.start()
    assert bench.engine.engine.read_register("CTRL") == 1


def test_start_during_a_run_is_refused_and_the_run_goes_on(bench: Bench) -> None:
    h, engine = rows(), bench.engine.engine
    bench.start()
    assert engine.advance(1)
    assert engine.read_register("CTRL") == 1
    engine.write_register("CTRL", 1)
    assert engine.read_register("ERROR") == CODES["BUSY"]
    assert "start was written during a run" in engine.last_error()
    engine.push(encode_batch([h]))
    assert bench.finish() == "BUSY"
    np.testing.assert_array_equal(decode_batch(bench.engine._output(), 64)[0], bench.expected(h))
    bench.check([rows(2)])


def test_a_wrong_integer_would_be_seen(bench: Bench) -> None:
    class Wrong(Bench):
        def expected(self, h: Rows) -> Rows:
            return super().expected(h) ^ (np.arange(h.size).reshape(h.shape) == h.size - 1)

    with pytest.raises(AssertionError, match="1 / 320"):
        Wrong(bench.kind, bench.engine).check([rows()])


def test_bad_magic(bench: Bench) -> None:
    bench.engine.image[0] ^= 1
    with pytest.raises(EngineError, match=r"engine error 1 BAD_MAGIC: no program image"):
        bench.engine.run([rows()])
    bench.engine.image[0] ^= 1
    bench.check([rows()])


def test_hash_mismatch_is_told_before_any_input(bench: Bench) -> None:
    for byte in (16, 23):
        bench.engine.image[byte] ^= 1
        assert bench.run_raw(b"", last=False) == "HASH_MISMATCH"
        bench.engine.image[byte] ^= 1
    bench.start(program_hash=1)
    assert bench.finish() == "HASH_MISMATCH"
    bench.recovers()


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
        ("ffn", 0, "UNSUPPORTED_SHAPE"),
        ("max_len", ODD.max_tokens + 1, "UNSUPPORTED_SHAPE"),
        ("max_len", 1 << 32, "UNSUPPORTED_SHAPE"),
        ("layers", (1 << 63) - 1, "UNSUPPORTED_SHAPE"),
        ("bytes", 64, "BAD_DESCRIPTOR"),
        ("table", 4, "BAD_DESCRIPTOR"),
        ("table", 1 << 62, "BAD_DESCRIPTOR"),
        ("stride", 8, "BAD_DESCRIPTOR"),
    ],
)
def test_header_words(bench: Bench, field: str, value: int, error: str) -> None:
    words = bench.engine.image.view(np.int64)
    saved = words[HEADER[field]]
    words[HEADER[field]] = value
    assert bench.run_raw(encode_batch([rows()])) == error
    words[HEADER[field]] = saved
    bench.recovers()


def test_batch_of_zero(bench: Bench) -> None:
    assert bench.run_raw(b"", batch=0, last=False) == "BAD_BATCH"
    bench.recovers()


@pytest.mark.parametrize("length", [0, 17, 1 << 31, (1 << 16) + 5])
def test_bad_length(bench: Bench, length: int) -> None:
    good = encode_batch([rows()])
    bad = struct.pack("<IIQ", 1, length, 0) + bytes(64)
    assert bench.run_raw(bad) == "BAD_LENGTH"
    bench.recovers()
    assert bench.run_raw(good + bad, batch=2) == "BAD_LENGTH"
    bench.recovers()


@pytest.mark.parametrize("cut", [1, 2, 8, 16, 128, 648, 655])
@pytest.mark.parametrize("last", [True, False])
def test_short_input_ends_within_a_bounded_time(bench: Bench, cut: int, last: bool) -> None:
    data = encode_batch([rows()])
    assert len(data) == 656
    assert bench.run_raw(data[: len(data) - cut], last=last) == "SHORT_INPUT"
    bench.recovers()


def test_tlast_on_an_early_beat_is_short_input(bench: Bench) -> None:
    assert bench.run_raw(encode_batch([rows()]), batch=2) == "SHORT_INPUT"
    bench.recovers()
    data = encode_batch([rows(2), rows(3)])
    bench.start(2)
    bench.engine.engine.push(data[:16], last=True)
    bench.engine.engine.push(data[16:], last=True)
    assert bench.finish() == "SHORT_INPUT"
    bench.recovers()


def test_the_last_beat_need_not_carry_tlast(bench: Bench) -> None:
    h = rows()
    assert bench.run_raw(encode_batch([h]), last=False) == "NONE"
    np.testing.assert_array_equal(decode_batch(bench.engine._output(), 64)[0], bench.expected(h))


@pytest.mark.parametrize("address", [0, BASE - 64, BASE + 8, BASE + 4, 1 << 40, (1 << 64) - 64])
def test_address_outside_memory_is_a_bus_error(bench: Bench, address: int) -> None:
    assert bench.run_raw(encode_batch([rows()]), address=address) == "BUS_ERROR"
    assert "bus error" in bench.engine.engine.last_error()
    bench.recovers()


@pytest.mark.parametrize("power_on", [True, False])
@pytest.mark.parametrize("clocks", [1, 40, 100, 333])
def test_reset_in_the_middle_of_a_run(bench: Bench, power_on: bool, clocks: int) -> None:
    engine = bench.engine.engine
    bench.start()
    engine.push(encode_batch([rows()])[:400], last=False)
    assert engine.advance(clocks)
    if power_on:
        engine.reset()
    else:
        engine.write_register("SOFT_RESET", 1)
    assert engine.read_register("CTRL") == 0b1100
    assert engine.read_register("BATCH") == (0 if power_on else 1)
    assert engine.pop(16) == (b"", False)
    bench.check([rows(7, 3)])


def test_input_may_come_in_pieces_and_before_the_start(bench: Bench) -> None:
    h = [rows(6, 1), rows(2, 2)]
    data, engine = encode_batch(h), bench.engine.engine
    engine.push(data[:13], last=False)
    bench.start(2)
    for at in range(13, len(data), 37):
        assert engine.advance(100)
        engine.push(data[at : at + 37], last=at + 37 >= len(data))
    assert bench.finish() == "NONE"
    for given, output in zip(h, decode_batch(bench.engine._output(), 64), strict=True):
        np.testing.assert_array_equal(output, bench.expected(given))


def test_output_pops_in_pieces_with_last_on_the_end(bench: Bench) -> None:
    assert bench.run_raw(encode_batch([rows(1), rows(2)]), batch=2) == "NONE"
    pieces: list[tuple[bytes, bool]] = []
    while not pieces or not pieces[-1][1]:
        pieces.append(bench.engine.engine.pop(50))
    assert [last for _, last in pieces] == [False] * (len(pieces) - 1) + [True]
    assert sum(len(data) for data, _ in pieces) == 16 + 128 + 16 + 256


def test_unknown_tap_is_an_error(bench: Bench) -> None:
    bench.engine.run([rows()], trace=True)
    for where in ((1, 0, 7), (0, 2, 7), (0, 0, 12)):
        with pytest.raises(EngineError, match="no tap"):
            bench.engine.engine.trace(*where)


@pytest.mark.parametrize("kind", ["csim", "cosim"])
def test_close_in_the_middle_of_a_run(kind: str) -> None:
    bench = make_bench(kind)
    bench.start()
    bench.engine.engine.push(encode_batch([rows()])[:400], last=False)
    assert bench.engine.engine.advance(1)
    bench.engine.close()
    bench.engine.close()
