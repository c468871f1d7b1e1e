# SPDX-License-Identifier: Apache-2.0
"""Encoders as hls4ml models: equal to the reference, self-contained, and refused by name."""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from batflow.errors import EngineError, FormatError, InputError, MissingToolError
from batflow.files import read_json, write_json
from batflow.hls.config import make_config, program_needs
from batflow.hls.csim_build import KERNELS
from batflow.hls.hls4ml import convert, encode, engine, pack_rows, unpack_rows
from batflow.hls.hls4ml.tables import MODULES, node_tables
from batflow.hls.hls4ml.tool import hls4ml_step
from batflow.hls.image import DESCRIPTOR_WORDS, HEADER_WORDS, build_image
from batflow.hls.packing import WeightKind
from batflow.hls.program import SITES, EncoderProgram
from batflow.hls.reference.encoder import Reference

from .hls4ml_need import need_hls4ml
from .programs import random_program

Rows = list[npt.NDArray[np.int16]]
MIXED = dict(zip(SITES, (1, 2, 3, 4, 8, 1, 5, 6), strict=True))
SMALL = random_program(7, layers=2, hidden=24, heads=2, ffn=40, max_len=6, kind="wtws")


def every_form() -> EncoderProgram:
    """One program whose layers have each a kind of weights and a width of activations."""
    forms: list[tuple[WeightKind, int | dict[str, int]]] = [
        ("binary", 1),
        ("ternary", 2),
        ("wtws", 4),
        ("binary", 8),
        ("wtws", MIXED),
    ]
    programs = [
        random_program(n, layers=1, heads=4, ffn=96, max_len=12, bits=bits, kind=kind)
        for n, (kind, bits) in enumerate(forms)
    ]
    shape = replace(programs[0].shape, layers=len(programs))
    return replace(programs[0], shape=shape, layers=tuple(p.layers[0] for p in programs))


def batch(seed: int, program: EncoderProgram, lengths: list[int], largest: int = 8000) -> Rows:
    rng = np.random.default_rng(seed)
    shapes = [(length, program.shape.hidden) for length in lengths]
    return [rng.integers(-largest, largest + 1, size=s).astype(np.int16) for s in shapes]


def assert_equal(program: EncoderProgram, rows: Rows, outputs: Rows) -> None:
    reference = Reference(program)
    for h, output in zip(rows, outputs, strict=True):
        np.testing.assert_array_equal(output, reference.encode(h.astype(np.int64)).hidden)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[EncoderProgram, Any]:
    need_hls4ml()
    program = every_form()
    graph = convert(program, tmp_path_factory.mktemp("hls4ml") / "project")
    graph.compile()
    return program, graph


def test_every_form_equals_the_reference(
    compiled: tuple[EncoderProgram, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    program, graph = compiled
    rows = batch(1, program, [12, 1, 7, 12, 5, 2]) + batch(2, program, [12, 3], 32767)
    rows += [
        np.full((12, 64), 32767, np.int16),
        np.full((4, 64), -32768, np.int16),
        np.zeros((3, 64), np.int16),
    ]
    assert_equal(program, rows, encode(graph, program, rows))
    assert "WARNING" not in "".join(capfd.readouterr()), "a stream was left full or read empty"


def test_what_lies_behind_the_true_rows_has_no_effect(compiled: tuple[EncoderProgram, Any]) -> None:
    program, graph = compiled
    rows = batch(3, program, [5, 11])
    packed = pack_rows(program, rows).reshape(2, -1)
    for row, h in zip(packed, rows, strict=True):
        row[4 + h.size :] = np.random.default_rng(4).integers(-32768, 32768, size=row.size - 4 - h.size)
    outputs = unpack_rows(program, graph.predict(packed.reshape(2, -1, 4)))
    assert_equal(program, rows, outputs)


def test_one_sequence_alone(compiled: tuple[EncoderProgram, Any]) -> None:
    program, graph = compiled
    rows = batch(5, program, [9])
    assert_equal(program, rows, encode(graph, program, rows))


def test_a_written_project_holds_all_that_it_needs(tmp_path: Path) -> None:
    """Odd shapes and lanes; the project is moved and built by its own script elsewhere."""
    need_hls4ml()
    program = random_program(9, layers=1, hidden=36, heads=3, ffn=52, max_len=5, bits=3, kind="ternary")
    lanes = {"qmm_tokens": 3, "qmm_outputs": 5, "qmm_simd_bits": 16, "vu_lanes": 2, "ln_lanes": 4}
    config = make_config({**program_needs(program), **lanes, "max_hidden": 40, "max_tokens": 7})
    graph = convert(program, tmp_path / "here", config, project_name="odd", clock_period=4)
    graph.write()
    (tmp_path / "here").rename(tmp_path / "there")
    firmware = tmp_path / "there" / "firmware"
    for name in ("mha.hpp", "ffn.hpp", "qmm.hpp"):
        assert (firmware / "nnet_utils" / name).read_bytes() == (KERNELS / name).read_bytes()
    for name in ("build_prj.tcl", "project.tcl", "vivado_synth.tcl", "odd_test.cpp"):
        assert (tmp_path / "there" / name).is_file()
    text = (tmp_path / "there" / "build_prj.tcl").read_text()
    assert "-std=c++17" in text and "c++0x" not in text
    for path in firmware.rglob("*.[hc]pp"):
        assert '#include "/' not in path.read_text() and str(KERNELS) not in path.read_text()
    moved = convert(program, tmp_path / "there", config, project_name="odd")
    moved.config.config["Stamp"] = graph.config.get_config_value("Stamp")
    moved._compile()
    rows = batch(6, program, [5, 1, 4])
    assert_equal(program, rows, encode(moved, program, rows))


def test_a_saved_model_keeps_all_64_bits_of_its_words(tmp_path: Path) -> None:
    """hls4ml writes integers through a float of 53 bits, and forgets a format of ours when it saves."""
    need_hls4ml()
    from hls4ml.utils.serialization import deserialize_model

    graph = convert(SMALL, tmp_path / "first")
    graph.save(str(tmp_path / "model.fml"))
    again = deserialize_model(tmp_path / "model.fml")
    again.config.config["OutputDir"] = str(tmp_path / "second")
    for model, folder in ((graph, "first"), (again, "second")):
        model.write()
        for number, table in enumerate(node_tables(SMALL), start=2):
            stem = tmp_path / folder / "firmware" / "weights" / f"image{number}"
            text = stem.with_suffix(".txt").read_text()
            assert [int(word, 16) for word in text.split(",")] == table.words.tolist()
            assert text in stem.with_suffix(".h").read_text()


@pytest.mark.parametrize("kind", ["binary", "ternary", "wtws"])
def test_a_flipped_weight_bit_is_one_bit_of_one_node(kind: WeightKind) -> None:
    program = random_program(2, layers=2, hidden=72, heads=6, ffn=100, kind=kind)
    layer = program.layers[1]
    matrix = layer.matrices["ffn2"]
    weight = matrix.weight.copy()
    weight[-1, 5, 1] ^= np.uint64(1 << 35)
    changed = replace(layer, matrices={**layer.matrices, "ffn2": replace(matrix, weight=weight)})
    other = replace(program, layers=(program.layers[0], changed))
    pairs = list(zip(node_tables(program), node_tables(other), strict=True))
    bits = [sum(int(word).bit_count() for word in a.words ^ b.words) for a, b in pairs]
    assert [a.name for a, _ in pairs] == [f"L{n}_{m}" for n in (0, 1) for m in MODULES]
    assert bits == [0, 0, 0, 1] and all(a.fields == b.fields for a, b in pairs)


def test_the_tables_hold_the_whole_image() -> None:
    front = 8 * (HEADER_WORDS + DESCRIPTOR_WORDS * SMALL.shape.layers)
    sizes = [table.words.size * 8 for table in node_tables(SMALL)]
    assert sum(sizes) == len(build_image(SMALL, "0" * 64)) - front


@pytest.mark.parametrize("shape", [(0, 24), (7, 24), (3, 23), (24,)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="1 to 6 rows of 24"):
        pack_rows(SMALL, [np.zeros(shape, np.int16)])


def test_values_of_another_type_are_refused() -> None:
    with pytest.raises(InputError, match="type int64; int16 is needed"):
        pack_rows(SMALL, [np.full((2, 24), 40000)])


def test_an_output_without_a_header_is_refused() -> None:
    good = pack_rows(SMALL, [np.ones((3, 24), np.int16)])
    assert len(unpack_rows(SMALL, good)[0]) == 3
    for at, value in ((0, 0), (0, 7), (1, 1), (4 + 3 * 24, 5)):
        bad = good.reshape(1, -1).copy()
        bad[0, at] = value
        with pytest.raises(EngineError, match="compile the model again"):
            unpack_rows(SMALL, bad)


def test_a_program_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    need_hls4ml()
    config = make_config({**program_needs(SMALL), "max_ffn": 36})
    with pytest.raises(InputError, match="max_ffn is 36 and the program needs 40"):
        convert(SMALL, tmp_path, config)
    with pytest.raises(InputError, match="'my-net' is no C"):
        convert(SMALL, tmp_path, project_name="my-net")


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    need_hls4ml()
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(FormatError, match=r"model\.onnx"):
        convert(tmp_path / "model.onnx", tmp_path / "project")


def test_an_absent_hls4ml_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingToolError, match=r"pip install 'hls4ml>=1.3,<1.4'"):
        convert(SMALL, tmp_path)


@pytest.mark.parametrize("version", ["1.2.0", "1.30.0", "2.0"])
def test_an_untested_version_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    need_hls4ml()
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    with pytest.raises(MissingToolError, match=f"hls4ml {version} is installed"):
        convert(SMALL, tmp_path)


def test_failures_of_hls4ml_keep_its_reason() -> None:
    with pytest.raises(EngineError) as caught, hls4ml_step("compile it"):
        raise ValueError("a first line\na second")
    assert str(caught.value) == "hls4ml cannot compile it: ValueError: a first line"
    with pytest.raises(EngineError) as caught, hls4ml_step("compile it"):
        print("x.cpp:3: error: no such thing")  # noqa: T201  # as hls4ml prints its compiler's text
        raise ValueError("failed")
    assert str(caught.value) == "hls4ml cannot compile it: x.cpp:3: error: no such thing"


def test_a_library_is_compiled_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    need_hls4ml()
    monkeypatch.setenv("BATFLOW_CACHE", str(tmp_path))
    made: list[Path] = []

    def fake(program: EncoderProgram, project: Path) -> Path:
        made.append(project)
        (project / "firmware" / "weights").mkdir(parents=True)
        (project / "firmware" / "weights" / "image2.txt").write_text("0x0")
        library = project / "firmware" / "p.so"
        library.write_text(program.labels[0])
        return library

    monkeypatch.setattr(engine, "_compile", fake)
    first = engine.build_hls4ml(SMALL)
    assert engine.build_hls4ml(SMALL) == first and len(made) == 1
    assert engine.build_hls4ml(replace(SMALL, labels=("x", "y", "z"))) != first
    (first.parent / "weights" / "image2.txt").unlink()
    second = engine.build_hls4ml(SMALL)
    assert second != first and second.is_file()
    record = next(path for path in (tmp_path / "hls4ml").glob("*.json") if str(second) in path.read_text())
    write_json(record, {"library": "/elsewhere/p.so"})
    third = engine.build_hls4ml(SMALL)
    assert third not in (first, second) and read_json(record) == {"library": str(third)}


def test_a_failed_build_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    need_hls4ml()
    monkeypatch.setenv("BATFLOW_CACHE", str(tmp_path))

    def fail(program: EncoderProgram, project: Path) -> Path:
        raise EngineError("hls4ml cannot compile the encoder: x")

    monkeypatch.setattr(engine, "_compile", fail)
    with pytest.raises(EngineError):
        engine.build_hls4ml(SMALL)
    assert not list((tmp_path / "hls4ml").iterdir())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="apt install g"):
        engine.build_hls4ml(SMALL)
