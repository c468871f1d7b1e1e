# SPDX-License-Identifier: Apache-2.0
"""Golden vectors of a program: its image, a batch's input stream, and the output that the reference gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..config import STREAM_VALUES, AcceleratorConfig
from ..csim import encode_batch
from ..image import build_image
from ..program import EncoderProgram
from ..program_io import program_hash
from ..random_program import random_ids, random_program
from ..reference.encoder import Reference

LENGTHS = (1, 7, 16)
"""Tokens of the batch's sequences, each at most the program's maximum: few, since co-simulation is slow."""
SEED = 20


@dataclass(frozen=True)
class Golden:
    """The three files of the testbench, and the hash of the program that they belong to."""

    image: bytes
    stream_in: bytes
    stream_out: bytes
    program_hash: str

    def files(self) -> dict[str, bytes]:
        """Contents by file name."""
        return {
            "image.bin": self.image,
            "stream_in.bin": self.stream_in,
            "stream_out.bin": self.stream_out,
        }


def golden_vectors(program: EncoderProgram) -> Golden:
    """Run one batch of random token ids, of lengths :data:`LENGTHS`, through the numpy reference."""
    reference = Reference(program)
    rows_in, rows_out = [], []
    for length in sorted({min(length, program.shape.max_len) for length in LENGTHS}):
        outcome = reference.run(random_ids(SEED + length, program, length))
        rows_in.append(outcome.taps["embed"].astype(np.int16))
        rows_out.append(outcome.hidden.astype(np.int16))
    name = program_hash(program)
    return Golden(build_image(program, name), encode_batch(rows_in), encode_batch(rows_out), name)


def small_program(config: AcceleratorConfig) -> EncoderProgram:
    """A random program that fits ``config``, for a project without a trained one."""
    hidden = min(64, config.max_hidden) // STREAM_VALUES * STREAM_VALUES
    heads = max(n for n in range(1, min(4, config.max_heads) + 1) if hidden % n == 0)
    program = random_program(
        SEED,
        layers=min(2, config.max_layers),
        hidden=hidden,
        heads=heads,
        ffn=min(128, config.max_ffn),
        max_len=min(16, config.max_tokens),
        bits=min(4, config.max_bits),
        kind="ternary" if config.weight_planes == 2 else "binary",
    )
    config.require(program)
    return program
