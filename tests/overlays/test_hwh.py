# SPDX-License-Identifier: Apache-2.0
"""batflow.hwh as unmodified pynqmetadata reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batflow.hls.registers.table import REGISTERS
from batflow.overlays.board import board_names, load_board
from batflow.overlays.hwh import build_hwh

frontends = pytest.importorskip("pynqmetadata.frontends", reason="pynq is not installed")
runtime = pytest.importorskip("pynqmetadata.views.runtime")


def parse(folder: Path, board: str, clock_mhz: float = 250.0) -> Any:
    path = folder / "batflow.hwh"
    path.write_bytes(build_hwh(load_board(board), clock_mhz))
    return runtime.RuntimeMetadataParser(frontends.Metadata(input=path))


@pytest.mark.parametrize("name", board_names())
def test_addresses_and_types(tmp_path: Path, name: str) -> None:
    parser, board = parse(tmp_path, name), load_board(name)
    dma, accelerator = parser.ip_dict["axi_dma_0"], parser.ip_dict["bat_top_0"]
    assert (dma["type"], dma["phys_addr"]) == ("xilinx.com:ip:axi_dma:7.1", board.dma_address)
    assert accelerator["type"] == "xilinx.com:hls:bat_top:1.0"
    assert accelerator["phys_addr"] == board.accelerator_address
    assert dma["addr_range"] == accelerator["addr_range"] == 0x10000
    assert dma["parameters"]["c_include_mm2s"] == dma["parameters"]["c_include_s2mm"] == "1"
    assert dma["parameters"]["c_include_sg"] == "0"
    assert parser.ps.ps_name == "zynq_ultra_ps_e"


def test_every_register_and_field(tmp_path: Path) -> None:
    found = parse(tmp_path, "emulated").ip_dict["bat_top_0"]["registers"]
    words = {}
    for register in REGISTERS:
        suffixes = [""] if register.words == 1 else ["_LO", "_HI"]
        words |= {register.name + s: (register, register.offset + 4 * i) for i, s in enumerate(suffixes)}
    assert set(found) == set(words)
    for name, (register, offset) in words.items():
        assert found[name]["address_offset"] == offset
        assert found[name]["size"] == 32
        assert found[name]["access"] == {"rw": "read-write", "ro": "read-only"}[register.access]
        fields = found[name]["fields"]
        assert {f.name: (f.lsb, f.width) for f in register.fields} == {
            key: (value["bit_offset"], value["bit_width"]) for key, value in fields.items()
        }


@pytest.mark.parametrize(("asked", "made"), [(250.0, 250.0), (200.0, 187.5), (100.0, 100.0)])
def test_clocks(tmp_path: Path, asked: float, made: float) -> None:
    clocks = parse(tmp_path, "kv260", asked).clock_dict
    assert {index: clocks[index]["enable"] for index in range(4)} == {0: 1, 1: 0, 2: 0, 3: 0}
    assert clocks[0]["frequency"] == pytest.approx(made, rel=0.001)
