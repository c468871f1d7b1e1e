# SPDX-License-Identifier: Apache-2.0
"""A Vitis HLS project in a scratch folder, and stand-ins for the tools on a PATH of its own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from batflow.hls.config import AcceleratorConfig
from batflow.hls.program import EncoderProgram
from batflow.hls.vitis.golden import small_program
from batflow.hls.vitis.project import write_vitis_project
from batflow.hls.vitis.settings import VitisTarget

from .vitis_reports import CSIM, CSYNTH, EXPORT, cosim
from .vivado_bench import interpreter, tcl_list

HERE = Path(__file__).parent
CONFIG = AcceleratorConfig(
    max_layers=1,
    max_hidden=32,
    max_heads=2,
    max_ffn=48,
    max_tokens=9,
    max_bits=4,
    qmm_outputs=8,
    qmm_simd_bits=32,
)
TARGET = VitisTarget("zcu102", "xczu9eg-ffvb1156-2-e", 250.0, "xilinx.com:hls:bat_top:1.0")
UNIFIED = ("vitis-run", "v++")


def write_project(
    folder: Path, config: AcceleratorConfig = CONFIG, program: EncoderProgram | None = None
) -> Path:
    """Write the project of ``config`` into ``folder``, with its own small program unless one is given."""
    write_vitis_project(config, TARGET, program or small_program(config), folder)
    return folder


def need_gxx() -> None:
    """Skip, visibly, where g++ or make is absent."""
    for name in ("g++", "make"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")


@dataclass
class Bench:
    """A project, the stand-ins in ``bin``, and the reports that they hand out."""

    folder: Path
    scratch: Path
    tools: tuple[str, ...] = UNIFIED
    reports: dict[str, str] = field(
        default_factory=lambda: {
            "csim.log": CSIM, "csynth.xml": CSYNTH, "cosim.rpt": cosim(), "export.rpt": EXPORT,
        }
    )  # fmt: skip

    def __post_init__(self) -> None:
        self.bin = self.scratch / "bin"
        self.bin.mkdir()
        # make, sh and what the recipes call; nothing of the machine's own Vitis.
        for name in ("sh", "make", "sed", "head", "rm", "g++", "tclsh", "as", "ld"):
            if (found := shutil.which(name)) is not None:
                (self.bin / name).symlink_to(found)
        for name in self.tools:
            self._install(name)

    def _install(self, name: str) -> None:
        words = [sys.executable, str(HERE / "vitis_stub_tool.py"), name]
        text = f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'
        if name == "vitis_hls":
            driver = self.scratch / "driver.tcl"
            stubs = HERE / "tcl" / "vitis_stubs.tcl"
            driver.write_text(f"source {{{stubs}}}\nsource $env(STUB_SCRIPT)\n")
            banner = "****** Vitis HLS - High-Level Synthesis v${STUB_VERSION:-2024.1} (64-bit)"
            text = (
                f'#!/bin/sh\nif [ "$1" = -version ]; then echo "{banner}"; exit 0; fi\n'
                'if [ "$1" != -f ] || [ $# != 2 ]; then echo "ERROR: vitis_hls $*"; exit 1; fi\n'
                f'STUB_SCRIPT="$2" exec {shlex.join([*interpreter(), str(driver)])}\n'
            )
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def environment(self, **settings: str) -> dict[str, str]:
        """Write the report texts; return PATH and the stubs' environment."""
        for name, text in self.reports.items():
            (self.scratch / name).write_text(text)
        paths = {"STUB_LOG": str(self.scratch / "log"), "STUB_REPORTS": str(self.scratch)}
        return {"PATH": str(self.bin), **paths, **settings}

    def make(self, *goals: str, **settings: str) -> tuple[int, str]:
        """Run make with ``goals``; return the exit code and what was printed."""
        result = subprocess.run(
            ["make", "-C", str(self.folder), *goals],
            capture_output=True, text=True, check=False, timeout=300,
            env={**os.environ, **self.environment(**settings)},
        )  # fmt: skip
        return result.returncode, result.stdout + result.stderr

    def calls(self) -> list[list[str]]:
        """What the stubs recorded, each call as a list of words."""
        log = self.scratch / "log"
        lines = log.read_text().splitlines() if log.is_file() else []
        return [json.loads(line) if line.startswith("[") else tcl_list(line) for line in lines]
