# SPDX-License-Identifier: Apache-2.0
"""Whole sentences on RTL: integers, figures, faults by the taps it shows, the emulated overlay, refusals."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batflow.errors import InputError, MissingToolError
from batflow.files import read_json
from batflow.flow import sampled_rungs
from batflow.flow.cosim import CosimOptions, _waves, cosim_config, differences, measure
from batflow.flow.cosim_figures import SHARES, batch_title, figure_rows
from batflow.flow.engines import CosimRung, ReferenceRung
from batflow.flow.hardware_steps import accelerator_config, write_engine_bundle
from batflow.flow.mutation import Flip, flip_weight
from batflow.flow.progress import silent
from batflow.flow.run_folder import RunFolder, start_run
from batflow.flow.settings import RunConfig
from batflow.flow.verify import Sentence, climb
from batflow.hls.config import AcceleratorConfig
from batflow.hls.cosim import CosimEngine
from batflow.hls.cosim_build import CosimBuild, build_cosim
from batflow.hls.cosim_jobs import Rows, deal, joined, run_batches
from batflow.hls.csim import CsimResult
from batflow.hls.matrix_work import sentence_work
from batflow.hls.program_io import save_program
from batflow.hls.reference.encoder import Reference
from batflow.hls.reference.host import embed
from tests.hls.programs import random_ids, random_program
from tests.hls.rtl_engines import require_verilator

from .commands import batflow

# The shape of tiny_run's model, so that one library serves both.
PROGRAM = random_program(3, layers=2, hidden=32, heads=4, ffn=64, max_len=20, vocab_size=60)
LENGTHS = (20, 1, 7, 4, 13)


def given(lengths: tuple[int, ...] = LENGTHS) -> list[Sentence]:
    rows = [random_ids(number, PROGRAM, length) for number, length in enumerate(lengths)]
    return [Sentence(tuple(ids.tolist()), (0,) * len(ids)) for ids in rows]


@pytest.fixture(scope="module")
def library() -> Path:
    require_verilator()
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("g++ or make is absent: the cosim engine needs both")
    return build_cosim(accelerator_config(PROGRAM))


@pytest.fixture(scope="module")
def record(library: Path) -> dict[str, Any]:
    return measure(PROGRAM, given(), CosimOptions(), silent)


def test_no_integer_differs_and_cycles_are_those_of_the_counters(record: dict[str, Any]) -> None:
    assert record["mismatches"] == 0 and record["first_mismatch"] is None
    assert record["tokens"] == list(LENGTHS) and record["source"] == "cosim"
    config = accelerator_config(PROGRAM)
    works = [sentence_work(PROGRAM, config, length) for length in LENGTHS]
    for figures, share in ((record["single"], works[:1]), (record["batch"], works)):
        counters = figures["counters"]
        assert counters["CYCLES_MHA_QMM"] == sum(work.mha_steps for work in share)
        assert counters["CYCLES_FFN_QMM"] == sum(work.ffn_steps for work in share)
        assert figures["binary_macs"] == sum(work.binary_macs for work in share)
        assert all(0 <= figures[name] <= 1 for name in SHARES)
    assert record["single"]["overhead"] > 1
    assert record["batch"]["cycles"] >= record["batch"]["ideal_cycles"]
    assert len(figure_rows(record)) == 7 + len(SHARES)


def test_timelines_cover_whole_runs(record: dict[str, Any]) -> None:
    for name, count in (("single", 1), ("batch", len(LENGTHS))):
        timeline = record["timelines"][name]
        assert timeline["cycles"] == record[name]["cycles"]
        assert len(timeline["items"]) == 2 * count * PROGRAM.shape.layers
        assert sum(timeline["ffn"]["taking"]) == record[name]["counters"]["CYCLES_FFN_QMM"]


def told(result: CsimResult) -> tuple[Any, ...]:
    """Everything of a result, for comparison."""
    rows = [out.tolist() for out in result.outputs]
    taps = [{tap: value.tolist() for tap, value in one.items()} for one in result.traces]
    return rows, result.counters, result.saturations, taps


def embedded(lengths: tuple[int, ...]) -> Rows:
    return [embed(PROGRAM.host, np.array(s.ids), np.array(s.types)).astype(np.int16) for s in given(lengths)]


def test_batches_side_by_side_are_those_of_one_engine(library: Path) -> None:
    batches = [embedded(lengths) for lengths in ((7, 4), (20,), (3, 13, 5), (7, 4))]
    engine = CosimEngine(PROGRAM, library)
    wanted = [(told(engine.run(rows, trace=True)), engine.timeline()) for rows in batches]
    engine.close()
    for jobs in (1, 2, 3):
        runs = run_batches(PROGRAM, library, batches, jobs, trace=True)
        assert [(told(run.result), run.timeline) for run in runs] == wanted
    assert wanted[0] == wanted[3] != wanted[1]
    with pytest.raises(InputError, match="jobs is 0; give 1 or more"):
        run_batches(PROGRAM, library, batches, 0)


def test_jobs_change_no_integer_and_add_the_clocks_of_their_runs(
    library: Path, record: dict[str, Any]
) -> None:
    many = measure(PROGRAM, given(), CosimOptions(jobs=2), silent)
    assert many["mismatches"] == 0 and many["single"] == record["single"]
    assert many["batch"]["runs"] == 2 and record["batch"]["runs"] == 1
    parts = [run.result for run in run_batches(PROGRAM, library, deal(embedded(LENGTHS), 2))]
    assert many["batch"]["counters"] == joined(parts).counters
    for name in ("CYCLES_MHA_QMM", "CYCLES_FFN_QMM"):
        assert many["batch"]["counters"][name] == record["batch"]["counters"][name]
    assert many["batch"]["cycles"] > record["batch"]["cycles"]  # filled and drained twice
    assert (batch_title(many), batch_title(record)) == ("all in 2 runs, clocks added", "all in one run")
    with pytest.raises(InputError, match="leave --jobs out"):
        measure(PROGRAM, given(), CosimOptions(wave="1:2:a.vcd", jobs=2), silent)


def test_a_batch_is_dealt_in_order_and_two_at_least() -> None:
    rows = embedded((1, 2, 3, 4, 5, 6, 7))
    for jobs, lengths in {1: [7], 2: [3, 4], 3: [2, 2, 3], 9: [2, 2, 3]}.items():
        parts = deal(rows, jobs)
        assert [len(part) for part in parts] == lengths
        assert [len(row) for part in parts for row in part] == [1, 2, 3, 4, 5, 6, 7]
    assert [len(part) for part in deal(rows[:1], 4)] == [1]


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_compilers_and_processors_change_nothing(
    library: Path, compiler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is absent")
    monkeypatch.setenv("CXX", compiler)
    other = build_cosim(accelerator_config(PROGRAM), CosimBuild(portable=True))
    assert other != library
    batches = [embedded((9, 2, 17)), embedded((1,))]
    found = [run_batches(PROGRAM, which, batches, trace=True) for which in (library, other)]
    assert [told(run.result) for run in found[0]] == [told(run.result) for run in found[1]]
    assert [run.timeline for run in found[0]] == [run.timeline for run in found[1]]


@pytest.mark.parametrize(("matrix", "tap"), [("o", "attn_out"), ("v", "attn_out"), ("ffn2", "ffn_out")])
def test_a_flipped_weight_is_located_by_the_modules_output(library: Path, matrix: str, tap: str) -> None:
    found = []
    for number in range(8):
        changed = flip_weight(PROGRAM, Flip(1, matrix, number, number))
        result = climb([ReferenceRung(PROGRAM), CosimRung(changed, library)], given((9, 6)), 2)
        if result.first_mismatch is not None:
            found.append(result.first_mismatch.tap)
    assert found and set(found) <= {f"L1.{tap}", "logits"} and f"L1.{tap}" in found


@pytest.mark.parametrize("broken", ["trace", "output"])
def test_one_wrong_integer_is_told_with_its_place(broken: str) -> None:
    sentences = given((5, 3))
    runs = [Reference(PROGRAM).run(s.ids, s.types) for s in sentences]
    taps = [f"L{layer}.{tap}" for layer in range(2) for tap in ("attn_out", "ffn_out")]
    outputs = [run.taps["L1.ffn_out"].astype(np.int16) for run in runs]
    traces = [{tap: run.taps[tap].copy() for tap in taps} for run in runs]
    result = CsimResult(outputs, {}, 0, traces)
    assert differences(PROGRAM, sentences, result) == (0, None)
    if broken == "trace":
        traces[1]["L0.attn_out"][2, 7] += 1
    else:
        outputs[1][2, 7] ^= 1
    wrong, first = differences(PROGRAM, sentences, result)
    assert first is not None and (first["sentence"], first["index"]) == (1, (2, 7))
    assert first["tap"] == ("L0.attn_out" if broken == "trace" else "L1.ffn_out")
    assert (wrong == 0) == (broken == "trace")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = start_run(tmp_path / "runs", "rtl", RunConfig())
    save_program(PROGRAM, folder.artefact("program"))
    return folder


def test_the_emulated_overlay_runs_the_rtl(library: Path, run: RunFolder) -> None:
    pytest.importorskip("pynq", reason="pynq is not installed: pip install batflow[board]")
    from batflow.host.accelerator import Accelerator

    reference = Reference(PROGRAM)
    with Accelerator(write_engine_bundle(run, "cosim")) as accelerator:
        assert accelerator.bundle.manifest.kind == "cosim"
        ids = [np.array(sentence.ids) for sentence in given()]
        alone = accelerator.infer_batch(ids[:1])[0]
        for row, result in zip(ids, accelerator.infer_batch(ids), strict=True):
            assert np.array_equal(result.logits, reference.run(row).logits)
    assert alone.latency.cycles_source == "cosim"
    work = sentence_work(PROGRAM, accelerator_config(PROGRAM), len(ids[0]))
    assert alone.counters["CYCLES_MHA_QMM"] == work.mha_steps
    assert alone.counters["CYCLES_FFN_QMM"] == work.ffn_steps
    assert work.steps < alone.latency.cycles < 3 * work.steps


def test_verify_goes_on_without_verilator_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(config: AcceleratorConfig) -> Path:
        raise MissingToolError("no Verilator")

    monkeypatch.setattr("batflow.hls.cosim_build.build_cosim", absent)
    assert sampled_rungs.rtl_rung(PROGRAM, 3) == ([], {"cosim": "no Verilator"})
    assert sampled_rungs.rtl_rung(PROGRAM, 0)[1] == {"cosim": "verify_cosim_sentences is 0"}


def test_options_reach_the_config(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("max_hidden: 64\nqmm_tokens: 2\nclock_mhz: 300\n")
    config = cosim_config(PROGRAM, CosimOptions(config=file, in_flight=1))
    assert (config.max_hidden, config.qmm_tokens, config.sequences_in_flight) == (64, 2, 1)
    assert accelerator_config(random_program(1, hidden=24, heads=6)).vu_lanes == 4


@pytest.mark.parametrize("wave", ["5", "9:5:a.vcd", "1:2:/nowhere/a.vcd", "1:2:"])
def test_a_bad_window_is_refused(wave: str) -> None:
    with pytest.raises(InputError, match="START:END:FILE"), _waves(wave):
        pass
    with _waves("1:2:a.vcd"):
        assert os.environ["BATFLOW_WAVE"] == "1:2:a.vcd"
    assert "BATFLOW_WAVE" not in os.environ


BAD = {
    "lanes differ": ("{softmax_lanes: 4, ln_lanes: 16}", "ln_lanes 16 is above vu_lanes 8"),
    "outputs": ("qmm_outputs: 48", "power of two"),
    "too small": ("max_tokens: 8", "max_tokens is 8 and the program needs 20"),
    "too many lanes": ("{vu_lanes: 16, ln_lanes: 16, softmax_lanes: 16, qmm_outputs: 32}", "into 16 lanes"),
    "unknown name": ("lanes: 4", "Known names"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_config_is_one_line_and_code_2(
    case: str, run: RunFolder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    text, word = BAD[case]
    file = run.path / "config.yaml"
    file.write_text(text)
    monkeypatch.setattr(
        "batflow.flow.sentences.held_out", lambda *_: type("Held", (), {"sentences": given()})
    )
    code = batflow(monkeypatch, "cosim", str(run.path), "--config", str(file))
    error = capfd.readouterr().err
    assert code == 2 and word in error
    assert error.startswith("error: ") and error.count("\n") == 1
    assert not run.artefact("cosim.json").exists()


def test_jobs_on_the_command_line(
    library: Path, run: RunFolder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    held = type("Held", (), {"sentences": given()})
    monkeypatch.setattr("batflow.flow.sentences.held_out", lambda *_: held)
    assert batflow(monkeypatch, "cosim", str(run.path), "--jobs", "2") == 0
    words = " ".join(capfd.readouterr().out.split())
    assert "0 wrong integers" in words and "in 2 runs" in words
    assert read_json(run.artefact("cosim.json"))["jobs"] == 2


def test_an_rtl_bundle_that_was_not_built(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert batflow(monkeypatch, "run", str(run.path), "hello", "--engine", "cosim") == 2
    assert "run `batflow build rtl --engine cosim` first" in capfd.readouterr().err
