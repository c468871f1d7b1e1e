# SPDX-License-Identifier: Apache-2.0
"""Small layers for the FINN tests, in an environment that has finn-plus (`needs_finn`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from batflow.hls.finn.environment import DEFAULT_PART
from batflow.hls.finn.flow import Options
from batflow.hls.packing import pack_weights
from batflow.hls.program import EncoderProgram

PART = DEFAULT_PART


def options(length: int, target: int, layers: tuple[int, ...] = (0,), frames: int = 8) -> Options:
    return Options(length, layers, PART, 5.0, target, frames)


def with_flipped_weight(program: EncoderProgram, name: str) -> EncoderProgram:
    """The program with the sign of one weight of layer 0 changed."""
    layer = program.layers[0]
    matrix = layer.matrices[name]
    parts = matrix.parts()
    row, column = np.argwhere(parts[0] != 0)[0]
    parts[0][row, column] *= -1
    changed = replace(matrix, weight=pack_weights(parts, matrix.kind))
    matrices = layer.matrices | {name: changed}
    return replace(program, layers=(replace(layer, matrices=matrices), *program.layers[1:]))
