# SPDX-License-Identifier: Apache-2.0
"""Which accelerator configs the RTL can have, and which programs run on one, told before a build.

The modules check their parameters once more when they are elaborated (``hls/rtl``).
"""

from __future__ import annotations

import math

from batflow.errors import InputError

from .config import AcceleratorConfig
from .program import EncoderProgram

MAX_LANES = 8
"""Lanes of :func:`matching_lanes` at most."""
MAX_RESULT_LANES = 64
"""A segment of K is no wider than a word of its buffer (``rtl/mha_buffers.sv``)."""


def _is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def _lane_faults(config: AcceleratorConfig) -> list[str]:
    lanes, parts = config.result_lanes, config.weight_planes
    narrow = {"vu_lanes": config.vu_lanes, "softmax_lanes": config.softmax_lanes, "ln_lanes": config.ln_lanes}
    faults = [
        f"{name} is {value}: give a power of two, 2 or more"
        for name, value in {**narrow, "qu_lanes": lanes}.items()
        if not _is_power_of_two(value) or value == 1
    ]
    faults += [
        f"{name} {value} is above qu_lanes {lanes} (vu_lanes where it is null): give {lanes} at most"
        for name, value in narrow.items()
        if value > lanes
    ]
    if config.ln_lanes > config.vu_lanes:
        faults.append(f"ln_lanes {config.ln_lanes} is above vu_lanes {config.vu_lanes}: give that at most")
    if lanes > MAX_RESULT_LANES:
        faults.append(f"qu_lanes is {lanes}: give {MAX_RESULT_LANES} at most")
    elif not faults and config.qmm_outputs % (parts * lanes):
        faults.append(
            f"qmm_outputs {config.qmm_outputs} is no multiple of weight_planes {parts} times lanes {lanes}: "
            "give more outputs or fewer lanes"
        )
    sizes = {"max_hidden": config.max_hidden, "max_ffn": config.max_ffn}
    small = [f"{name} {size} is not above lanes {lanes}" for name, size in sizes.items() if size <= lanes]
    return [*faults, *small]


def rtl_faults(config: AcceleratorConfig) -> list[str]:
    """Why the RTL cannot have ``config``, one reason with its remedy an item; empty when it can."""
    faults = _lane_faults(config)
    if not _is_power_of_two(config.qmm_outputs) or config.qmm_outputs < 8:
        faults.append(f"qmm_outputs is {config.qmm_outputs}: give a power of two, 8 or more")
    if config.qmm_simd_bits < 64:
        faults.append(f"qmm_simd_bits is {config.qmm_simd_bits}: give 64, 128, 256 or 512")
    widest = min(512, 64 * config.qmm_outputs)
    if config.weight_bus_bits > widest:
        faults.append(f"weight_bus_bits is {config.weight_bus_bits}: give {widest} at most")
    lanes, most = config.result_lanes, config.kv_banks
    if not _is_power_of_two(config.v_channels) or config.v_channels > most:
        faults.append(
            f"v_channels is {config.v_channels}: give a power of two, {most} at most with {lanes} lanes"
        )
    for name in ("qmm_tokens", "ffn_qmm_tokens"):
        tokens = getattr(config, name)
        if tokens is not None and tokens % config.activation_tokens:
            faults.append(f"activation_tokens {config.activation_tokens} does not divide {name} {tokens}")
    return faults


def require_rtl(config: AcceleratorConfig) -> None:
    """Refuse a config that the RTL cannot have.

    Raises:
        InputError: one line with every fault and its remedy.
    """
    faults = rtl_faults(config)
    if faults:
        raise InputError(f"the RTL cannot have this accelerator config: {'; '.join(faults)}")


def require_rtl_program(config: AcceleratorConfig, program: EncoderProgram) -> None:
    """Refuse a program whose rows or heads are no whole number of stream beats.

    Raises:
        InputError: the message says how many lanes fit.
    """
    shape, lanes = program.shape, config.result_lanes
    if (shape.hidden // shape.heads) % lanes:
        raise InputError(
            f"hidden size {shape.hidden} with {shape.heads} heads does not go into {lanes} lanes; "
            f"build a config with {matching_lanes(program, lanes)}"
        )


def matching_lanes(program: EncoderProgram, most: int = MAX_LANES) -> int:
    """Return the greatest power of two up to ``most`` that divides the program's rows and heads."""
    lanes = math.gcd(program.shape.hidden, program.shape.hidden // program.shape.heads)
    return min(lanes & -lanes, 1 << (most.bit_length() - 1))
