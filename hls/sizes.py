# SPDX-License-Identifier: Apache-2.0
"""Sizes in whole numbers: division that rounds up, bits of an accumulator."""

from __future__ import annotations


def ceil_div(count: int, unit: int) -> int:
    """Return how many groups of ``unit`` hold ``count``."""
    return -(-count // unit)


def accumulator_bits(length: int, act_bits: int, weight_bits: int) -> int:
    """Bits of a signed sum of ``length`` products of such operands (``rtl/module_pkg.sv``)."""
    worst = length * ((1 << act_bits) - 1) * ((1 << weight_bits) - 1)
    return worst.bit_length() + 1
