# SPDX-License-Identifier: Apache-2.0
"""Run an EncoderProgram on the cosim engine: as csim, with real cycles and a timeline beside.

Taps are the module outputs alone (``attn_out``, ``ffn_out``). Figures have source cosim.
"""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

from .config import make_config
from .csim import BASE, CsimEngine
from .engine import LAYER_TAPS
from .packing import Int64
from .program import EncoderProgram
from .rtl_limits import require_rtl_program

TAPS = ("attn_out", "ffn_out")
"""Taps that the RTL shows."""
NO_FAULT = (1 << 64) - 1


class CosimEngine(CsimEngine):
    """A cosim library with a program loaded into memory of its own.

    Raises:
        InputError: the program does not fit the library's config.
        FormatError: ``library`` is no cosim library.
    """

    def __init__(self, program: EncoderProgram, library: Path) -> None:
        super().__init__(program, library)
        require_rtl_program(make_config(self.engine.info["config"], str(library)), program)
        self._cosim = ctypes.CDLL(str(library))
        self._cosim.bf_timeline.restype = ctypes.c_char_p
        self._cosim.bf_timeline.argtypes = [ctypes.c_void_p]
        self._cosim.bf_memory_fault.restype = None
        self._cosim.bf_memory_fault.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        self._cosim.bf_interrupt.restype = ctypes.c_int32
        self._cosim.bf_interrupt.argtypes = [ctypes.c_void_p]

    def timeline(self) -> dict[str, Any]:
        """When the modules worked in the last run.

        ``cycles``: clocks of the run. ``bin``: clocks of a bin. ``mha`` and ``ffn``: lists ``busy``
        and ``taking``, clocks in each bin in which the module worked and its engine took operands.
        ``items``: for each layer of each sequence on each module ``module``, ``sequence``,
        ``layer``, ``rows``, and the clocks ``start`` (begun) and ``end`` (last output row).
        """
        value: dict[str, Any] = json.loads(self._cosim.bf_timeline(self.engine.handle))
        return value

    def memory_fault(self, offset: int | None) -> None:
        """Let the beat at byte ``offset`` of the image answer SLVERR; None ends that."""
        address = NO_FAULT if offset is None else BASE + offset
        self._cosim.bf_memory_fault(self.engine.handle, address)

    def interrupt(self) -> bool:
        """Level of the interrupt output."""
        return bool(self._cosim.bf_interrupt(self.engine.handle))

    def _traces(self, sequence: int, length: int) -> dict[str, Int64]:
        return {
            f"L{layer}.{tap}": self.engine.trace(sequence, layer, LAYER_TAPS.index(tap)).reshape(length, -1)
            for layer in range(self.program.shape.layers)
            for tap in TAPS
        }
