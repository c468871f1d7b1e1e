# SPDX-License-Identifier: Apache-2.0
"""Which files of ``hls/kernels`` a vendor project needs, and which are of C simulation alone."""

from __future__ import annotations

import re
from pathlib import Path

from ..csim_build import KERNELS

TOP_SOURCE = KERNELS / "bat_top.cpp"
SIMULATION = ("sim_", "csim_", "byte_queue")
"""How the names of the sources begin that no vendor tool is given."""
CONFIG_HEADER = "batflow_config.hpp"
"""Made by :func:`batflow.hls.csim_build.config_header`, one for each build."""

_INCLUDE = re.compile(r'^#include "(\w+\.hpp)"', re.MULTILINE)


def synthesizable_sources() -> list[Path]:
    """Return ``bat_top.cpp`` and every kernel header it reaches under ``__SYNTHESIS__``, by name.

    They are self-contained beside the vendor's ``ap_int.h``, ``hls_stream.h`` and ``ap_axi_sdata.h``,
    and :data:`CONFIG_HEADER`.
    """
    found = [TOP_SOURCE]
    for path in found:
        names = _INCLUDE.findall(path.read_text(encoding="utf-8"))
        reached = [KERNELS / name for name in names if not name.startswith(SIMULATION)]
        found += [p for p in reached if p.name != CONFIG_HEADER and p not in found]
    return sorted(found, key=lambda path: path.name)


def simulation_sources() -> list[Path]:
    """Return the headers that the same sources include in C simulation with csim's own streams."""
    return sorted(KERNELS.glob("sim_*.hpp"))
