# SPDX-License-Identifier: Apache-2.0
"""MHA, FFN, the descriptor walk and the top function against the reference, in the build at hand."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from batflow.hls.csim import COUNTERS, decode_batch, encode_batch
from batflow.hls.image import DESCRIPTOR_FIELDS, DESCRIPTOR_WORDS, HEADER_WORDS, build_image
from batflow.hls.packing import KINDS, WeightKind
from batflow.hls.program import SITES, EncoderProgram
from batflow.hls.program_io import program_hash
from batflow.hls.reference.encoder import Outcome, Reference
from batflow.hls.registers.table import ERRORS, VERSION

from .kernel_library import CONFIG, pointer, unit_library
from .programs import random_program

Rows = npt.NDArray[np.int16]
CODES = {name: code for code, (name, _) in ERRORS.items()}
HEADER = ("magic", "bytes", "hash", "layers", "hidden", "heads", "ffn", "max_len", "table", "stride")


@dataclass
class Loaded:
    """A program as the kernels read it."""

    program: EncoderProgram
    words: npt.NDArray[np.uint64]

    @property
    def head(self) -> tuple[ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]:
        """Address, words and hash of the image."""
        return pointer(self.words), ctypes.c_uint64(len(self.words)), ctypes.c_uint64(int(self.words[2]))


def load(program: EncoderProgram) -> Loaded:
    return Loaded(program, np.frombuffer(build_image(program, program_hash(program)), dtype=np.uint64).copy())


def drawn(seed: int, kind: WeightKind) -> Loaded:
    """A program of random shape and of a random width at every site."""
    rng = np.random.default_rng(seed)
    heads = int(rng.choice([1, 2, 3, 5]))
    return load(
        random_program(
            seed,
            hidden=4 * heads * int(rng.integers(1, 33 // heads)),
            heads=heads,
            ffn=int(rng.integers(4, 200)),
            max_len=CONFIG.max_tokens,
            bits={site: int(rng.integers(1, 9)) for site in SITES},
            kind=kind,
        )
    )


def rows_of(seed: int, width: int) -> list[Rows]:
    """Random rows of several lengths, and rows at the ends of the range."""
    rng = np.random.default_rng(seed)
    lengths = (1, int(rng.integers(2, CONFIG.max_tokens)), CONFIG.max_tokens)
    cases = [rng.integers(-9000, 9001, size=(length, width)).astype(np.int16) for length in lengths]
    ends = np.where(rng.integers(0, 2, size=(5, width)) == 1, 32767, -32768).astype(np.int16)
    return [*cases, ends, np.full((3, width), -32768, dtype=np.int16), np.zeros((2, width), dtype=np.int16)]


def run_module(name: str, loaded: Loaded, layer: int, rows: Rows) -> tuple[Rows, list[int]]:
    out, counts = np.full_like(rows, 77), np.zeros(3, dtype=np.uint64)
    run = getattr(unit_library(), name)
    code = run(*loaded.head, layer, len(rows), *map(pointer, (rows, out, counts)))
    assert code == 0, unit_library().top_error().decode()
    return out, counts.tolist()


def expected(name: str, program: EncoderProgram, layer: int, rows: Rows) -> tuple[npt.NDArray[np.int64], int]:
    reference, outcome = Reference(program), Outcome(rows.astype(np.int64), np.empty(0, np.int64), {})
    part: Callable[..., npt.NDArray[np.int64]] = getattr(reference, name.replace("module", ""))
    out = part(layer, outcome.hidden, outcome)
    return out, sum(outcome.saturations.values())


@pytest.mark.parametrize("name", ["module_mha", "module_ffn"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_module_equals_the_reference(name: str, kind: WeightKind, seed: int) -> None:
    loaded = drawn(seed, kind)
    seen = 0
    for layer, rows in enumerate(rows_of(seed, loaded.program.shape.hidden)):
        out, (saturations, busy, qmm) = run_module(name, loaded, layer % 2, rows)
        wanted, clipped = expected(name, loaded.program, layer % 2, rows)
        np.testing.assert_array_equal(out, wanted)
        assert saturations == clipped
        assert busy > qmm > 0
        seen += clipped
    assert seen > 0


@pytest.mark.parametrize(("name", "field"), [("module_mha", "o_weight"), ("module_ffn", "ffn1_weight")])
def test_a_flipped_weight_or_constant_is_seen(name: str, field: str) -> None:
    loaded = load(random_program(4, hidden=64, heads=4, ffn=96, max_len=CONFIG.max_tokens, bits=8))
    rows = rows_of(4, 64)[2]
    wanted, _ = expected(name, loaded.program, 0, rows)
    np.testing.assert_array_equal(run_module(name, loaded, 0, rows)[0], wanted)
    constant, bit = ("softmax_scale", 1 << 13) if name == "module_mha" else ("ffn_in_shift", 1)
    at = HEADER_WORDS + DESCRIPTOR_FIELDS.index(field)
    for place, change in (
        (int(loaded.words[at]) // 8, 1),
        (HEADER_WORDS + DESCRIPTOR_FIELDS.index(constant), bit),
    ):
        loaded.words[place] ^= np.uint64(change)
        assert not np.array_equal(run_module(name, loaded, 0, rows)[0], wanted), place
        loaded.words[place] ^= np.uint64(change)
    np.testing.assert_array_equal(run_module(name, loaded, 0, rows)[0], wanted)


def walk(loaded: Loaded) -> tuple[int, npt.NDArray[np.int64], list[int]]:
    fields = np.zeros((CONFIG.max_layers, DESCRIPTOR_WORDS), dtype=np.int64)
    shape = np.zeros(5, dtype=np.int32)
    code = unit_library().module_walk(*loaded.head, pointer(fields), pointer(shape))
    return code, fields, shape.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_walk_reads_every_descriptor(seed: int) -> None:
    loaded = drawn(seed, KINDS[seed % 3])
    code, fields, shape = walk(loaded)
    model = loaded.program.shape
    assert (code, shape) == (0, [model.layers, model.hidden, model.heads, model.ffn, model.max_len])
    table = loaded.words[HEADER_WORDS:].view(np.int64)
    for layer in range(model.layers):
        words = table[layer * DESCRIPTOR_WORDS : (layer + 1) * DESCRIPTOR_WORDS]
        np.testing.assert_array_equal(fields[layer], words)
    assert not fields[model.layers :].any()


@pytest.mark.parametrize("seed", range(3))
def test_walk_refuses_values_that_no_writer_makes(seed: int) -> None:
    loaded, rng = drawn(seed, KINDS[seed]), np.random.default_rng(seed)
    layer = int(rng.integers(0, loaded.program.shape.layers))
    base = HEADER_WORDS + layer * DESCRIPTOR_WORDS
    for index, field in enumerate(DESCRIPTOR_FIELDS):
        before = loaded.words[base + index]
        for wrong in (-1 if not field.endswith("_c") else -(1 << 45), 1 << 62, -(1 << 63)):
            loaded.words[base + index] = np.uint64(wrong & (1 << 64) - 1)
            assert walk(loaded)[0] == CODES["BAD_DESCRIPTOR"], field
        loaded.words[base + index] = before
    for name, wrong in (("magic", 0), ("layers", 1 << 40), ("hidden", 1 << 63), ("heads", 0), ("stride", 8)):
        before = loaded.words[HEADER.index(name)]
        loaded.words[HEADER.index(name)] = np.uint64(wrong)
        codes = {"magic": "BAD_MAGIC", "stride": "BAD_DESCRIPTOR"}
        assert walk(loaded)[0] == CODES[codes.get(name, "UNSUPPORTED_SHAPE")], name
        loaded.words[HEADER.index(name)] = before
    assert walk(loaded)[0] == 0


def run_top(loaded: Loaded, batch: int, beats: npt.NDArray[np.uint64]) -> tuple[list[Rows], list[int]]:
    out, registers = np.zeros_like(beats), np.zeros(14, dtype=np.uint64)
    size = ctypes.c_uint64
    count = unit_library().run_top(
        *(*loaded.head, batch),
        *(pointer(beats), size(len(beats)), pointer(out), size(len(out)), pointer(registers)),
    )
    assert count == len(beats), unit_library().top_error().decode()
    return decode_batch(out.tobytes(), loaded.program.shape.hidden), registers.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_top_function_equals_the_reference(kind: WeightKind) -> None:
    loaded = drawn(11, kind)
    reference, rows = Reference(loaded.program), rows_of(12, loaded.program.shape.hidden)
    outputs, registers = run_top(loaded, len(rows), np.frombuffer(encode_batch(rows), dtype=np.uint64))
    saturations = 0
    for h, output in zip(rows, outputs, strict=True):
        outcome = reference.encode(h.astype(np.int64))
        np.testing.assert_array_equal(output, outcome.hidden)
        saturations += sum(outcome.saturations.values())
    assert registers[:3] == [VERSION, int(CONFIG.config_hash(), 16), 0]
    counters = dict(zip(COUNTERS, registers[3:13], strict=True))
    assert counters["CYCLES_MHA_QMM"] + counters["CYCLES_FFN_QMM"] == counters["CYCLES_QMM_BUSY"] > 0
    assert registers[13] == saturations
