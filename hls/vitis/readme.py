# SPDX-License-Identifier: Apache-2.0
"""README.md of a Vitis HLS project."""

from __future__ import annotations

from .settings import NOTE, VitisTarget


def readme_text(target: VitisTarget) -> str:
    """Return the text: what is in the folder, what runs where."""
    return f"""<!-- SPDX-License-Identifier: Apache-2.0 -->
# bat_top for Vitis HLS

{NOTE}
Part {target.part}, clock {target.period_ns} ns. Written by `batflow build --flow vitis-hls`; do not edit.

| file | what it is |
|---|---|
| `src/bat_top_vitis.cpp` | the synthesized file: `bat_top.cpp` and its headers on the vendor's types |
| `src/tb_bat_top.cpp`, `src/tb_host.hpp` | the testbench; it does what the host does |
| `data/` | golden vectors: the program's image, a batch in, the batch out as the numpy reference gives it |
| `hls_config.cfg` | for `v++` and `vitis-run`, 2024.1 to 2025.x |
| `tcl/` | the same for `vitis_hls -f`, 2024.x |
| `gxx/` | headers for plain g++: Apache-2.0 headers of `ap_int`, stand-ins for streams |

| command | needs | does |
|---|---|---|
| `make gxx` | g++ | builds and runs the testbench; exit code 0 only when every bit is equal |
| `make csim` | Vitis HLS | the same in the tool |
| `make csynth` | Vitis HLS | RTL, and estimates of latency and area |
| `make cosim` | Vitis HLS, Vivado | the testbench on the RTL |
| `make export` | Vitis HLS, Vivado | the IP, and Vivado's synthesis of it |
| `batflow vitis .` | all | the four in order; their reports as vitis.json |

`make TOOL=tcl ...` takes `vitis_hls -f` in place of `vitis-run` and `v++`.
"""
