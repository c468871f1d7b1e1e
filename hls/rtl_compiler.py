# SPDX-License-Identifier: Apache-2.0
"""The C++ compiler of Verilated models, and what the processor at hand lets it use.

clang++ where it is present: on the whole accelerator it needs half of g++'s time and memory, and the model
runs 1.14 times as fast, with the processor's newer instructions 1.27 times. g++ gains nothing from those,
nor from -O3. Measured: docs/accelerator.md, "Speed of cosim".
"""

from __future__ import annotations

import functools
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from batflow.errors import MissingToolError

CPUINFO = Path("/proc/cpuinfo")
_NEWER = {"avx2": "-mavx2", "bmi1": "-mbmi", "bmi2": "-mbmi2", "abm": "-mlzcnt", "movbe": "-mmovbe"}
# Of every library: the runtime itself does little; leaving it unoptimized halves a small build.
_OPTIMIZE = "OPT_FAST=-O2 OPT_GLOBAL=-O0 OPT_SLOW=-O0"
# Verilator's makefile is written for the compiler that it was configured with, g++.
_CLANG_HEADERS = "CFG_GCH_IF_CLANG=.gch CFG_CXXFLAGS_PCH_I=-include-pch"


@dataclass(frozen=True)
class RtlCompiler:
    """A C++ compiler: its program and the first line that it tells of its version."""

    program: str
    version: str

    @property
    def clang(self) -> bool:
        """Whether it takes clang's options."""
        return "clang" in self.version

    @property
    def make_flags(self) -> str:
        """Variables of Verilator's makefile."""
        chosen = f"{_OPTIMIZE} CXX={self.program} LINK={self.program}"
        return f"{chosen} {_CLANG_HEADERS}" if self.clang else chosen


@functools.cache
def _version(program: str) -> str:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return answer.stdout.partition("\n")[0]


def find_rtl_compiler(what: str) -> RtlCompiler:
    """Return ``$CXX`` if it is set, else clang++, else g++; ``what`` is to be built.

    Raises:
        MissingToolError: there is none.
    """
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["clang++", "g++"]
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        raise MissingToolError(f"building {what} needs {' or '.join(names)}; install g++ or clang, and make")
    return RtlCompiler(program, _version(program))


def processor_flags(portable: bool) -> str:
    """Compiler flags of this machine's processor; ``portable``: those of any that batflow runs on."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return ""
    told = CPUINFO.read_text(encoding="utf-8") if not portable and CPUINFO.is_file() else ""
    newer = " ".join(_NEWER.values()) if set(_NEWER) <= set(told.split()) else ""
    return f"-mpopcnt {newer}".strip()
