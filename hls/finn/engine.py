# SPDX-License-Identifier: Apache-2.0
"""FINN as an engine: rows of sequences in, taps out, whichever environment finn-plus is in.

The work is done by `rows.py` in a process of its own, in ``.venv-finn`` where that is another environment.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from batflow import errors
from batflow.errors import EngineError, InputError, MissingToolError
from batflow.files import write_json

from ..csim import CsimResult
from ..packing import Int64
from ..program import EncoderProgram
from ..program_io import save_program
from ..reference.encoder import Reference
from ..verilator import build_tools
from .environment import is_here, other_python
from .frames import chosen

Rows = npt.NDArray[np.int16]
SIMULATED_LAYER = 0
"""The layer that :class:`FinnRtlEngine` simulates."""


def interpreter() -> Path:
    """The Python that has finn-plus: this one, else that of ``.venv-finn``.

    Raises:
        MissingToolError: neither has it.
    """
    python = Path(sys.executable) if is_here() else other_python()
    if python is None:
        raise MissingToolError("FINN needs finn-plus in an environment of its own; run `make finn-env`")
    return python


def _told(text: str, code: int) -> Exception:
    """The worker's last line as the error that it was there."""
    lines = text.strip().splitlines() or [f"no output, exit code {code}"]
    name, _, message = lines[-1].partition(": ")
    kind = getattr(errors, name, None)
    if code == 2 and isinstance(kind, type) and issubclass(kind, errors.UserError):
        return kind(message)
    return EngineError(f"FINN's process failed: {lines[-1]}")


def taps_of(
    program: EncoderProgram, rows: Sequence[Rows], simulate_layer: int | None
) -> list[dict[str, Int64]]:
    """Taps (docs/contracts.md) of sequences int16 [l, d], the first layer's input.

    ``simulate_layer``: that layer alone, as RTL, which gives its ``ffn_out``; None: all in Python.

    Raises:
        InputError: no sequence, one of a wrong shape, or a layer that the program has not.
        MissingToolError: no finn-plus, Verilator or compiler.
        EngineError: FINN failed; the message holds its last line.
    """
    width = program.shape.hidden
    if not rows or any(h.ndim != 2 or h.shape[1] != width for h in rows):
        raise InputError(f"a batch needs at least one sequence of rows [l, {width}]")
    if simulate_layer is not None and simulate_layer not in range(program.shape.layers):
        raise InputError(
            f"layer {simulate_layer} was asked for; this model has 0..{program.shape.layers - 1}"
        )
    with tempfile.TemporaryDirectory(prefix="batflow_finn_") as scratch:
        folder = Path(scratch)
        save_program(program, folder / "program")
        np.savez(folder / "rows.npz", **{str(index): h for index, h in enumerate(rows)})
        write_json(folder / "request.json", {"simulate_layer": simulate_layer})
        done = subprocess.run(
            [str(interpreter()), "-m", "batflow.hls.finn.rows", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise _told(done.stderr, done.returncode)
        with np.load(folder / "taps.npz") as kept:
            found: list[dict[str, Int64]] = [{} for _ in rows]
            for name in kept.files:
                index, _, tap = name.partition("/")
                found[int(index)][tap] = kept[name]
    return found


class FinnEngine:
    """The whole encoder in FINN's Python execution; with traces, every tap. Source: host."""

    def __init__(self, program: EncoderProgram) -> None:
        interpreter()
        self.program = program
        self._last = f"L{program.shape.layers - 1}.ffn_out"

    def run(self, hidden_rows: Sequence[Rows], trace: bool = False) -> CsimResult:
        """Run sequences, each int16 [l, d] after the embedding; there are no counters.

        Raises:
            InputError, MissingToolError, EngineError: see :func:`taps_of`.
        """
        taps = taps_of(self.program, hidden_rows, None)
        outputs = [found[self._last].astype(np.int16) for found in taps]
        return CsimResult(outputs, {}, 0, taps if trace else [])


class FinnRtlEngine:
    """One layer as FINN's stitched RTL in Verilator, the layers behind it in the reference. Source: cosim.

    With traces, it shows what leaves the simulated layer.
    """

    def __init__(self, program: EncoderProgram) -> None:
        interpreter()
        build_tools("the FINN simulation")
        self.program = program
        later = range(SIMULATED_LAYER + 1, program.shape.layers)
        self._later = Reference(chosen(program, later)) if later else None

    def run(self, hidden_rows: Sequence[Rows], trace: bool = False) -> CsimResult:
        """As :meth:`FinnEngine.run`."""
        taps = taps_of(self.program, hidden_rows, SIMULATED_LAYER)
        simulated = [found[f"L{SIMULATED_LAYER}.ffn_out"] for found in taps]
        outputs = [self._later.encode(h).hidden if self._later else h for h in simulated]
        return CsimResult([h.astype(np.int16) for h in outputs], {}, 0, taps if trace else [])
