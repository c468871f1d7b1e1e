# SPDX-License-Identifier: Apache-2.0
"""The page from made-up artefacts: complete, partial, and corrupt ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from batflow.errors import FormatError
from batflow.files import write_json
from batflow.flow.cosim_figures import SHARES
from batflow.flow.report import write_report
from batflow.flow.run_folder import start_run
from batflow.flow.settings import RunConfig

ENGINES = ["deploy", "qonnx", "reference", "csim", "overlay"]
FIRST = {
    "sentence": 3,
    "engine": "csim",
    "layer": 1,
    "unit": "mha.softmax",
    "tap": "L1.probs",
    "index": [0, 2, 1],
    "values": [5, 6],
}


def rtl_timeline(sequences: int) -> dict[str, Any]:
    modules = {name: {"busy": [50, 40], "taking": [30, 10]} for name in ("mha", "ffn")}
    item = {"layer": 0, "rows": 9, "start": 10, "end": 90}
    items = [{**item, "module": name, "sequence": n} for n in range(sequences) for name in modules]
    return {"cycles": 100, "bin": 50, **modules, "items": items}


def cosim_record() -> dict[str, Any]:
    counters = dict.fromkeys(SHARES.values(), 25) | {"CYCLES_TOTAL": 34567}
    figures = {"cycles": 34567, "saturations": 2, "counters": counters} | dict.fromkeys(SHARES, 0.25)
    one = {"tokens": 9, "latency_us": 138.25, "clock_mhz": 250.0, "ideal_cycles": 29999, "overhead": 1.1525}
    return {
        "config": {"qmm_tokens": 4, "qmm_outputs": 16, "qmm_simd_bits": 64, "sequences_in_flight": 2},
        "sentences": 3,
        "tokens": [9, 8, 7],
        "mismatches": 0,
        "first_mismatch": None,
        "single": {**figures, **one},
        "batch": {**figures, "sequences": 3, "sequences_per_s": 7036.0},
        "cycles_per_s": 654321.0,
        "binary_macs_per_s": 4e8,
        "timelines": {"single": rtl_timeline(1), "batch": rtl_timeline(3)},
    }


def parts() -> dict[str, dict[str, Any]]:
    history = [{"epoch": e, "loss": 1.0 / e, "dev": 80.0 + e} for e in (1, 2, 3)]
    return {
        "teacher": {"metric": "accuracy", "test": 93.25, "controls": {"tfidf": 85.5, "zero_layer": 81.75}},
        "train": {"metric": "accuracy", "test": 92.5, "integer_test": 92.0, "history": history},
        "csim": {
            "metric": "accuracy",
            "score": 91.875,
            "sentences": 500,
            "sentences_per_s": 31.25,
            "saturations": 17,
            "cycles": {"source": "estimate", "mean": {"cycles_total": 123456.0}},
            "range_sentences": 50,
            "ranges_source": "host",
            "ranges": [
                {"tap": "L0.q", "low": -8, "high": 7, "min": -8, "max": 6, "saturations": 0},
                {
                    "tap": "L1.ffn_out",
                    "low": -32768,
                    "high": 32767,
                    "min": -900,
                    "max": 32767,
                    "saturations": 9,
                },
            ],
        },
        "cosim": cosim_record(),
        "verify": {
            "n": 200,
            "engines": ENGINES,
            "sources": dict.fromkeys(ENGINES, "host"),
            "mismatches": 0,
            "per_engine": dict.fromkeys(ENGINES[1:], 0),
            "first_mismatch": None,
            "negative_control": {
                "caught": True,
                "located": True,
                "engine": "csim",
                "flip": {"layer": 1, "matrix": "v", "output": 0, "input": 0},
                "first_mismatch": {**FIRST, "unit": "mha.qmm", "tap": "L1.v"},
            },
        },
    }


def page(folder: Path, content: dict[str, dict[str, Any]]) -> str:
    run = start_run(folder, "demo", RunConfig())
    for name, value in content.items():
        write_json(run.artefact(f"{name}.json"), value)
    return write_report(run.path).read_text(encoding="utf-8")


def test_every_figure_is_there_with_its_source(tmp_path: Path) -> None:
    html = page(tmp_path, parts())
    for figure in (
        "93.2",
        "92.5",
        "92.0",
        "91.9",
        "85.5",
        "81.8",
        "31.2",
        "654,321",
        "123,456",
        "34,567",
        "1.153",
    ):
        assert figure in html, figure
    for source in ("trained", "csim", "cosim", "estimate", "host"):
        assert f'<span class="source">{source}</span>' in html
    assert "0 mismatches" in html and "caught, and located in layer 1, unit mha.qmm" in html
    assert html.count("<svg") == 4


def test_the_page_needs_nothing_outside_itself(tmp_path: Path) -> None:
    html = page(tmp_path, parts())
    outside = [
        link for link in re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', html) if link[0] != "#"
    ]
    assert not outside and "<script" not in html and "<link" not in html and "@import" not in html


def test_equal_artefacts_give_equal_bytes(tmp_path: Path) -> None:
    assert page(tmp_path / "a", parts()) == page(tmp_path / "b", parts())


def test_a_mismatch_is_told_with_its_place(tmp_path: Path) -> None:
    content = parts()
    content["verify"] |= {"mismatches": 4, "first_mismatch": FIRST}
    content["verify"]["per_engine"]["csim"] = 4
    html = page(tmp_path, content)
    assert "4 mismatches" in html and "layer 1, unit mha.softmax, tap L1.probs" in html


@pytest.mark.parametrize("missing", ["teacher", "train", "csim", "cosim", "verify"])
def test_a_step_that_has_not_run_is_said_so(tmp_path: Path, missing: str) -> None:
    content = parts()
    del content[missing]
    html = page(tmp_path, content)
    assert "not run" in html.lower()


def test_an_empty_run_still_has_a_page(tmp_path: Path) -> None:
    assert "batflow verify demo" in page(tmp_path, {})


def test_text_from_artefacts_is_escaped(tmp_path: Path) -> None:
    content = parts()
    content["cosim"]["first_mismatch"] = {"sentence": 0, "index": [1], "expected": 1, "given": 2}
    content["cosim"]["first_mismatch"]["tap"] = "<script>alert(1)</script>"
    assert "<script>" not in page(tmp_path, content)


@pytest.mark.parametrize("name", ["teacher", "train", "csim", "cosim", "verify"])
@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_corrupt_artefact_is_one_clear_line(tmp_path: Path, name: str, text: str) -> None:
    run = start_run(tmp_path, "demo", RunConfig())
    run.artefact(f"{name}.json").write_text(text)
    with pytest.raises(FormatError, match=rf"{name}\.json") as caught:
        write_report(run.path)
    assert "\n" not in str(caught.value) and not run.artefact("report.html").exists()


@pytest.mark.parametrize("value", [7, "absent"])
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("verify", "engines"),
        ("cosim", "timelines"),
        ("cosim", "single"),
        ("csim", "ranges"),
        ("csim", "cycles"),
    ],
)
def test_a_field_that_is_wrong_or_absent_is_refused(
    tmp_path: Path, name: str, field: str, value: object
) -> None:
    content = parts()
    if value == "absent":
        del content[name][field]
    else:
        content[name][field] = value
    with pytest.raises(FormatError, match="repeat its step"):
        page(tmp_path, content)
