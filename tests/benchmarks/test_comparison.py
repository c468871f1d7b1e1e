# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from batflow.errors import EngineError, FormatError, InputError
from batflow.files import read_json, write_json
from batflow.hls import synth
from benchmarks import comparison, comparison_synth
from benchmarks.comparison import figures_of, launch, main, one, run
from benchmarks.comparison_cases import CASES, Case, choose
from benchmarks.comparison_finn import TOP, facts, readable
from benchmarks.comparison_table import BEGIN, END, as_markdown, write_table

SMALLEST = CASES[0]
EXACT = {
    "status": "done", "converts": True, "mismatches": 0, "values": 8192, "latency": 5229, "interval": 2788,
    "cycles_source": "cosim", "lut": 29832.0, "bram36": 31.0, "uram": 2, "dsp": 84.0,
    "area_source": "area model", "build_s": 12.5, "wall_s": 13.0,
}  # fmt: skip
REFUSED = {"status": "failed", "converts": False, "error": "node A | is unknown", "wall_s": 1.0}


def page(folder: Path) -> Path:
    path = folder / "page.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return path


def test_cases_are_chosen_by_shape_or_name_and_unknown_ones_refused() -> None:
    assert len(CASES) == 8 and choose(None) == CASES
    assert [case.format for case in choose(["h128-4-32"])] == ["W1A4", "W2A4"]
    assert choose(["h64-2-16-W2A4"]) == (Case(64, 2, 16, "W2A4"),)
    with pytest.raises(InputError, match="h64-2-16-W1A4"):
        choose(["h65"])


def test_what_is_recorded_is_not_run_again_and_every_outcome_is_kept(tmp_path: Path) -> None:
    output, asked = tmp_path / "out.json", []

    def start(peer: str, case: Case, limit_s: float) -> dict[str, Any]:
        asked.append((peer, case.name))
        return dict(EXACT if peer == "bat" else REFUSED)

    run(["bat"], CASES[:1], output, 1.0, False, start)
    outcomes = run(["bat", "finn"], CASES[:2], output, 1.0, False, start)
    later = CASES[1].name
    assert asked == [("bat", SMALLEST.name), ("finn", SMALLEST.name), ("bat", later), ("finn", later)]
    assert read_json(output)["outcomes"] == outcomes and len(outcomes) == 4
    run(["bat"], CASES[:1], output, 1.0, True, start)
    assert asked[-1] == ("bat", SMALLEST.name) and len(asked) == 5


def test_one_run_stands_for_all_lengths_where_a_peer_knows_none(tmp_path: Path) -> None:
    output, asked = tmp_path / "out.json", []

    def start(peer: str, case: Case, limit_s: float) -> dict[str, Any]:
        asked.append(case.name)
        return dict(EXACT)

    for again, count in ((False, 4), (False, 4), (True, 8)):
        outcomes = run(["da4ml-ffn-token"], CASES, output, 1.0, again, start)
        assert len(outcomes) == len(CASES) and len(asked) == count
    first, later = f"da4ml-ffn-token/{CASES[0].name}", f"da4ml-ffn-token/{CASES[2].name}"
    assert outcomes[later] == {**outcomes[first], "same_as": first}
    text = as_markdown({"machine": "M", "date": "D", "outcomes": outcomes})
    assert f"1. `the run of {first}`" in text
    run(["bat"], CASES, output, 1.0, False, start)
    assert len(asked) == 8 + len(CASES)


def test_an_outcome_keeps_its_date_and_machine(tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    old = {"date": "2026-01-02", "machine": "M, 2 cores"}
    write_json(output, {**old, "outcomes": {f"bat/{SMALLEST.name}": EXACT}})
    outcomes = run(["bat"], CASES[:2], output, 1.0, False, lambda *_: dict(EXACT))
    assert outcomes == read_json(output)["outcomes"]
    kept, made = outcomes[f"bat/{SMALLEST.name}"], outcomes[f"bat/{CASES[1].name}"]
    assert kept == {**EXACT, **old} and made["date"] > old["date"] and made["machine"] != old["machine"]
    text = as_markdown(read_json(output))
    assert "M, 2 cores, shared with other work; 2026-01-02. " in text and f"; {made['date']}.\n" in text


def test_outcomes_of_another_record_are_joined_with_their_dates(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    run(["bat"], [SMALLEST], first, 1.0, False, lambda peer, case, limit: dict(EXACT))
    run(["bat", "finn"], [SMALLEST], second, 1.0, False, lambda peer, case, limit: EXACT | {"latency": 7})
    record = read_json(second)
    record["outcomes"][f"finn/{SMALLEST.name}"]["date"] = "2020-02-02"
    write_json(second, record)
    assert main(["--join", str(second), "--output", str(first), "--page", str(page(tmp_path))]) == 0
    joined = read_json(first)["outcomes"]
    assert [outcome["latency"] for outcome in joined.values()] == [7, 7]
    assert joined[f"finn/{SMALLEST.name}"]["date"] == "2020-02-02"
    assert main(["--join", "absent.json", "--output", str(first), "--page", str(page(tmp_path))]) == 2


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("too wide; narrow it"), "refused"),
        (EngineError("stopped"), "failed"),
        (KeyError("odd"), "failed"),
    ],
)
def test_a_failing_peer_is_an_outcome_with_what_it_reached(
    error: Exception, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def peer(case: Case, tell: comparison.Tell, folder: Path) -> None:
        tell(converts=True, interval=7)
        raise error

    monkeypatch.setitem(comparison.PEERS, "bat", peer)
    result = tmp_path / "result.json"
    assert one("bat", SMALLEST, result) == 1
    found = read_json(result)
    assert found["status"] == status and found["interval"] == 7 and str(error) in found["error"]


def test_the_time_limit_ends_a_peer_and_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    script = ["/bin/sh", "-c", "sleep 60 & sleep 60"]
    popen = comparison.subprocess.Popen
    monkeypatch.setattr(comparison.subprocess, "Popen", lambda command, **more: popen(script, **more))
    began = time.monotonic()
    outcome = launch("bat", SMALLEST, 0.3)
    assert time.monotonic() - began < 20
    assert outcome["status"] == "time limit" and outcome["error"] == "not ended in 0.3 s"


def test_a_crash_is_recorded_with_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = comparison.subprocess.Popen
    script = ["/bin/sh", "-c", "echo told; kill -SEGV $$"]
    monkeypatch.setattr(comparison.subprocess, "Popen", lambda command, **more: popen(script, **more))
    outcome = launch("bat", SMALLEST, 10.0)
    assert outcome["status"] == "failed" and outcome["error"] == "told"


def test_figures_carry_their_source() -> None:
    found = figures_of({f"bat/{SMALLEST.name}": EXACT, f"hls4ml-stock/{SMALLEST.name}": REFUSED})
    key = f"bat_{SMALLEST.name}"
    assert found[f"{key}_interval"] == {"value": 2788, "unit": "clocks", "source": "cosim"}
    assert found[f"{key}_lut"]["source"] == "estimate" and found[f"{key}_build_s"]["source"] == "host"
    assert not any("stock" in name for name in found)
    predicted = figures_of({"bat/x": EXACT | {"cycles_source": "cycle model"}})
    assert predicted["bat_x_interval"]["source"] == "estimate"


def test_the_table_has_every_case_and_peer_and_says_not_run(tmp_path: Path) -> None:
    outcomes = {
        f"bat/{SMALLEST.name}": EXACT,
        f"finn/{SMALLEST.name}": EXACT | {"mismatches": 3, "error": "late | `tool`"},
        f"hgq2-da4ml/{SMALLEST.name}": {"status": "time limit", "error": "not ended in 9 s"},
        **{f"hls4ml-stock/{case.name}": REFUSED for case in CASES},
    }
    text = as_markdown({"machine": "M", "date": "D", "outcomes": outcomes})
    rows = [line for line in text.splitlines() if line.startswith("| h")]
    assert rows[0] == (
        "| h64-2-16-W1A4 | bat | yes | yes | 5,229 | 2,788 | cosim "
        "| 29,832 | 84 | 31 + 2 | area model | 12.5 |"
    )
    assert len(rows) == 2 and "| yes [1] | 3 of 8,192 differ |" in rows[1]
    assert "1. `late | 'tool'`" in text
    assert "- hls4ml-stock, all cases: no: `node A | is unknown`." in text
    assert f"- bat, {', '.join(case.name for case in CASES[1:])}: not run." in text
    assert f"- hgq2-da4ml, {SMALLEST.name}: not ended in 9 s." in text
    path = page(tmp_path)
    write_table(path, {"machine": "M", "date": "D", "outcomes": outcomes})
    whole = path.read_text()
    assert whole.startswith("before\n") and whole.endswith("after\n") and "old" not in whole
    with pytest.raises(FormatError, match="--again"):
        as_markdown({"machine": "M", "date": "D"})
    path.write_text("no marks")
    with pytest.raises(FormatError, match="once each"):
        write_table(path, {"machine": "M", "date": "D", "outcomes": {}})


def test_the_command_writes_the_table_alone_and_tells_errors_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, path = tmp_path / "out.json", page(tmp_path)
    write_json(output, {"machine": "M", "date": "D", "outcomes": {f"bat/{SMALLEST.name}": EXACT}})
    places = ["--output", str(output), "--page", str(path)]
    assert main(["--table", *places]) == 0 and "2,788" in path.read_text()
    assert main(["--table", "--shape", "h1", *places]) == 2
    assert "h64-2-16" in capsys.readouterr().err


def test_finn_facts_prefer_the_simulation() -> None:
    resources = {"LUT": 7559.0, "DSP": 128.0, "BRAM_18K": 62.0, "URAM": 2.0}
    record = {
        "unconverted_nodes": 0,
        "python": {"mismatches": 0},
        "estimate": {"critical_path_cycles": 28160, "interval_cycles": 2048, "resources": resources},
    }
    estimated = facts(record)
    assert estimated["cycles_source"] == "FINN estimate" and estimated["bram36"] == 31
    rtl = {"mismatches": 0, "mismatches_with_stalls": 2, "latency_cycles": 7561, "interval_cycles": 2048.0}
    simulated = facts(record | {"rtl": rtl})
    assert simulated["cycles_source"] == "cosim" and simulated["latency"] == 7561
    assert simulated["mismatches"] == 2 and simulated["estimated_interval"] == 2048


def test_a_stitched_graph_is_copied_with_what_slang_needs(tmp_path: Path) -> None:
    pytest.importorskip("pyosys", reason="yosys (pyosys) is not installed")
    for name, text in {
        "finn-rtllib/mvu_pkg.sv": "package mvu_pkg; endpackage",
        "finn-rtllib/a.sv": "module a;\n`default_nettype none\n  x <= p.ptr[M-1:SN+1] < 2;\nendmodule",
        "rtl/node.v": "module node; endmodule",
        f"rtl/{TOP}.sv": f"module {TOP} (input clk,\n  output [3:0][31:0] fill);\nendmodule",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    sources = readable(tmp_path, scratch)
    names = [path.name for path in sources]
    assert names[:3] == ["DSP48E2.v", "mvu_pkg.sv", "a.sv"] and names[-2:] == ["node.v", f"{TOP}.sv"]
    assert "blackbox" in sources[0].read_text()
    assert sources[2].read_text() == "module a;\n\n  x <= (p.ptr[M-1:0] >> (SN+1)) < 2;\nendmodule"
    assert "(input clk); wire [3:0][31:0] fill;" in sources[-1].read_text()


def test_a_synthesis_is_kept_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fake(job: dict[str, Any], progress: object) -> dict[str, Any]:
        asked.append(job["parameters"])
        return {"m": {"cells": {"LUT6": 8}, "instances": []}}

    monkeypatch.setenv("BATFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(synth, "find_yosys", lambda: "yosys 0")
    monkeypatch.setattr(synth, "_run", fake)
    source = tmp_path / "m.sv"
    source.write_text("module m; endmodule")
    counts = {"lut": 8, "ff": 0, "bram36": 0, "uram": 0, "dsp": 0}
    for _ in range(2):
        assert comparison_synth.synthesize("m", [source], {"N": 1}) == counts
    source.write_text("module m; wire w; endmodule")
    comparison_synth.synthesize("m", [source], {"N": 1})
    comparison_synth.synthesize("m", [source], {"N": 2})
    assert asked == [{"N": 1}, {"N": 1}, {"N": 2}]
