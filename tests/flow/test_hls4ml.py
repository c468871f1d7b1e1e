# SPDX-License-Identifier: Apache-2.0
"""The rung hls4ml: equal to the reference, a flipped bit is located, and an absent tool is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from batflow.errors import MissingToolError
from batflow.flow import check_steps
from batflow.flow.check_steps import hls4ml_rung
from batflow.flow.engines import ReferenceRung
from batflow.flow.mutation import Flip, flip_weight
from batflow.flow.verify import Sentence, climb
from batflow.hls.program import EncoderProgram
from tests.hls.hls4ml_need import need_hls4ml
from tests.hls.programs import random_ids, random_program

PROGRAM = random_program(41, layers=1, hidden=32, heads=2, ffn=64, max_len=8)


def sentences() -> list[Sentence]:
    ids = [random_ids(n, PROGRAM, length) for n, length in enumerate((1, 8, 5, 8, 2))]
    return [Sentence(tuple(row.tolist()), tuple(int(i % 2) for i in row)) for row in ids]


def test_the_rung_answers_as_the_reference() -> None:
    need_hls4ml()
    (rung,), skipped = hls4ml_rung(PROGRAM, 20)
    assert not skipped and rung.name == "hls4ml" and rung.source == "csim"
    result = climb([ReferenceRung(PROGRAM), rung], sentences(), 1, samples={"hls4ml": 3})
    assert result.mismatches == 0 and result.samples == {"hls4ml": 3}


def test_a_flipped_weight_bit_is_seen_in_its_module() -> None:
    need_hls4ml()
    (rung,), _ = hls4ml_rung(flip_weight(PROGRAM, Flip(0, "ffn1", 1, 1)), 20)
    result = climb([ReferenceRung(PROGRAM), rung], sentences(), 1)
    assert result.mismatches > 0 and result.first_mismatch is not None
    assert result.first_mismatch.tap == "L0.ffn_out"


def test_verify_goes_on_without_hls4ml_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(program: EncoderProgram) -> Path:
        raise MissingToolError("no hls4ml")

    monkeypatch.setattr("batflow.hls.hls4ml.engine.build_hls4ml", absent)
    assert check_steps.hls4ml_rung(PROGRAM, 3) == ([], {"hls4ml": "no hls4ml"})
    assert check_steps.hls4ml_rung(PROGRAM, 0)[1] == {"hls4ml": "verify_hls4ml_sentences is 0"}
