# SPDX-License-Identifier: Apache-2.0
"""Lint the SystemVerilog with Verilator: every warning is an error, in both forms of the popcount."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from batflow.errors import UserError
from batflow.hls.config import AcceleratorConfig
from batflow.hls.cosim_build import TOP, rtl_parameters, rtl_sources
from batflow.hls.cosim_qmm import engine_module, pair_module
from batflow.hls.cosim_softmax import SoftmaxConfig, softmax_module
from batflow.hls.cosim_vector import norm_module, qu_module, vu_module
from batflow.hls.qmm_protocol import QmmConfig
from batflow.hls.vector_protocol import NormConfig, VectorConfig
from batflow.hls.verilator import RTL_FOLDER, Module, find_verilator

ECHO_MODULES = Path(__file__).parents[1] / "tests" / "hls" / "sv"
"""MHA and FFN that pass rows through: control and streams are linted around them."""


def control_module() -> Module:
    """The accelerator's top with its two modules replaced."""
    parameters = rtl_parameters(AcceleratorConfig(softmax_lanes=8)) | {"CONFIG_HASH": 1}
    sources = rtl_sources(TOP, (ECHO_MODULES, RTL_FOLDER), primitives=True)
    return Module(TOP, tuple(sources), parameters, (), ())


def layer_module(name: str, parts: int) -> Module:
    """The module MHA or FFN, with or without WTWS; then V^T is written two channels at once."""
    config = AcceleratorConfig(
        softmax_lanes=8 // parts, vu_lanes=8 // parts, ln_lanes=4 // parts, qu_lanes=8, weight_planes=parts,
        qmm_outputs=16, v_channels=parts, lut_table_words=256,
    )  # fmt: skip
    parameters = rtl_parameters(config)
    tokens, others = (
        ("MHA_TOKENS", {"MAX_FFN"})
        if name == "bat_mha"
        else ("FFN_TOKENS", {"MAX_HEADS", "MAX_HEAD", "V_CHANNELS", "SOFTMAX_LANES"})
    )
    left_out = {"MHA_TOKENS", "FFN_TOKENS", "MAX_LAYERS", "MAX_IN_FLIGHT", "WATCHDOG_BITS"} | others
    kept = {key: value for key, value in parameters.items() if key not in left_out}
    sources = rtl_sources(name, (RTL_FOLDER,), primitives=True)
    return Module(name, tuple(sources), kept | {"TOKENS": parameters[tokens]}, (), ())


def main() -> int:
    """Return the number of configurations with warnings."""
    program = find_verilator().program
    failed = 0
    used: set[str] = set()
    engines = [engine_module(replace(QmmConfig(), structural=structural)) for structural in (0, 1)]
    engines += [pair_module(lanes=4, jobs=4, parts=parts) for parts in (1, 2)]
    vectors = [VectorConfig(parts=parts, acc_bits=bits) for parts in (1, 2) for bits in (24, 32)]
    scalers = [make(config) for make in (qu_module, vu_module) for config in vectors]
    fifos = [
        Module(
            "sync_fifo",
            (RTL_FOLDER / "sync_fifo.sv",),
            {"WIDTH": 8, "DEPTH": depth, "REGISTERED": form},
            (),
            (),
        )
        for depth, form in ((5, 0), (16, 1))
    ]
    units = (*engines, softmax_module(SoftmaxConfig()), *scalers, norm_module(NormConfig()), *fifos)
    modules = [layer_module(name, parts) for name in ("bat_mha", "bat_ffn") for parts in (1, 2)]
    for module in (*units, control_module(), *modules):
        used |= {path.name for path in module.sources}
        parameters = [f"-G{name}={value}" for name, value in module.parameters.items()]
        command = [str(program), "--lint-only", "--quiet", "-Wall", "--top-module", module.top, *parameters]
        failed += subprocess.run([*command, *map(str, module.sources)], check=False).returncode != 0
    for path in sorted(RTL_FOLDER.glob("*.sv")):
        if path.name not in used:
            sys.stderr.write(f"{path.name} belongs to no linted module; add its top to {__file__}\n")
            failed += 1
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as exc:
        sys.exit(f"error: {exc}")
