# SPDX-License-Identifier: Apache-2.0
"""Constants streams of our units as Verilog literals (``hls/rtl/vector_pkg.sv``, ``softmax_pkg.sv``)."""

from __future__ import annotations

import numpy as np

from ..axis_sim import Beats
from ..cosim_softmax import SoftmaxConfig, SoftmaxJob, job_beats
from ..packing import Int64
from ..program import Format, SoftmaxConstants
from ..vector_protocol import NormJob, ScaleJob, norm_constants, scale_constants


def literal(beats: Beats) -> str:
    """A sized hexadecimal literal with beat 0 in the lowest bits."""
    value = int.from_bytes(beats.data.tobytes(), "little")
    return f"{8 * beats.data.size}'h{value:x}"


def softmax_word(keys: int, rows: int, constants: SoftmaxConstants, bits: int, score_bits: int) -> str:
    """The config beat of rows of ``keys`` scores; a job is ``rows`` rows, and jobs follow each other."""
    config = SoftmaxConfig(lanes=1, max_keys=keys, score_bits=score_bits)
    job = SoftmaxJob(np.zeros((rows, keys), np.int64), constants, bits)
    return literal(job_beats(config, job)[0])


def norm_words(rows: int, lanes: int, gamma: Int64, beta: Int64, shift: int, epsilon: int) -> str:
    """The constants of one frame of LN."""
    job = NormJob(np.zeros((rows, len(gamma)), np.int64), gamma, beta, shift, epsilon)
    return literal(norm_constants(job, lanes))


def scale_words(rows: int, lanes: int, M: Int64, C: Int64, shift: int, target: Format | None = None) -> str:
    """The constants of one frame of VU, or of QU where there is a ``target``."""
    accs = np.zeros((len(M), rows, len(C)), np.int64)
    return literal(scale_constants(ScaleJob(accs, M, C, shift, target), lanes))
