# SPDX-License-Identifier: Apache-2.0
"""Runs the Vivado scripts under a real Tcl interpreter with stubbed commands; report texts after UG906."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from batflow.hls.config import AcceleratorConfig
from batflow.hls.vivado.project import write_vivado_project
from batflow.hls.vivado.settings import Target

STUBS = Path(__file__).parent / "tcl" / "vivado_stubs.tcl"
CONFIG = AcceleratorConfig(qmm_tokens=4, ffn_qmm_tokens=8, qmm_outputs=16, softmax_lanes=8, max_layers=3)
TARGET = Target(
    board="zcu102",
    part="xczu9eg-ffvb1156-2-e",
    clock_mhz=250.0,
    memory_bus_bits=128,
    dma_address=0xA000_0000,
    accelerator_address=0xA001_0000,
    window=0x1_0000,
    vlnv="xilinx.com:hls:bat_top:1.0",
    accelerator_name="bat_top_0",
    dma_name="axi_dma_0",
    ps_name="zynq_ultra_ps_e_0",
)

_HEAD = """\
Copyright 1986-2022 Xilinx, Inc. All Rights Reserved. Copyright 2022-2024 Advanced Micro Devices, Inc.
| Tool Version : Vivado v.2024.1 (lin64) Build 5076996 Wed May 22 18:36:09 MDT 2024
| Command      : {command}
| Design       : bat_accelerator
| Device       : xczu9eg-ffvb1156-2-e
| Design State : {state}
"""
UTILIZATION = (
    _HEAD.format(command="report_utilization -file utilization.rpt", state="Synthesized")
    + """
1. CLB Logic
------------

+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| CLB LUTs*                  | 52345 |     0 |          0 |    274080 | 19.10 |
|   LUT as Logic             | 50000 |     0 |          0 |    274080 | 18.24 |
|   LUT as Memory            |  2345 |     0 |          0 |    144000 |  1.63 |
|     LUT as Distributed RAM |  2340 |     0 |            |           |       |
|     LUT as Shift Register  |     5 |     0 |            |           |       |
| CLB Registers              | 41000 |     0 |          0 |    548160 |  7.48 |
|   Register as Flip Flop    | 41000 |     0 |          0 |    548160 |  7.48 |
|   Register as Latch        |     0 |     0 |          0 |    548160 |  0.00 |
| CARRY8                     |   712 |     0 |          0 |     34260 |  2.08 |
| F7 Muxes                   |   302 |     0 |          0 |    137040 |  0.22 |
+----------------------------+-------+-------+------------+-----------+-------+
* Warning! The Final LUT count, after physical optimizations and full implementation, is typically lower.

2. BLOCKRAM
-----------

+-------------------+------+-------+------------+-----------+-------+
|     Site Type     | Used | Fixed | Prohibited | Available | Util% |
+-------------------+------+-------+------------+-----------+-------+
| Block RAM Tile    | 83.5 |     0 |          0 |       912 |  9.16 |
|   RAMB36/FIFO*    |   81 |     0 |          0 |       912 |  8.88 |
|     RAMB36E2 only |   81 |       |            |           |       |
|   RAMB18          |    5 |     0 |          0 |      1824 |  0.27 |
|     RAMB18E2 only |    5 |       |            |           |       |
+-------------------+------+-------+------------+-----------+-------+

3. ARITHMETIC
-------------

+----------------+------+-------+------------+-----------+-------+
|    Site Type   | Used | Fixed | Prohibited | Available | Util% |
+----------------+------+-------+------------+-----------+-------+
| DSPs           |   34 |     0 |          0 |      2520 |  1.35 |
|   DSP48E2 only |   34 |       |            |           |       |
+----------------+------+-------+------------+-----------+-------+

7. Primitives
-------------

+----------+-------+---------------------+
| Ref Name |  Used | Functional Category |
+----------+-------+---------------------+
| FDRE     | 41000 |            Register |
| CARRY8   |   999 |                 CLB |
+----------+-------+---------------------+
"""
)
HIERARCHY = (
    _HEAD.format(command="report_utilization -hierarchical -file hierarchy.rpt", state="Synthesized")
    + """
1. Utilization by Hierarchy
---------------------------

+-------------------+-----------------+------------+------------+---------+------+-------+--------+--------+------+------------+
|      Instance     |      Module     | Total LUTs | Logic LUTs | LUTRAMs | SRLs |  FFs  | RAMB36 | RAMB18 | URAM | DSP Blocks |
+-------------------+-----------------+------------+------------+---------+------+-------+--------+--------+------+------------+
| bat_accelerator   |           (top) |      52345 |      50000 |    2340 |    5 | 41000 |     81 |      5 |    0 |         34 |
|   (bat_accelerator) |         (top) |         45 |         45 |       0 |    0 |    10 |      0 |      0 |    0 |          0 |
|   u_mha           |         bat_mha |      32000 |      30000 |    2000 |    0 | 25000 |     60 |      3 |    0 |         20 |
|     u_engine      |      qmm_engine |      21000 |      20500 |     500 |    0 | 15000 |     40 |      2 |    0 |          0 |
|   u_ffn           |         bat_ffn |      20300 |      19955 |     340 |    5 | 15990 |     21 |      2 |    0 |         14 |
+-------------------+-----------------+------------+------------+---------+------+-------+--------+--------+------+------------+
"""  # noqa: E501 - the form of the report
)
_TIMING = (
    _HEAD.format(command="report_timing_summary -file timing.rpt", state="Synthesized")
    + """
------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  TPWS Total Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------  -------------------     --------     --------  ----------------------  --------------------
     {wns}        0.000                      0                98765        {whs}        0.000                      0                98765        1.725        0.000                       0                 41010


------------------------------------------------------------------------------------------------
| Clock Summary
| -------------
------------------------------------------------------------------------------------------------

Clock  Waveform(ns)       Period(ns)      Frequency(MHz)
-----  ------------       ----------      --------------
clk    {{0.000 2.000}}      4.000           250.000
"""  # noqa: E501 - the form of the report
)


def timing(wns: str = "0.250", whs: str = "0.010") -> str:
    """A timing summary with these slacks."""
    return _TIMING.format(wns=wns, whs=whs)


def interpreter() -> list[str]:
    """Command that runs a Tcl file, visibly skipping where there is none."""
    tclsh = shutil.which("tclsh")
    if tclsh:
        return [tclsh]
    pytest.importorskip("tkinter", reason="no Tcl: neither tclsh nor Python's tkinter is installed")
    code = "import sys, tkinter; tkinter.Tcl().call('source', sys.argv[1])"
    return [sys.executable, "-c", code]


@dataclass
class Bench:
    """A written project and the reports that the stubs hand out."""

    folder: Path
    scratch: Path
    reports: dict[str, str] = field(
        default_factory=lambda: {"utilization": UTILIZATION, "hierarchy": HIERARCHY, "timing": timing()}
    )

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        """Write the report texts and an empty record; return the environment of the stubs."""
        (self.scratch / "log").write_text("")
        for name, text in self.reports.items():
            (self.scratch / f"{name}.rpt").write_text(text)
        paths = {"LOG": self.scratch / "log", "REPORTS": self.scratch, "WORK": self.folder / "work"}
        return {**os.environ, **{f"STUB_{name}": str(path) for name, path in paths.items()}, **settings}

    def run(self, script: str, **settings: str) -> tuple[int, list[list[str]], str]:
        """Run ``script`` of the project; return exit code, recorded calls, what was printed."""
        driver = self.scratch / "driver.tcl"
        driver.write_text(f"source {{{STUBS}}}\nsource {{{self.folder / script}}}\n")
        result = subprocess.run(
            [*interpreter(), str(driver)],
            capture_output=True, text=True, check=False, timeout=60, env=self._environment(settings),
        )  # fmt: skip
        calls = [tcl_list(line) for line in (self.scratch / "log").read_text().splitlines()]
        return result.returncode, calls, result.stdout + result.stderr

    def make(self, goal: str) -> int:
        """Run make with a stand-in for ``vivado``, which sources the last argument; return the exit code."""
        driver, tool = self.scratch / "vivado.tcl", self.scratch / "vivado"
        driver.write_text(f"source {{{STUBS}}}\nsource $env(STUB_SCRIPT)\n")
        command = " ".join(shlex.quote(word) for word in (*interpreter(), str(driver)))
        tool.write_text(f'#!/bin/sh\nfor last; do :; done\nSTUB_SCRIPT="$last" exec {command}\n')
        tool.chmod(0o755)
        return subprocess.run(
            ["make", "-C", str(self.folder), goal, f"VIVADO={tool}"],
            capture_output=True, text=True, check=False, timeout=120, env=self._environment({}),
        ).returncode  # fmt: skip

    @property
    def bitstream(self) -> Path:
        return self.folder / "out" / "batflow.bit"


def write_bench(scratch: Path) -> Bench:
    """Write the project of CONFIG into a folder of ``scratch`` whose name has a space."""
    write_vivado_project(CONFIG, TARGET, scratch / "a project")
    return Bench(scratch / "a project", scratch)


def tcl_list(text: str) -> list[str]:
    """Words of a Tcl list, one level: braces, backslashes and bare words."""
    words, i = [], 0
    while i < len(text):
        if text[i] == " ":
            i += 1
        elif text[i] == "{":
            depth, start = 1, i + 1
            while depth:
                i += 1
                depth += {"{": 1, "}": -1}.get(text[i], 0)
            words.append(text[start:i])
            i += 1
        else:
            word = ""
            while i < len(text) and text[i] != " ":
                i += text[i] == "\\"
                word += text[i]
                i += 1
            words.append(word)
    return words
