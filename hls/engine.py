# SPDX-License-Identifier: Apache-2.0
"""ctypes binding of ``engine_abi.h``: one class for every engine library, csim or cosim."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import EngineError, FormatError

from .registers.table import by_name

ABI_VERSION = 1
LAYER_TAPS = (
    "attn_in",
    "q",
    "k",
    "v",
    "probs",
    "ctx",
    "attn_sum",
    "attn_out",
    "ffn_in",
    "ffn_mid",
    "ffn_sum",
    "ffn_out",
)
"""Taps of a layer in the order of ``BF_TAP_*``."""

_POINTER, _BYTES = ctypes.c_void_p, ctypes.c_char_p
_U32, _U64, _I32, _I64 = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int32, ctypes.c_int64
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "bf_abi_version": (_U32, []),
    "bf_engine_info": (_BYTES, []),
    "bf_open": (_POINTER, [_POINTER, _U64, _U64]),
    "bf_close": (None, [_POINTER]),
    "bf_reset": (None, [_POINTER]),
    "bf_reg_write": (_I32, [_POINTER, _U32, _U32]),
    "bf_reg_read": (_I32, [_POINTER, _U32, ctypes.POINTER(_U32)]),
    "bf_stream_push": (_I64, [_POINTER, _BYTES, _U64, _I32]),
    "bf_stream_pop": (_I64, [_POINTER, _POINTER, _U64, ctypes.POINTER(_I32)]),
    "bf_advance": (_I32, [_POINTER, _U64]),
    "bf_trace_enable": (None, [_POINTER, _I32]),
    "bf_trace": (_I64, [_POINTER, _U32, _U32, _U32, _POINTER, _U64]),
    "bf_last_error": (_BYTES, [_POINTER]),
}


def load_library(library: Path) -> ctypes.CDLL:
    """Load an engine library and give its functions their types.

    Raises:
        FormatError: the file is no shared library, lacks a function, or has another ABI version.
    """
    try:
        loaded = ctypes.CDLL(str(library))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as exc:
        raise FormatError(f"{library} is no engine library ({exc}); build it again") from exc
    version = int(loaded.bf_abi_version())
    if version != ABI_VERSION:
        raise FormatError(
            f"{library} has engine ABI {version}; this batflow speaks {ABI_VERSION}; build it again"
        )
    return loaded


class Engine:
    """An open engine over memory that appears at bus address ``base``.

    ``memory`` is a C-contiguous uint8 array; the engine keeps it alive. Close it, or use it as a
    context manager. All calls come from one thread.

    Raises:
        FormatError: see :func:`load_library`.
        EngineError: the engine does not open.
    """

    def __init__(self, library: Path, memory: npt.NDArray[np.uint8], base: int = 0) -> None:
        self._library = load_library(library)
        self.memory = memory
        self._handle = self._library.bf_open(memory.ctypes.data, base, memory.nbytes)
        if not self._handle:
            raise EngineError(f"{library.name} does not open: {self._text(None)}")

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the engine; further calls are errors."""
        if self._handle:
            self._library.bf_close(self._handle)
            self._handle = None

    @property
    def handle(self) -> Any:
        """The ``bf_engine`` pointer, for functions that one kind of engine has beside the ABI."""
        return self._handle

    def _text(self, handle: int | None) -> str:
        return bytes(self._library.bf_last_error(handle)).decode(errors="replace")

    @property
    def info(self) -> dict[str, Any]:
        """kind, cycles_source, config and config_hash of the library."""
        info: dict[str, Any] = json.loads(self._library.bf_engine_info())
        return info

    def last_error(self) -> str:
        """Text of the last failure; empty when there was none."""
        return self._text(self._handle)

    def reset(self) -> None:
        """Power-on reset."""
        self._library.bf_reset(self._handle)

    def write(self, offset: int, value: int) -> None:
        """Write the 32-bit register at byte ``offset``.

        Raises:
            EngineError: there is no register at the offset, or it is not aligned.
        """
        if self._library.bf_reg_write(self._handle, offset, value):
            raise EngineError(self.last_error())

    def read(self, offset: int) -> int:
        """Read the 32-bit register at byte ``offset``. Raises as :meth:`write`."""
        value = _U32()
        if self._library.bf_reg_read(self._handle, offset, ctypes.byref(value)):
            raise EngineError(self.last_error())
        return value.value

    def write_register(self, name: str, value: int) -> None:
        """Write a register of the table by name, low word first."""
        register = by_name(name)
        for word in range(register.words):
            self.write(register.offset + 4 * word, value >> (32 * word) & 0xFFFF_FFFF)

    def read_register(self, name: str) -> int:
        """Read a register of the table by name, as one unsigned number."""
        register = by_name(name)
        words = [self.read(register.offset + 4 * word) for word in range(register.words)]
        return sum(value << (32 * word) for word, value in enumerate(words))

    def push(self, data: bytes, last: bool = True) -> int:
        """Push bytes into the input stream; ``last`` puts TLAST on the last. Returns how many."""
        return int(self._library.bf_stream_push(self._handle, data, len(data), int(last)))

    def pop(self, capacity: int) -> tuple[bytes, bool]:
        """Up to ``capacity`` bytes of output, at most up to TLAST; and whether that ended them."""
        buffer, last = ctypes.create_string_buffer(max(capacity, 1)), _I32()
        count = self._library.bf_stream_pop(self._handle, buffer, capacity, ctypes.byref(last))
        return buffer.raw[:count], bool(last.value)

    def advance(self, cycles: int) -> bool:
        """Work for at most ``cycles`` clock cycles; True while a run is on.

        Raises:
            EngineError: the engine failed.
        """
        status = int(self._library.bf_advance(self._handle, cycles))
        if status < 0:
            raise EngineError(self.last_error())
        return status == 1

    def trace_enable(self, on: bool) -> None:
        """Keep the taps of the next runs."""
        self._library.bf_trace_enable(self._handle, int(on))

    def trace(self, sequence: int, layer: int, tap: int) -> npt.NDArray[np.int64]:
        """Values of a tap of the last run, flat.

        Raises:
            EngineError: there is no such tap.
        """
        count = int(self._library.bf_trace(self._handle, sequence, layer, tap, None, 0))
        if count < 0:
            raise EngineError(self.last_error())
        values = np.empty(count, dtype=np.int32)
        self._library.bf_trace(
            self._handle, sequence, layer, tap, values.ctypes.data if count else None, count
        )
        return values.astype(np.int64)
