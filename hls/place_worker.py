# SPDX-License-Identifier: Apache-2.0
"""Synthesis for ECP5 in a process of its own: ``python -m batflow.hls.place_worker FOLDER``.

``FOLDER/job.json`` names a module; ``FOLDER/netlist.json`` gets it, between registers, for nextpnr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from pyosys import libyosys

from .synth_worker import SLANG_FLAGS, run_job

TOP, UNIT = "between_registers", "unit"


def harness(inputs: Mapping[str, int], outputs: Mapping[str, int]) -> str:
    """Verilog of three pins around the module ``unit``; ports by name with their bits, ``clk`` apart.

    Every input comes from a register of a shift chain and every output goes to one, so that all paths of the
    unit lie between registers, and it needs no pins of its own.
    """
    taken, given = sum(inputs.values()), sum(outputs.values())
    lines = [
        f"module {TOP} (input clk, input si, output so);",
        f"  reg [{taken}:0] i; always @(posedge clk) i <= {{i[{taken - 1}:0], si}};",
        f"  wire [{given - 1}:0] o; reg [{given - 1}:0] q; reg [{given}:0] c;",
        "  always @(posedge clk) begin",
        f"    q <= o; c <= {{c[{given - 1}:0], 1'b0}} ^ {{q, 1'b0}};",
        "  end",
        f"  assign so = c[{given}];",
    ]
    ports = [".clk(clk)", *_connections("i", inputs), *_connections("o", outputs)]
    return "\n".join([*lines, f"  {UNIT} u ({', '.join(ports)});", "endmodule", ""])


def _connections(bus: str, ports: Mapping[str, int]) -> list[str]:
    found, at = [], 0
    for name, bits in ports.items():
        found.append(f".{name}({bus}[{at + bits - 1}:{at}])")
        at += bits
    return found


def synthesize(folder: Path) -> None:
    """Do the job of ``folder``."""
    job = json.loads((folder / "job.json").read_text())
    design = libyosys.Design()

    def run(command: str) -> None:
        libyosys.run_pass(command, design)

    parameters = " ".join(f"-G {name}={value}" for name, value in job["parameters"].items())
    run(f"read_slang {SLANG_FLAGS} --top {job['top']} {parameters} {' '.join(job['sources'])}")
    run("proc")
    run("flatten")
    wires = design.top_module().selected_wires()
    ports = [{wire.name.str()[1:]: wire.width for wire in wires if getattr(wire, side)} for side in
             ("port_input", "port_output")]  # fmt: skip
    ports[0].pop("clk")
    (folder / f"{TOP}.v").write_text(harness(*ports))
    run(f"rename -top {UNIT}")
    run(f"read_verilog {folder / f'{TOP}.v'}")
    run(f"synth_ecp5 -top {TOP} -json {folder / 'netlist.json'}")


if __name__ == "__main__":
    sys.exit(run_job(synthesize))
