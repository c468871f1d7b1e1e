# SPDX-License-Identifier: Apache-2.0
"""The negative control on the numpy reference over random programs."""

from __future__ import annotations

import numpy as np
import pytest

from batflow.errors import InputError
from batflow.flow.engines import ReferenceRung
from batflow.flow.mutation import Flip, flip_weight, is_at, negative_control
from batflow.flow.verify import Sentence, climb
from batflow.hls.packing import WeightKind
from batflow.hls.program import MATRICES, EncoderProgram
from tests.hls.programs import random_ids, random_program


class FlippedRung(ReferenceRung):
    name = "flipped"


def few(program: EncoderProgram, count: int = 6) -> list[Sentence]:
    lengths = np.random.default_rng(3).integers(2, program.shape.max_len + 1, count)
    rows = [random_ids(number, program, int(length)) for number, length in enumerate(lengths)]
    return [Sentence(tuple(ids.tolist()), (0,) * len(ids)) for ids in rows]


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
def test_the_control_is_caught_and_located(kind: WeightKind) -> None:
    program = random_program(seed=11, kind=kind)
    record = negative_control(ReferenceRung(program), program, FlippedRung, few(program))
    assert record["caught"] and record["located"], record
    assert record["first_mismatch"]["layer"] == record["flip"]["layer"]


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_flip_in_any_matrix_is_located(matrix: str) -> None:
    program = random_program(seed=4, kind="binary")
    origin, last = ReferenceRung(program), len(program.layers) - 1
    found = []
    for number in range(6):
        flip = Flip(last, matrix, number, number)
        result = climb([origin, FlippedRung(flip_weight(program, flip))], few(program), last + 1)
        if result.first_mismatch is not None:
            found.append(is_at(result.first_mismatch, flip))
    assert found and all(found), matrix


def test_without_a_flip_the_control_would_fail() -> None:
    program = random_program(seed=11, kind="binary")
    record = negative_control(
        ReferenceRung(program), program, lambda changed: FlippedRung(program), few(program, 1)
    )
    assert not record["caught"] and not record["located"] and record["tried"] > 1


@pytest.mark.parametrize("flip", [Flip(9, "q", 0, 0), Flip(0, "x", 0, 0), Flip(0, "q", -1, 0)])
def test_a_bit_outside_the_program_is_refused(flip: Flip) -> None:
    with pytest.raises(InputError):
        flip_weight(random_program(seed=1, kind="binary"), flip)
