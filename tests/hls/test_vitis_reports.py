# SPDX-License-Identifier: Apache-2.0
"""Reading Vitis HLS's reports, on texts in the documented forms. None of the numbers is a measurement."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from batflow.errors import FormatError
from batflow.hls.synth_report import Resources, unit_from_json
from batflow.hls.vitis.csynth import ESTIMATE, parse_csynth
from batflow.hls.vitis.reports import parse_cosim, parse_csim, parse_export, read_reports
from batflow.hls.vitis.steps import STEPS

from .vitis_bench import CONFIG, TARGET, write_project
from .vitis_reports import CSIM, CSYNTH, EXPORT, cosim

PLACES = {
    "csim/report/bat_top_csim.log": CSIM,
    "syn/report/csynth.xml": CSYNTH,
    "sim/report/bat_top_cosim.rpt": cosim(),
    "impl/report/verilog/export_syn.rpt": EXPORT,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("vitis") / "written")


@pytest.fixture
def project(written: Path, tmp_path: Path) -> Path:
    """A project in which all steps have run."""
    folder = Path(shutil.copytree(written, tmp_path / "project"))
    for name, text in PLACES.items():
        path = folder / "work" / "hls" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_csynth_is_a_tree_in_synths_form() -> None:
    found = parse_csynth(CSYNTH)
    assert (found["top"], found["part"], found["tool"]) == (
        "bat_top",
        TARGET.part,
        "Vitis HLS 2024.2",
    )
    tree, fields = found["tree"], Resources().as_json()
    counts = {name: tree[name] for name in fields}
    assert counts == {
        **{"lut": 52345, "ff": 41000, "dsp": 34, "bram36": 41.5, "uram": 2},
        **dict.fromkeys(("lut_memory", "lc", "carry")),
    }
    mha, ffn = tree["children"]
    assert (mha["name"], mha["module"], mha["lut"]) == ("grp_mha_fu_210", "mha", 32000)
    assert (ffn["module"], ffn["bram36"], ffn["children"]) == ("ffn", 20, [])
    assert [(c["name"], c["module"], c["lut"]) for c in mha["children"]] == [
        ("grp_qmm_fu_44", "qmm", 14000),
        ("grp_qmm_fu_61", "qmm", 14000),
    ]
    assert unit_from_json(tree).children[0].module == "mha"


def test_csynth_gives_clock_and_latency() -> None:
    found = parse_csynth(CSYNTH.replace(">undef</Worst-caseLatency>", ">9,120</Worst-caseLatency>"))
    assert found["timing"] == {
        **{"source": ESTIMATE, "target_ns": 4, "uncertainty_ns": 1.08, "estimated_ns": 2.92, "met": True},
        "fmax_mhz": round(1000 / 2.92, 3),
    }
    assert found["latency"]["worst_cycles"] == 9120 and found["latency"]["best_cycles"] is None
    assert found["latency"]["interval_min_cycles"] == 120 and found["latency"]["source"] == ESTIMATE
    slow = CSYNTH.replace(">2.920</EstimatedClockPeriod>", ">4.001</EstimatedClockPeriod>")
    assert parse_csynth(slow)["timing"]["met"] is False


def test_older_csynth_has_no_uram_and_may_have_no_children() -> None:
    text = CSYNTH.replace("<URAM>2</URAM>\n", "")
    head, tail = text.split("<InstancesList>", 1)
    found = parse_csynth(head + tail[tail.rindex("</InstancesList>") + len("</InstancesList>") :])
    assert found["tree"]["uram"] == 0 and found["tree"]["children"] == []


BAD_CSYNTH = {
    "empty": ("", "no XML"),
    "cut off": (CSYNTH[: CSYNTH.index("<InstName>")], "no XML"),
    "another report": ("<profile><Module/></profile>", "has no UserAssignments/TargetClockPeriod"),
    "no area": (CSYNTH.replace("<LUT>52345</LUT>", ""), "has no AreaEstimates/Resources/LUT"),
    "no number": (CSYNTH.replace("<LUT>52345</LUT>", "<LUT>many</LUT>"), "'many' stands"),
    "no hierarchy": (CSYNTH.replace("RTLDesignHierarchy", "RTLDesign"), "has no RTLDesignHierarchy"),
    "unknown module": (CSYNTH.replace("<Name>qmm</Name>", "<Name>other</Name>"), "instance of qmm without"),
    "no clock": (CSYNTH.replace("2.920", ""), "has no PerformanceEstimates/SummaryOfTiming"),
}


@pytest.mark.parametrize("case", BAD_CSYNTH)
def test_what_is_no_csynth_report_is_refused(case: str) -> None:
    text, word = BAD_CSYNTH[case]
    with pytest.raises(FormatError, match=word):
        parse_csynth(text)


def test_cosim() -> None:
    found = parse_cosim(cosim())
    assert found == {
        **{"source": "cosim", "rtl": "Verilog", "passed": True, "total_cycles": 9120},
        "latency_cycles": dict.fromkeys(("min", "avg", "max"), 9120),
        "interval_cycles": dict.fromkeys(("min", "avg", "max")),
    }
    assert parse_cosim(cosim("Fail"))["passed"] is False
    older = "\n".join(line[:119] + "|" if line.startswith("|") else line for line in cosim().splitlines())
    assert parse_cosim(older)["total_cycles"] is None


def test_what_is_no_cosim_report_is_refused() -> None:
    for text in ("", cosim()[: cosim().index("Verilog")], cosim("NA"), cosim().replace("Clock Cycles", "ns")):
        with pytest.raises(FormatError, match="no simulated RTL"):
            parse_cosim(text)
    with pytest.raises(FormatError, match="'long' stands"):
        parse_cosim(cosim().replace("9120", "long"))


def test_csim() -> None:
    assert parse_csim(CSIM) == {"passed": True}
    failed = CSIM.replace("done with 0 errors", "failed with errors")
    assert parse_csim(failed) == {"passed": False}
    assert parse_csim(CSIM.replace("0 errors", "1 errors")) == {"passed": False}
    with pytest.raises(FormatError, match="does not say how it ended"):
        parse_csim(CSIM[: CSIM.index("INFO: [SIM 1]")])


def test_export() -> None:
    found = parse_export(EXPORT)
    assert found == {
        **{"source": "synthesis", "tool": "Vivado v.2024.2", "stage": "post-synthesis", "lut": 40123},
        **{"ff": 38000, "dsp": 34, "bram36": 40.5, "uram": 2, "srl": 122},
        **{"required_ns": 4, "achieved_ns": 3.61, "met": True},
    }
    routed = EXPORT.replace("Post-Synthesis", "Post-Implementation").replace(
        "Timing met", "CP achieved post-implementation: 4.020\nTiming not met"
    )
    found = parse_export(routed)
    assert (found["stage"], found["achieved_ns"], found["met"]) == ("post-implementation", 4.02, False)
    assert parse_export(EXPORT.replace("3.610", "NA"))["met"] is False


@pytest.mark.parametrize("cut", ["#=== Post", "BRAM", "CP required", "CP achieved"])
def test_what_is_no_export_report_is_refused(cut: str) -> None:
    with pytest.raises(FormatError, match="the report of export has no"):
        parse_export(EXPORT[: EXPORT.index(cut)])


def test_all_reports_in_synths_form(project: Path) -> None:
    values = read_reports(project, "work", STEPS)
    assert (values["source"], values["top"], values["family"]) == (
        ESTIMATE,
        "bat_top",
        TARGET.part,
    )
    assert values["parameters"]["kSimd"] == 32 and values["config_hash"] == CONFIG.config_hash()
    assert (values["scaled"], values["formula"], values["seconds"]) == (False, None, None)
    assert values["csim"] == {"passed": True} and values["cosim"]["passed"]
    assert values["export"]["lut"] == 40123 and values["export"]["source"] == "synthesis"
    json.dumps(values, allow_nan=False)
    early = read_reports(project, "work", STEPS[:2])
    assert early["csim"] and early["cosim"] is None and early["export"] is None


@pytest.mark.parametrize(("place", "step"), list(zip(PLACES, STEPS, strict=True)))
def test_an_absent_report_names_its_step(project: Path, place: str, step: str) -> None:
    (project / "work" / "hls" / place).unlink()
    with pytest.raises(FormatError, match=f"cannot be read; run batflow vitis .* --to {step}"):
        read_reports(project, "work", STEPS)


def test_the_routed_report_comes_before_the_synthesized_one(project: Path) -> None:
    folder = project / "work" / "hls" / "impl" / "report" / "verilog"
    (folder / "export_impl.rpt").write_text(EXPORT.replace("Post-Synthesis", "Post-Implementation"))
    assert read_reports(project, "work", STEPS)["export"]["stage"] == "post-implementation"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("<Part>xczu9eg", "<Part>xczu7ev", "its part is xczu7ev-ffvb1156-2-e"),
        ("<TopModelName>bat_top", "<TopModelName>fir", "its top is fir, not bat_top"),
    ],
)
def test_a_report_of_another_project_is_refused(project: Path, old: str, new: str, word: str) -> None:
    (project / "work/hls/syn/report/csynth.xml").write_text(CSYNTH.replace(old, new))
    with pytest.raises(FormatError, match=word):
        read_reports(project, "work", STEPS)
