# SPDX-License-Identifier: Apache-2.0
"""Write generated headers, register and kernel tables: ``python -m batflow.hls.generate [--check]``.

Tables come from integer formulas alone, so no float library can change a digit of them.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

from batflow.files import write_bytes

from .image import c_header
from .image_sv import sv_package as image_package
from .kernel_qor import qor_text, readme
from .registers.forms import markdown_table, sv_package
from .registers.table import ERRORS, REGISTERS, VERSION

KERNELS = Path(__file__).parent / "kernels"
RTL = Path(__file__).parent / "rtl"
DOCS = Path(__file__).parents[1] / "docs"
"""Of a checkout; an installed package has no docs to write."""


def exp2_entry(f: int) -> int:
    """``floor(2^15 * 2^(-f/64) + 1/2)``: the largest n with (2n-1)^64 <= 2^(1024-f)."""
    n = 1 << 15
    while (2 * n - 1) ** 64 > 1 << (1024 - f):
        n -= 1
    return n


def rsqrt_entry(i: int) -> int:
    """``floor(2^31 / sqrt((i + 64.5) * 2^24) + 1/2)``.

    The largest n with (2n-1)^2 * (2i+129) * 2^23 <= 2^64.
    """
    return (math.isqrt((1 << 41) // (2 * i + 129)) + 1) // 2


def _guard(name: str, origin: str, body: list[str]) -> str:
    guard = f"BATFLOW_{name.upper()}_HPP"
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        f"// Generated from {origin} by `python -m batflow.hls.generate`; do not edit.",
        f"#ifndef {guard}",
        f"#define {guard}",
        "#include <cstdint>",
        "namespace bat {",
        *body,
        "}  // namespace bat",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _array(name: str, text: str, values: list[int]) -> list[str]:
    rows = [values[i : i + 12] for i in range(0, len(values), 12)]
    return [
        f"// {text}",
        f"constexpr std::uint32_t {name}[{len(values)}] = {{",
        *("    " + ", ".join(map(str, row)) + "," for row in rows),
        "};",
    ]


def tables_header() -> str:
    """Return ``tables.hpp``: EXP2 and RSQRT of docs/numerics.md."""
    exp2 = [exp2_entry(f) for f in range(64)]
    rsqrt = [rsqrt_entry(i) for i in range(192)]
    body = _array("kExp2", "floor(2^15 * 2^(-f/64) + 1/2), f = 0..63", exp2)
    body += _array("kRsqrt", "floor(2^31 / sqrt((i + 64.5) * 2^24) + 1/2), i = 0..191", rsqrt)
    return _guard("tables", "docs/numerics.md", body)


def registers_header() -> str:
    """Return ``registers.hpp``: offsets, fields and error codes as C++ constants."""
    body = ["namespace reg {", f"constexpr std::uint32_t kVersion = 0x{VERSION:08X};"]
    body.append("enum Offset : std::uint32_t {")
    body += [f"  {r.name} = 0x{r.offset:02X},  // {r.text}" for r in REGISTERS]
    body += ["};", "enum FieldBit : std::uint32_t {"]
    body += [f"  {f.name} = {1 << f.lsb}u,  // {f.text}" for r in REGISTERS for f in r.fields]
    body += ["};", "enum Error : std::uint32_t {"]
    body += [f"  E_{name} = {code},  // {text}" for code, (name, text) in ERRORS.items()]
    body += ["};", "struct Entry {", "  std::uint32_t offset;", "  std::uint32_t words;"]
    body += ["  bool writable;", "};", f"constexpr Entry kTable[{len(REGISTERS)}] = {{"]
    body += [f"    {{{r.name}, {r.words}, {'true' if r.access == 'rw' else 'false'}}}," for r in REGISTERS]
    body += ["};", "}  // namespace reg"]
    return _guard("registers", "hls/registers/table.py", body)


def registers_page() -> str:
    """Return ``docs/registers.md``."""
    return (
        "# Registers of the accelerator\n\n"
        "Generated from `hls/registers/table.py` by `python -m batflow.hls.generate`; do not edit.\n"
        "AXI4-Lite, 32 bits; a register of 64 bits has its low word first.\n\n" + markdown_table()
    )


GENERATED: dict[Path, Callable[[], str]] = {
    KERNELS / "README.md": readme,
    KERNELS / "image_layout.hpp": c_header,
    KERNELS / "qor.json": qor_text,
    KERNELS / "registers.hpp": registers_header,
    KERNELS / "tables.hpp": tables_header,
    RTL / "image_pkg.sv": image_package,
    RTL / "registers_pkg.sv": sv_package,
    DOCS / "registers.md": registers_page,
}
"""File -> function that makes its text."""


def stale() -> list[str]:
    """Names of generated files that differ from their source."""
    return [p.name for p, make in GENERATED.items() if not p.is_file() or p.read_text() != make()]


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with ``--check`` report stale ones. Returns the exit status."""
    parser = argparse.ArgumentParser(description="write the generated headers and the register table")
    parser.add_argument("--check", action="store_true", help="change nothing; 1 when stale")
    if parser.parse_args(arguments).check:
        old = stale()
        if old:
            sys.stderr.write(f"stale: {', '.join(old)}; run python -m batflow.hls.generate\n")
        return 1 if old else 0
    for path, make in GENERATED.items():
        write_bytes(path, make().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
