# SPDX-License-Identifier: Apache-2.0
"""The register table's forms agree with it; the host reads the JSON one."""

from __future__ import annotations

import re
from pathlib import Path

from batflow.files import write_json
from batflow.hls.registers.forms import markdown_table, registers_json, sv_package
from batflow.hls.registers.table import ERRORS, REGISTERS, VERSION
from batflow.host.registers import Registers, load_registers


def test_host_reads_the_json(tmp_path: Path) -> None:
    write_json(tmp_path / "registers.json", registers_json())
    table = load_registers(tmp_path / "registers.json")
    assert table.version == VERSION
    assert table.errors == ERRORS
    assert {r.name: (r.offset, r.words, r.access) for r in REGISTERS} == {
        name: (info.offset, info.words, info.access) for name, info in table.registers.items()
    }
    assert table.error(99)[0] == "CODE_99"


def test_registers_do_not_overlap() -> None:
    used = [r.offset + 4 * word for r in REGISTERS for word in range(r.words)]
    assert len(used) == len(set(used))
    for register in REGISTERS:
        bits = [f.lsb + i for f in register.fields for i in range(f.width)]
        assert len(bits) == len(set(bits))
        assert max(bits, default=0) < 32


def test_systemverilog_constants() -> None:
    found = dict(re.findall(r"localparam logic \[31:0\] (\w+) = 32'h([0-9A-F]{8});", sv_package()))
    for register in REGISTERS:
        assert int(found[f"REG_{register.name}"], 16) == register.offset
        if register.words == 2:
            assert int(found[f"REG_{register.name}_HI"], 16) == register.offset + 4
    assert int(found["CTRL_AP_IDLE_MASK"], 16) == 4
    assert int(found["ERR_BUSY"], 16) == 6


def test_markdown_has_every_name() -> None:
    table = markdown_table()
    for name in [*(r.name for r in REGISTERS), *(name for name, _ in ERRORS.values())]:
        assert f"`{name}`" in table
    assert len({line.replace("\\|", "").count("|") for line in table.split("\n\n")[0].splitlines()}) == 1


class Counter:
    """A bus whose 64-bit counter carries between the two reads of its halves."""

    def __init__(self) -> None:
        self.value = 0xFFFF_FFFF
        self.written: list[tuple[int, int]] = []

    def read(self, offset: int = 0) -> int:
        word = self.value >> (32 if offset % 8 else 0) & 0xFFFF_FFFF
        self.value += 1
        return word

    def write(self, offset: int, value: int) -> None:
        self.written.append((offset, value))


def test_wide_registers(tmp_path: Path) -> None:
    write_json(tmp_path / "registers.json", registers_json())
    bus = Counter()
    registers = Registers(load_registers(tmp_path / "registers.json"), bus)
    assert 0xFFFF_FFFF <= registers.read("CYCLES_TOTAL") <= bus.value
    registers.write("PROGRAM_HASH", 0x0123_4567_89AB_CDEF)
    assert bus.written == [(0x20, 0x89AB_CDEF), (0x24, 0x0123_4567)]
