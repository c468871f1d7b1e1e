# SPDX-License-Identifier: Apache-2.0
"""ctypes binding of the engine ABI (hls/engine_abi.h): one shared library is one bitstream."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import EngineError, FormatError

ABI_VERSION = 1
_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "bf_abi_version": (ctypes.c_uint32, []),
    "bf_engine_info": (ctypes.c_char_p, []),
    "bf_open": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]),
    "bf_close": (None, [ctypes.c_void_p]),
    "bf_reset": (None, [ctypes.c_void_p]),
    "bf_reg_write": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]),
    "bf_reg_read": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)]),
    "bf_stream_push": (
        ctypes.c_int64,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_int32],
    ),
    "bf_stream_pop": (
        ctypes.c_int64,
        [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_int32)],
    ),
    "bf_advance": (ctypes.c_int32, [ctypes.c_void_p, ctypes.c_uint64]),
    "bf_last_error": (ctypes.c_char_p, [ctypes.c_void_p]),
}


def _load(path: Path) -> ctypes.CDLL:
    with path.open("rb") as handle:
        magic = handle.read(4)
    if magic != b"\x7fELF":
        raise FormatError(
            f"{path} is no shared library: a bundle for a board cannot run on the emulated device; "
            "choose device='board' or build a csim bundle"
        )
    try:
        library = ctypes.CDLL(str(path.resolve()))
        for name, (restype, argtypes) in _PROTOTYPES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = restype, argtypes
    except (OSError, AttributeError) as exc:
        raise FormatError(f"{path} is no engine library ({exc}); build the bundle on this machine") from exc
    version = library.bf_abi_version()
    if version != ABI_VERSION:
        raise FormatError(
            f"{path} has engine ABI {version}; this batflow needs {ABI_VERSION}; build it again"
        )
    return library


class Engine:
    """One open engine over a memory that the caller keeps alive.

    ``memory`` uint8 [bytes] appears to the engine at bus address ``base``.

    Raises:
        FormatError: the library is not an engine of this ABI.
        EngineError: the engine could not be opened.
    """

    def __init__(self, library: Path, memory: npt.NDArray[np.uint8], base: int) -> None:
        self._library = _load(library)
        self._memory = memory
        self.info: dict[str, Any] = json.loads(self._library.bf_engine_info().decode())
        self._handle = self._library.bf_open(memory.ctypes.data, base, memory.nbytes)
        if not self._handle:
            raise EngineError(f"the engine did not open: {self._text(None)}; close other programs")

    def _text(self, handle: int | None) -> str:
        text = self._library.bf_last_error(handle)
        return text.decode(errors="replace") if text else ""

    def _check(self, status: int, what: str) -> int:
        if status < 0:
            raise EngineError(f"{what} failed: {self.last_error() or status}; reset()")
        return status

    def last_error(self) -> str:
        """The engine's own text for its last failure; empty when there is none."""
        return self._text(self._handle) if self._handle else "the engine is closed"

    def close(self) -> None:
        """Close the engine; harmless when called again."""
        if self._handle:
            self._library.bf_close(self._handle)
            self._handle = None

    def reset(self) -> None:
        """As a power-on reset."""
        self._library.bf_reset(self._handle)

    def read(self, offset: int) -> int:
        """Read a register: 32 bits at a byte offset."""
        value = ctypes.c_uint32()
        self._check(
            self._library.bf_reg_read(self._handle, offset, ctypes.byref(value)), f"read of 0x{offset:x}"
        )
        return value.value

    def write(self, offset: int, value: int) -> None:
        """Write a register: 32 bits at a byte offset."""
        self._check(
            self._library.bf_reg_write(self._handle, offset, value & 0xFFFFFFFF), f"write of 0x{offset:x}"
        )

    def push(self, data: bytes, last: bool) -> int:
        """Offer stream bytes; returns how many were taken."""
        taken = self._library.bf_stream_push(self._handle, data, len(data), int(last))
        return self._check(taken, "stream input")

    def pop(self, capacity: int) -> tuple[bytes, bool]:
        """Take up to ``capacity`` stream bytes; True where they end with TLAST."""
        buffer = ctypes.create_string_buffer(max(capacity, 1))
        last = ctypes.c_int32()
        count = self._library.bf_stream_pop(self._handle, buffer, capacity, ctypes.byref(last))
        return buffer.raw[: self._check(count, "stream output")], bool(last.value)

    def advance(self, cycles: int) -> bool:
        """Let the engine work for at most ``cycles`` clock cycles; True while a run is on."""
        return bool(self._check(self._library.bf_advance(self._handle, cycles), "run"))
