# SPDX-License-Identifier: Apache-2.0
"""The register map of the accelerator: the one source of every generated form.

Offsets 0x00 to 0x0C follow the control block that Vitis HLS makes for ``ap_ctrl_hs``, and the
others are set by explicit ``offset=`` pragmas, so HLS IP and RTL share one driver. Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 0x0001_0001
"""Value of the VERSION register: major 1, minor 1."""


@dataclass(frozen=True)
class Field:
    """A bit field of a register: ``lsb`` and ``width`` in bits."""

    name: str
    lsb: int
    width: int
    access: str
    text: str


@dataclass(frozen=True)
class Register:
    """One register: byte ``offset``, ``words`` of 32 bits (low word first), ``access`` rw or ro."""

    name: str
    offset: int
    words: int
    access: str
    text: str
    fields: tuple[Field, ...] = ()


REGISTERS: tuple[Register, ...] = (
    Register(
        "CTRL",
        0x00,
        1,
        "rw",
        "Start and status, as Vitis HLS ap_ctrl_hs",
        (
            Field(
                "AP_START",
                0,
                1,
                "rw",
                "write 1 to start; refused with ERROR busy while a run is on",
            ),
            Field("AP_DONE", 1, 1, "ro", "a run has ended; cleared by reading"),
            Field("AP_IDLE", 2, 1, "ro", "no run is on"),
            Field("AP_READY", 3, 1, "ro", "the next start is accepted"),
        ),
    ),
    Register("GIE", 0x04, 1, "rw", "bit 0: global interrupt enable"),
    Register("IER", 0x08, 1, "rw", "bit 0: interrupt on done; bit 1: interrupt on error"),
    Register("ISR", 0x0C, 1, "rw", "interrupt status; write 1 to toggle"),
    Register("PROGRAM_ADDR", 0x10, 2, "rw", "physical byte address of image.bin, 64-byte aligned"),
    Register("PROGRAM_HASH", 0x20, 2, "rw", "low 64 bits of the program hash that the host expects"),
    Register("BATCH", 0x30, 1, "rw", "sequences in the run's input stream"),
    Register("SOFT_RESET", 0x40, 1, "rw", "write 1 to drop a run and empty the streams"),
    Register("VERSION", 0x50, 1, "ro", "register map version: major << 16 | minor"),
    Register("CONFIG_HASH", 0x60, 2, "ro", "low 64 bits of the accelerator config's hash"),
    Register("ERROR", 0x70, 1, "ro", "error code of the last run; 0 is none"),
    Register("CYCLES_TOTAL", 0x80, 2, "ro", "cycles from start to done of the last run"),
    Register("CYCLES_MHA_BUSY", 0x90, 2, "ro", "cycles in which the MHA module worked"),
    Register("CYCLES_FFN_BUSY", 0xA0, 2, "ro", "cycles in which the FFN module worked"),
    Register("CYCLES_QMM_BUSY", 0xB0, 2, "ro", "cycles in which a QMM engine took operands, both modules"),
    Register("CYCLES_WEIGHT_WAIT", 0xC0, 2, "ro", "cycles a QMM engine waited for weights"),
    Register("CYCLES_INPUT_WAIT", 0xD0, 2, "ro", "cycles the input stream was awaited"),
    Register("STALL_SOFTMAX", 0xE0, 2, "ro", "cycles a QMM engine waited for softmax"),
    Register("STALL_LN", 0xF0, 2, "ro", "cycles a QMM engine waited for LayerNorm"),
    Register("SATURATIONS", 0x100, 1, "ro", "values that residual or LN saturation changed"),
    Register("CYCLES_MHA_QMM", 0x110, 2, "ro", "cycles in which the QMM engine of MHA took operands"),
    Register("CYCLES_FFN_QMM", 0x120, 2, "ro", "cycles in which the QMM engine of FFN took operands"),
)
"""All registers in address order."""

ERRORS: dict[int, tuple[str, str]] = {
    0: ("NONE", "no error"),
    1: ("BAD_MAGIC", "no program image lies at PROGRAM_ADDR; load image.bin and set the address"),
    2: (
        "HASH_MISMATCH",
        "the image in memory is not the program that the host expects; load it again",
    ),
    3: ("UNSUPPORTED_SHAPE", "the program exceeds the built maxima; build a larger config"),
    4: ("BAD_LENGTH", "a sequence is empty or longer than the program's max_len"),
    5: ("SHORT_INPUT", "the input stream ended inside a sequence; send whole sequences"),
    6: ("BUSY", "start was written during a run; wait for AP_DONE"),
    7: ("BAD_DESCRIPTOR", "a layer descriptor points outside the image; write the image again"),
    8: ("BUS_ERROR", "a memory read failed; check PROGRAM_ADDR and the buffer's size"),
    9: ("DEADLOCK", "streams blocked each other; see the engine's last error for their names"),
    10: ("BAD_BATCH", "BATCH is 0; write the number of sequences"),
    11: ("INTERNAL", "a unit refused its data; load image.bin again, and report it if it comes back"),
}
"""Error codes of the ERROR register: name, and what to do."""


def by_name(name: str) -> Register:
    """Return the register called ``name``.

    Raises:
        KeyError: there is none of that name.
    """
    for register in REGISTERS:
        if register.name == name:
            return register
    raise KeyError(f"no register {name}; known: {', '.join(r.name for r in REGISTERS)}")
