# SPDX-License-Identifier: Apache-2.0
"""Run an EncoderProgram on an engine library, sentence by sentence or as a batch."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from batflow.errors import EngineError, InputError

from .config import make_config
from .engine import LAYER_TAPS, Engine
from .image import build_image
from .packing import Int64
from .program import EncoderProgram
from .program_io import program_hash
from .registers.table import ERRORS, REGISTERS

BASE = 0x1000_0000
"""Bus address of the engine's own memory."""
HEADER = struct.Struct("<IIQ")
MAX_ADVANCES = 1 << 20
COUNTERS = tuple(r.name for r in REGISTERS if r.name.startswith(("CYCLES_", "STALL_")))


@dataclass
class CsimResult:
    """Result of one batch.

    ``outputs``: final h, int16 [l, d] per sequence. ``counters``: cycles by register name, of the
    engine's ``cycles_source``. ``saturations``: values changed by saturation. ``traces``: with
    trace on, one dictionary per sequence from tap name (docs/contracts.md) to its int64 tensor.
    """

    outputs: list[npt.NDArray[np.int16]]
    counters: dict[str, int]
    saturations: int
    traces: list[dict[str, Int64]] = field(default_factory=list)


def encode_batch(rows: list[npt.NDArray[np.int16]]) -> bytes:
    """The input stream of a batch: a header with tag = index, then the rows, per sequence."""
    parts = [HEADER.pack(tag, len(h), 0) + h.astype("<i2").tobytes() for tag, h in enumerate(rows)]
    return b"".join(parts)


def decode_batch(data: bytes, hidden: int) -> list[npt.NDArray[np.int16]]:
    """Rows of each sequence of an output stream, by tag order.

    Raises:
        EngineError: the stream is cut short or its tags are out of order.
    """
    outputs: list[npt.NDArray[np.int16]] = []
    at = 0
    while at < len(data):
        tag, length, _ = HEADER.unpack_from(data, at)
        end = at + HEADER.size + 2 * length * hidden
        if end > len(data) or tag != len(outputs):
            raise EngineError(f"the output stream breaks off in sequence {tag}; reset and run again")
        rows = np.frombuffer(data[at + HEADER.size : end], dtype="<i2").reshape(length, hidden)
        outputs.append(rows.astype(np.int16))
        at = end
    return outputs


class CsimEngine:
    """An engine library with a program loaded into memory of its own.

    Raises:
        InputError: the program does not fit the library's config.
        FormatError: ``library`` is no engine library.
    """

    def __init__(self, program: EncoderProgram, library: Path) -> None:
        self.program = program
        self._hash = program_hash(program)
        self.image = np.frombuffer(build_image(program, self._hash), dtype=np.uint8).copy()
        self.engine = Engine(library, self.image, BASE)
        info = self.engine.info
        self.cycles_source: str = info["cycles_source"]
        make_config(info["config"], str(library)).require(program)

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()

    def run(self, hidden_rows: list[npt.NDArray[np.int16]], trace: bool = False) -> CsimResult:
        """Run a batch of sequences, each int16 [l, d] after the embedding.

        Raises:
            InputError: no sequence, or one of a wrong width.
            EngineError: the engine reported an error; its code, name and text are in the message.
        """
        width = self.program.shape.hidden
        if not hidden_rows or any(h.ndim != 2 or h.shape[1] != width for h in hidden_rows):
            raise InputError(f"a batch needs at least one sequence of rows [l, {width}]")
        engine = self.engine
        engine.trace_enable(trace)
        self._start(len(hidden_rows))
        engine.push(encode_batch(hidden_rows))
        self._wait()
        data = self._output()
        counters = {name: engine.read_register(name) for name in COUNTERS}
        traces = [self._traces(n, len(h)) for n, h in enumerate(hidden_rows)] if trace else []
        saturations = engine.read_register("SATURATIONS")
        return CsimResult(decode_batch(data, width), counters, saturations, traces)

    def _start(self, batch: int) -> None:
        self.engine.write_register("PROGRAM_ADDR", BASE)
        self.engine.write_register("PROGRAM_HASH", int(self._hash[:16], 16))
        self.engine.write_register("BATCH", batch)
        self.engine.write_register("CTRL", 1)

    def _wait(self) -> None:
        for _ in range(MAX_ADVANCES):
            if not self.engine.advance(1 << 16):
                break
        code = self.engine.read_register("ERROR")
        if code:
            name, text = ERRORS.get(code, ("UNKNOWN", "the engine gave an unknown error code"))
            detail = self.engine.last_error()
            self.engine.write_register("SOFT_RESET", 1)
            raise EngineError(f"engine error {code} {name}: {text}" + (f" ({detail})" if detail else ""))

    def _output(self) -> bytes:
        data = b""
        while True:
            chunk, last = self.engine.pop(1 << 20)
            data += chunk
            if last or not chunk:
                return data

    def _traces(self, sequence: int, length: int) -> dict[str, Int64]:
        shape = self.program.shape
        taps: dict[str, Int64] = {}
        for layer in range(shape.layers):
            for index, tap in enumerate(LAYER_TAPS):
                values = self.engine.trace(sequence, layer, index)
                form = (shape.heads, length, length) if tap == "probs" else (length, -1)
                taps[f"L{layer}.{tap}"] = values.reshape(form)
        return taps
