# SPDX-License-Identifier: Apache-2.0
"""Open synthesis: counts known by hand, baselines of every unit, scaling against the whole, faults."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from batflow.errors import EngineError, FormatError, InputError, MissingToolError
from batflow.files import read_json
from batflow.hls import synth, synth_qor, synth_scale
from batflow.hls.config import AcceleratorConfig
from batflow.hls.synth_merge import merge_identical
from batflow.hls.synth_report import (
    SOURCE,
    Resources,
    SynthReport,
    Unit,
    logic_cells,
    resources_of,
    unit_from_json,
    unit_tree,
)
from batflow.hls.synth_split import split_modules
from batflow.hls.synth_units import UNITS, array_job, unit_jobs

BASELINES = Path(__file__).parents[2] / "benchmarks" / "qor"


def require_yosys() -> None:
    """Skip the test, naming what is missing, where nothing can be synthesized."""
    try:
        synth.find_yosys()
    except MissingToolError as missing:
        pytest.skip(str(missing))


def write_module(folder: Path, text: str) -> Path:
    file = folder / "tiny.sv"
    file.write_text(text)
    return file


def report(total: Resources) -> SynthReport:
    return SynthReport("qu", {"LANES": 2}, "xcup", Unit("qu", "qu", 1, total), "tool", 1.0)


@pytest.mark.parametrize("unit", synth_qor.qor_jobs())
def test_a_units_figures_are_those_of_its_baseline(unit: str) -> None:
    require_yosys()
    found = synth_qor.run_job(synth_qor.qor_jobs()[unit])
    assert synth_qor.regressions(found, read_json(BASELINES / f"{unit}.json")) == []
    arrays = [node for _, node in found.tree.walk() if node.module == "qmm_array"]
    assert len(arrays) == (unit.startswith("qmm") or unit == "ffn_engine")
    assert all(array.total.dsp == 0 for array in arrays)


@pytest.mark.parametrize("name, change", [("lut", 1.04), ("lut", 0.96), ("dsp", 2.0), ("bram36", 0.5)])
def test_a_doctored_baseline_is_noticed(name: str, change: float) -> None:
    honest = report(Resources(lut=1000, lc=900, ff=800, carry=100, bram36=4, dsp=8))
    expected = json.loads(json.dumps(synth_qor.baseline(honest)))
    assert synth_qor.regressions(honest, expected) == []
    doctored = copy.deepcopy(expected)
    doctored["total"][name] *= change
    (fault,) = synth_qor.regressions(honest, doctored)
    assert f"qu: {name}" in fault
    with pytest.raises(FormatError, match="other parameters"):
        synth_qor.regressions(honest, {**expected, "parameters": {"LANES": 3}})


def test_every_unit_of_a_config_has_a_baseline() -> None:
    assert set(UNITS) <= set(synth_qor.qor_jobs())
    assert {path.stem for path in BASELINES.glob("*.json")} == set(synth_qor.qor_jobs())


def test_cells_known_by_hand_are_counted(tmp_path: Path) -> None:
    require_yosys()
    source = write_module(
        tmp_path,
        """
module six (input logic [5:0] in, output logic out); assign out = ^in; endmodule
module tiny #(parameter int unsigned N) (
    input logic clk, input logic [6*N-1:0] in, input logic signed [15:0] a, b,
    output logic [N-1:0] out, output logic signed [31:0] product);
  for (genvar i = 0; i < N; i++) begin : g_bit
    logic odd;
    six u_six (.in(in[6*i+:6]), .out(odd));
    always_ff @(posedge clk) out[i] <= odd;
  end
  always_ff @(posedge clk) product <= a * b;
endmodule
""",
    )
    found = synth.synthesize("tiny", {"N": 5}, [source], keep=["six"])
    # The product's 32 registers stay outside the DSP: this synthesizer does not absorb them.
    assert (found.total.lut, found.total.ff, found.total.dsp) == (5, 5 + 32, 1)
    (six,) = found.tree.children
    assert (six.name, six.module, six.count, six.total.lut) == ("g_bit[*].u_six", "six", 5, 5)
    again = synth.synthesize("tiny", {"N": 5}, [source], keep=["six"])
    assert again == found
    values = found.as_json()
    assert values["source"] == SOURCE and values["scaled"] is False
    assert unit_from_json(values["tree"]) == found.tree


def test_scaled_figures_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    require_yosys()
    job = array_job(replace(synth_qor.ENGINE, tokens=3, outputs=6))
    job = replace(job, parameters={**job.parameters, "SIMD": 8, "ACC_BITS": 12})
    whole = synth_scale.synthesize_unit(job)
    monkeypatch.setattr(synth_scale, "WHOLE_LIMIT", 0)
    scaled = synth_scale.synthesize_unit(job)
    assert not whole.scaled and "T = 3, O = 6" in scaled.scaled
    assert abs(scaled.total.lut - whole.total.lut) <= 0.01 * whole.total.lut
    assert scaled.as_json()["scaled"] is True
    assert [unit.count for _, unit in scaled.tree.walk()] == [unit.count for _, unit in whole.tree.walk()]


@pytest.mark.parametrize(
    "luts, sites",
    [({6: 3}, 3), ({5: 1, 1: 1}, 1), ({3: 2}, 1), ({3: 1, 2: 1}, 1), ({2: 3}, 2), ({5: 2, 2: 2}, 3)],
)
def test_small_luts_share_a_site(luts: dict[int, int], sites: int) -> None:
    assert logic_cells(luts) == sites


def test_memories_count_as_luts_and_strange_cells_are_refused() -> None:
    counted = resources_of({"RAM32M16": 2, "SRL16E": 3, "LUT6": 1, "RAMB18E2": 1, "URAM288": 1, "INV": 1})
    assert (counted.lut, counted.lut_memory, counted.bram36, counted.uram) == (21, 19, 0.5, 1)
    with pytest.raises(EngineError, match="NEWCELL"):
        resources_of({"NEWCELL": 1})


def test_hidden_modules_count_to_their_parent() -> None:
    netlist = {
        "top": {"cells": {"LUT6": 1}, "instances": [["g[0].u", "leaf$a"], ["g[1].u", "leaf$a"], ["h", "x"]]},
        "leaf$a": {"cells": {"FDRE": 2}, "instances": []},
        "x": {"cells": {"LUT2": 3}, "instances": [["in", "leaf$a"]]},
        "two": {"cells": {}, "instances": [["t[0]", "top"], ["t[1]", "top"]]},
    }
    tree = unit_tree(netlist, "top", ("leaf",))
    assert (tree.total.lut, tree.total.ff) == (4, 6)
    assert {(child.name, child.count) for child in tree.children} == {("g[*].u", 2), ("h.in", 1)}
    (pair,) = unit_tree(netlist, "two", ("leaf", "top")).children
    assert (pair.count, pair.total.ff) == (2, 12)
    assert {(child.name, child.count, child.total.ff) for child in pair.children} == {
        ("g[*].u", 4, 8), ("h.in", 2, 4),
    }  # fmt: skip


def test_identical_modules_are_merged_and_others_are_not() -> None:
    def module(name: str, cell: str, unique: str) -> str:
        body = f"module \\{name}\n  wire ${unique}\n  cell {cell} ${unique}x\n  end\nend\n"
        return f'attribute \\src "{unique}"\n{body}'

    text = module("a", "$and", "1") + module("b", "$and", "2") + module("c", "$or", "3")
    text += "module \\top\n  cell \\a \\i\n  end\n  cell \\b \\j\n  end\n  cell \\c \\k\n  end\nend\n"
    merged = merge_identical(text)
    assert merged.count("\nmodule ") + merged.startswith("module ") == 3
    assert "cell \\a \\j" in merged and "cell \\c \\k" in merged


def test_modules_are_taken_apart_with_the_borders_of_their_parts() -> None:
    box = 'attribute \\blackbox 1\nattribute \\src "f"\nmodule \\{0}\n  wire input 1 \\A\nend\n'
    part = "module \\part$t.u\n  wire width 2 output 1 \\y\n  wire $inner\n  cell $and $1\n  end\nend\n"
    top = "module \\t\n  cell \\part$t.u \\u\n  end\n  cell \\FDRE \\f\n  end\nend\n"
    alone, unused = split_modules("autoidx 9\n" + box.format("FDRE") + box.format("LUT6") + part + top)
    border = "attribute \\blackbox 1\nmodule \\part$t.u\n  wire width 2 output 1 \\y\nend\n"
    assert alone == {"part$t.u": "autoidx 9\n" + part, "t": "autoidx 9\n" + border + top}
    assert unused == ["LUT6"]


def test_faults_are_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="unit 'qmm' is unknown; known: qmm_engine"):
        unit_jobs(AcceleratorConfig(), ["qmm"])
    with monkeypatch.context() as patched:
        patched.setattr(synth.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(MissingToolError, match=r"batflow\[synth\]"):
            synth.find_yosys()
    require_yosys()
    monkeypatch.setenv("BATFLOW_CACHE", str(tmp_path))
    source = write_module(tmp_path, "module tiny (input logic a; endmodule\n")
    with pytest.raises(EngineError, match="could not synthesize tiny"):
        synth.synthesize("tiny", {}, [source])
    with pytest.raises(InputError, match="'ecp9' is unknown"):
        synth.synthesize("tiny", {}, [source], family="ecp9")
    with pytest.raises(InputError, match=r"no such source: .*absent\.sv"):
        synth.synthesize("tiny", {}, [tmp_path / "absent.sv"])
    source = write_module(
        tmp_path,
        "module tiny #(parameter int N) (input logic a, output logic b);\n"
        '  if (N < 1) $error("tiny: N %0d must be >= 1", N);\n  assign b = a;\nendmodule\n',
    )
    with pytest.raises(InputError, match="tiny: N 0 must be >= 1"):
        synth.synthesize("tiny", {"N": 0}, [source])
    assert not (tmp_path / "synth").exists()
