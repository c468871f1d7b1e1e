# SPDX-License-Identifier: Apache-2.0
"""Generated forms of the register table: JSON, markdown and SystemVerilog. Source: ours.

The C++ form is ``registers_header`` of hls/generate.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from .table import ERRORS, REGISTERS, VERSION, Register

FORMAT = 1
"""Version of the JSON form."""
_NOTE = "Generated from hls/registers/table.py by `python -m batflow.hls.generate`; do not edit."


def registers_json() -> dict[str, object]:
    """Return the table as the JSON value of a bundle's ``registers.json``."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "registers": [_register_json(register) for register in REGISTERS],
        "errors": {str(code): {"name": name, "advice": advice} for code, (name, advice) in ERRORS.items()},
    }


def _register_json(register: Register) -> dict[str, object]:
    return {
        "name": register.name,
        "offset": register.offset,
        "words": register.words,
        "access": register.access,
        "text": register.text,
        "fields": [
            {"name": f.name, "lsb": f.lsb, "width": f.width, "access": f.access, "text": f.text}
            for f in register.fields
        ],
    }


def markdown_table() -> str:
    """Return registers and error codes as two markdown tables."""
    lines = ["| offset | register | bits | access | meaning |", "|---|---|---|---|---|"]
    for register in REGISTERS:
        bits, text = 32 * register.words, _cell(register.text)
        lines.append(f"| 0x{register.offset:03X} | `{register.name}` | {bits} | {register.access} | {text} |")
        lines.extend(
            f"| | `.{f.name}` | {_bit_range(f.lsb, f.width)} | {f.access} | {_cell(f.text)} |"
            for f in register.fields
        )
    lines += ["", "| code | error | what to do |", "|---|---|---|"]
    lines.extend(f"| {code} | `{name}` | {_cell(advice)} |" for code, (name, advice) in ERRORS.items())
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _bit_range(lsb: int, width: int) -> str:
    return str(lsb) if width == 1 else f"{lsb + width - 1}:{lsb}"


def _constants() -> Iterator[tuple[str, int]]:
    """Yield (name, value) of every constant of the SystemVerilog form.

    A register of two words has ``_LO`` and ``_HI`` beside its own name.
    """
    yield "REG_VERSION_VALUE", VERSION
    for register in REGISTERS:
        yield f"REG_{register.name}", register.offset
        if register.words == 2:
            yield f"REG_{register.name}_LO", register.offset
            yield f"REG_{register.name}_HI", register.offset + 4
        for f in register.fields:
            yield f"{register.name}_{f.name}_LSB", f.lsb
            yield f"{register.name}_{f.name}_MASK", ((1 << f.width) - 1) << f.lsb
    for code, (name, _) in ERRORS.items():
        yield f"ERR_{name}", code


def sv_package() -> str:
    """Return ``registers_pkg.sv``: the constants as 32-bit localparams, and which offsets exist."""
    offsets = [f"32'h{r.offset + 4 * word:03X}" for r in REGISTERS for word in range(r.words)]
    rows = [", ".join(offsets[i : i + 10]) for i in range(0, len(offsets), 10)]
    body = [f"  localparam logic [31:0] {name} = 32'h{value:08X};" for name, value in _constants()]
    return "\n".join(
        [
            "// SPDX-License-Identifier: Apache-2.0",
            f"// {_NOTE}",
            "package registers_pkg;",
            "  /* verilator lint_off UNUSEDPARAM */",
            *body,
            "  /* verilator lint_on UNUSEDPARAM */",
            "",
            "  // Whether a register has a word at the byte offset.",
            "  function automatic logic is_register(logic [31:0] offset);",
            "    return offset inside {",
            *(f"      {row}{',' if row != rows[-1] else ''}" for row in rows),
            "    };",
            "  endfunction",
            "endpackage",
            "",
        ]
    )
