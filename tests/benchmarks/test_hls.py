# SPDX-License-Identifier: Apache-2.0
"""Figures of the vendor exits: read from a record, counted from a report, and refused where one is absent."""

from __future__ import annotations

from typing import Any

import pytest

from batflow.errors import FormatError
from benchmarks.hls import count_figures, finn_record_figures

RECORD: dict[str, Any] = {
    "unconverted_nodes": 0,
    "python": {"mismatches": 0},
    "estimate": {"interval_cycles": 1024},
    "rtl": {"mismatches": 1, "mismatches_with_stalls": 2, "interval_cycles": 1030, "latency_cycles": 4000},
}


def test_a_record_gives_figures_with_their_sources() -> None:
    figures = finn_record_figures(RECORD, "finn")
    assert figures["finn_rtl_mismatches"] == {"value": 3, "unit": "integers", "source": "cosim"}
    assert figures["finn_estimated_interval_cycles"]["source"] == "estimate"
    assert figures["finn_rtl_interval_cycles"]["value"] == 1030


def test_a_record_without_simulation_is_refused() -> None:
    with pytest.raises(FormatError, match="--simulate"):
        finn_record_figures({key: value for key, value in RECORD.items() if key != "rtl"}, "finn")


def test_tests_that_did_not_pass_are_not_counted() -> None:
    suite = '<testsuite tests="9" failures="1" errors="1" skipped="2"/>'
    figures = count_figures(f"<testsuites>{suite}</testsuites>")
    assert (figures["kernel_tests"]["value"], figures["kernel_tests_not_passed"]["value"]) == (5, 4)
