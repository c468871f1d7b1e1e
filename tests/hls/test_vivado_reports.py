# SPDX-License-Identifier: Apache-2.0
"""Reading Vivado's reports, on texts in the documented forms. None of the numbers is a measurement."""

from __future__ import annotations

import json

import pytest

from batflow.errors import FormatError
from batflow.hls.synth_report import Resources, unit_from_json
from batflow.hls.vendor_report import SOURCE
from batflow.hls.vivado.reports import parse_timing, parse_utilization, synthesis_report

from .vivado_bench import HIERARCHY, TARGET, UTILIZATION, timing

MARK = {"parameters": {"LANES": "8"}, "part": TARGET.part, "board": "zcu102", "clock_mhz": 250.0}
MARK |= {"config": {"qmm_tokens": 4}, "config_hash": "00ff"}
COUNTS = {"lut": 52345, "lut_memory": 2345, "lc": 52345, "ff": 41000, "carry": 1424, "bram36": 83.5}


def test_flat_utilization() -> None:
    found = parse_utilization(UTILIZATION)
    assert {name: found[name] for name in COUNTS} == COUNTS
    assert (found["uram"], found["dsp"], found["children"]) == (0, 34, [])


def test_older_columns_commas_and_uram() -> None:
    """2022.2 names no prohibited sites for some parts; counts of a thousand may have a comma."""
    text = UTILIZATION.replace(" Prohibited |", "").replace("|  52345 |", "| 52,345 |").replace(
        "3. ARITHMETIC", "| Site Type | Used | Fixed |\n| URAM | 12 | 0 |\n3. ARITHMETIC"
    )  # fmt: skip
    found = parse_utilization(text)
    assert (found["lut"], found["uram"]) == (52345, 12)


def test_hierarchy_is_a_tree_in_synths_form() -> None:
    tree = parse_utilization(HIERARCHY)
    names = [(child["name"], child["module"], child["lut"], child["bram36"]) for child in tree["children"]]
    assert names == [("u_mha", "bat_mha", 32000, 61.5), ("u_ffn", "bat_ffn", 20300, 22)]
    assert [child["name"] for child in tree["children"][0]["children"]] == ["u_engine"]
    assert tree["carry"] is None and tree["lut_memory"] == 2345


def test_report_has_synths_form_and_its_own_source() -> None:
    report = synthesis_report(MARK, UTILIZATION, HIERARCHY, timing("0.500"))
    assert (report["source"], report["top"], report["tool"]) == (SOURCE, "bat_accelerator", "Vivado v.2024.1")
    assert report["notes"][0] == "design state: Synthesized"
    tree = unit_from_json(report["tree"])
    assert tree.total == Resources(52345, 2345, 52345, 41000, 1424, 83.5, 0, 34)
    assert [child.name for child in tree.children] == ["u_mha", "u_ffn"]
    assert report["timing"]["fmax_mhz"] == round(1000 / 3.5, 3)
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize(
    ("wns", "whs", "met"), [("-0.001", "0.1", 0), ("0.000", "0.000", 1), ("0.1", "-0.1", 0)]
)
def test_timing(wns: str, whs: str, met: int) -> None:
    found = parse_timing(timing(wns, whs))
    assert found["met"] == bool(met) and found["wns_ns"] == float(wns) and found["whs_ns"] == float(whs)
    assert found["clocks_mhz"] == {"clk": 250} and found["failing_endpoints"] == 0
    assert found["fmax_mhz"] == round(1000 / (4 - float(wns)), 3)


def test_timing_without_paths_or_with_two_clocks_has_no_fmax() -> None:
    nothing = parse_timing(timing("NA", "NA"))
    assert (nothing["wns_ns"], nothing["met"], nothing["fmax_mhz"]) == (None, False, None)
    two = timing() + "clk_b  {0.000 5.000}      10.000          100.000\n"
    assert parse_timing(two)["fmax_mhz"] is None and parse_timing(two)["clocks_mhz"] == {
        "clk": 250,
        "clk_b": 100,
    }


BAD = {
    "empty": ("", "has no CLB LUTs"),
    "another family": (UTILIZATION.replace("CLB LUTs*", "Slice LUTs"), "has no CLB LUTs"),
    "cut off": (UTILIZATION[: UTILIZATION.index("3. ARITHMETIC")], "has no DSPs"),
    "no number": (UTILIZATION.replace("| 52345 |", "| many  |"), "'many' stands"),
    "two tops": (HIERARCHY + "| other | (top) |" + " 1 |" * 9, "two tops"),
    "no column": (HIERARCHY.replace("LUTRAMs", "LUTs   "), "no column LUTRAMs"),
    "no rows": (HIERARCHY[: HIERARCHY.index("| bat_accelerator")], "has no rows"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_report_is_refused(case: str) -> None:
    text, word = BAD[case]
    with pytest.raises(FormatError, match=word):
        parse_utilization(text)


def test_timing_that_is_cut_off_is_refused() -> None:
    whole = timing()
    for text in ("", whole[: whole.index("WNS(ns)") + 30], whole[: whole.index("98765")]):
        with pytest.raises(FormatError, match="timing"):
            parse_timing(text)


def test_reports_of_two_designs_are_refused() -> None:
    with pytest.raises(FormatError, match="not of one design: ff is 41000 flat and 41001"):
        synthesis_report(MARK, UTILIZATION, HIERARCHY.replace("| 41000 |", "| 41001 |"), timing())
    with pytest.raises(FormatError, match="no tool version"):
        synthesis_report(MARK, UTILIZATION.replace("Tool Version", "Tool"), HIERARCHY, timing())
