# SPDX-License-Identifier: Apache-2.0
"""Range analysis: accumulator widths proved from the weights (docs/numerics.md, "Weights"; ours)."""

from __future__ import annotations

import numpy as np

from batflow.errors import FormatError

from .packing import Int64
from .program import EncoderProgram, Format

ACC_LIMIT_BITS = 32
M_LIMIT = 1 << 15
C_LIMIT = 1 << 45
SHIFT_LIMIT = 40


def signed_bits(largest: int) -> int:
    """Width of a signed word that holds every value of magnitude ``largest``."""
    return int(largest).bit_length() + 1


def product_bits(parts: list[Int64], operand: Format) -> int:
    """Accumulator bits of weights [out, in] times activations of format ``operand``."""
    nonzeros = max(int(np.count_nonzero(part, axis=1).max()) for part in parts)
    return signed_bits(nonzeros * operand.largest)


def check_dyadic(where: str, M: Int64, C: Int64, shift: int, signed_m: bool = False) -> None:
    """Check that requantization constants are in the range that every engine is built for.

    Raises:
        FormatError: naming ``where``, the value and the bound.
    """
    low = -M_LIMIT + 1 if signed_m else 0
    if M.min() < low or M.max() >= M_LIMIT:
        raise FormatError(
            f"{where}: M lies in [{M.min()}, {M.max()}]; allowed is [{low}, {M_LIMIT - 1}]; export again"
        )
    if np.abs(C).max() >= C_LIMIT:
        raise FormatError(f"{where}: |C| reaches {np.abs(C).max()}; the bound is 2^45; export again")
    if not 0 <= shift <= SHIFT_LIMIT:
        raise FormatError(f"{where}: shift {shift} is outside 0..{SHIFT_LIMIT}; export again")


def check_widths(program: EncoderProgram, source: object) -> None:
    """Check every product's and unit's width against what the engines carry; ``source`` is a file's name.

    Raises:
        FormatError: an accumulator passes 32 bits or a constant its bound.
    """
    for index, layer in enumerate(program.layers):
        for name, matrix in layer.matrices.items():
            where = f"{source}: L{index}.{name}"
            check_dyadic(where, matrix.M, matrix.C, matrix.shift)
            if matrix.acc_bits > ACC_LIMIT_BITS:
                raise FormatError(
                    f"{where}: accumulators need {matrix.acc_bits} bits; engines carry {ACC_LIMIT_BITS}"
                )
        for name, dyadic in layer.dyadics.items():
            check_dyadic(
                f"{source}: L{index}.{name}", np.array([dyadic.M]), np.array([dyadic.C]), dyadic.shift
            )
        for name, norm in layer.norms.items():
            check_dyadic(f"{source}: L{index}.{name}", norm.gamma, norm.beta, norm.shift, signed_m=True)
            if not 1 <= norm.epsilon < 1 << 40:
                raise FormatError(f"{source}: L{index}.{name}: epsilon {norm.epsilon} is outside [1, 2^40)")
        check_attention(index, program, source)


def check_attention(index: int, program: EncoderProgram, source: object) -> None:
    """Check the softmax constants and the widths of scores and context of one layer."""
    layer, shape = program.layers[index], program.shape
    constants, formats, where = layer.softmax, layer.formats, f"{source}: L{index}"
    if not (1 <= constants.scale < M_LIMIT and 1 <= constants.scale_shift <= SHIFT_LIMIT):
        raise FormatError(
            f"{where}.softmax: scale {constants.scale} >> {constants.scale_shift} is out of range"
        )
    if not (1 <= constants.reciprocal < 1 << 39 and 1 <= constants.shift <= 60):
        raise FormatError(
            f"{where}.softmax: reciprocal {constants.reciprocal}, shift {constants.shift} out of range"
        )
    scores = shape.hidden // shape.heads * formats["q"].largest * formats["k"].largest
    context = shape.max_len * formats["probs"].largest * formats["v"].largest
    if signed_bits(max(2 * scores, context)) > ACC_LIMIT_BITS:
        raise FormatError(
            f"{where}: scores or context pass {ACC_LIMIT_BITS} bits; use fewer bits or shorter sequences"
        )
