# SPDX-License-Identifier: Apache-2.0
"""Reading ``csynth.xml``, the report of C synthesis: area by module, clock and latency, all estimates.

Its elements: UserAssignments, PerformanceEstimates and AreaEstimates of the top; RTLDesignHierarchy with the
instances; ModuleInformation with the area of each module, its instances included.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as Xml

from batflow.errors import FormatError

from ..vendor_report import Tree, number, unit

ESTIMATE = "estimate (Vitis HLS)"
_REMEDY = "run csynth again with Vitis HLS 2024.1 to 2025.x"
_RESOURCES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram18": "BRAM_18K"}
_LATENCIES = {
    "best_cycles": "Best-caseLatency",
    "average_cycles": "Average-caseLatency",
    "worst_cycles": "Worst-caseLatency",
    "interval_min_cycles": "Interval-min",
    "interval_max_cycles": "Interval-max",
}


def parse_csynth(text: str) -> dict[str, Any]:
    """Read ``csynth.xml``: top, part, tool, ``tree``, ``timing`` in ns, ``latency`` in clock cycles.

    A latency is None where the tool cannot know it (loops whose bounds the program gives).

    Raises:
        FormatError: the text is no such report, or is cut off.
    """
    try:
        root = Xml.fromstring(text)
    except Xml.ParseError as exc:
        raise FormatError(f"csynth.xml is no XML ({exc}); {_REMEDY}") from exc
    user, performance = "UserAssignments/", "PerformanceEstimates/"
    target = _number(root, user + "TargetClockPeriod")
    estimated = _number(root, performance + "SummaryOfTimingAnalysis/EstimatedClockPeriod")
    latency = {
        name: _cycles(_need(root, f"{performance}SummaryOfOverallLatency/{label}"))
        for name, label in _LATENCIES.items()
    }
    return {
        "top": _need(root, user + "TopModelName"),
        "part": _need(root, user + "Part"),
        "tool": f"Vitis HLS {_need(root, 'ReportVersion/Version')}",
        "tree": _tree(root),
        "timing": {
            "source": ESTIMATE,
            "target_ns": target,
            "uncertainty_ns": _number(root, user + "ClockUncertainty"),
            "estimated_ns": estimated,
            "met": estimated <= target,
            "fmax_mhz": round(1000 / estimated, 3),
        },
        "latency": {"source": ESTIMATE, **latency},
    }


def _need(element: Xml.Element, path: str) -> str:
    found = element.findtext(path)
    if found is None or not found.strip():
        raise FormatError(f"csynth.xml has no {path}; {_REMEDY}")
    return found.strip()


def _number(element: Xml.Element, path: str) -> float:
    return number(_need(element, path), _REMEDY)


def _cycles(text: str) -> float | None:
    return None if text in ("undef", "?", "-1") else number(text, _REMEDY)


def _counts(element: Xml.Element) -> dict[str, float | None]:
    found = {name: _number(element, f"AreaEstimates/Resources/{label}") for name, label in _RESOURCES.items()}
    blocks = found.pop("bram18") / 2
    return {
        **found,
        "uram": number(element.findtext("AreaEstimates/Resources/URAM") or "0", _REMEDY),
        "bram36": int(blocks) if float(blocks).is_integer() else blocks,
        "lut_memory": None,
        "lc": None,
        "carry": None,
    }


def _tree(root: Xml.Element) -> Tree:
    modules = {
        name.strip(): module
        for module in root.findall("ModuleInformation/Module")
        if (name := module.findtext("Name"))
    }
    top = root.find("RTLDesignHierarchy/TopModule")
    if top is None:
        raise FormatError(f"csynth.xml has no RTLDesignHierarchy; {_REMEDY}")

    def grow(instance: Xml.Element, name: str, body: Xml.Element) -> Tree:
        module = _need(instance, "ModuleName")
        node = unit(name, module, _counts(body))
        for child in instance.findall("InstancesList/Instance"):
            kind = _need(child, "ModuleName")
            if kind not in modules:
                raise FormatError(f"csynth.xml has an instance of {kind} without its area; {_REMEDY}")
            node["children"].append(grow(child, _need(child, "InstName"), modules[kind]))
        return node

    return grow(top, _need(top, "ModuleName"), root)
