# SPDX-License-Identifier: Apache-2.0
"""Reading Vivado's reports: utilization, utilization by hierarchy, timing summary.

The forms are those of UG906 (report_utilization, report_timing_summary) for UltraScale+. Figures have
source "synthesis"; they exist only where somebody ran Vivado.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from batflow.errors import FormatError

from ..vendor_report import SOURCE, Tree, number, unit

_REMEDY = "give a text report of Vivado for an UltraScale+ part, as the project's scripts write it"
_TOOL = re.compile(r"Tool Version\s*:\s*(Vivado v\.\S+)")
_STATE = re.compile(r"Design State\s*:\s*([^|\n]+?)\s*\|?\s*$", re.MULTILINE)
# Flat report, name without its footnote star -> count and its factor. CARRY8 holds two CARRY4.
_SITES = {
    "CLB LUTs": ("lut", 1),
    "LUT as Memory": ("lut_memory", 1),
    "CLB Registers": ("ff", 1),
    "CARRY8": ("carry", 2),
    "Block RAM Tile": ("bram36", 1),
    "URAM": ("uram", 1),
    "DSPs": ("dsp", 1),
}
_ALWAYS = ("lut", "ff", "bram36", "dsp")
_COLUMNS = ("Instance", "Module", "Total LUTs", "LUTRAMs", "SRLs", "FFs", "RAMB36", "RAMB18")
_SLACKS = {"wns_ns": "WNS(ns)", "tns_ns": "TNS(ns)", "whs_ns": "WHS(ns)", "wpws_ns": "WPWS(ns)"}


def _number(text: str) -> float:
    return number(text, _REMEDY)


def _rows(text: str) -> Iterator[list[str]]:
    """Cells of every table line, the first with its indent."""
    for line in text.splitlines():
        if line.startswith("|") and line.rstrip().endswith("|"):
            cells = line.rstrip()[1:-1].split("|")
            yield [cells[0].rstrip()[1:], *(cell.strip() for cell in cells[1:])]


def _unit(name: str, module: str, counts: dict[str, float | None]) -> Tree:
    # Vivado's LUT counts are sites, with small LUTs combined already: the estimate of sites is the count.
    return unit(name, module, {**counts, "lc": counts["lut"]})


def parse_utilization(text: str) -> Tree:
    """Read ``report_utilization``, flat or with ``-hierarchical``, as a unit without its children or a tree.

    ``bram36`` counts a RAMB18 as a half; ``carry`` is in CARRY4, two a CARRY8, as in ``batflow synth``.

    Raises:
        FormatError: the text is no such report, is cut off, or is of another device family.
    """
    rows = list(_rows(text))
    heads = [row for row in rows if row[0].strip() == "Instance"]
    return _tree(rows, heads[0]) if heads else _flat(rows)


def _flat(rows: list[list[str]]) -> Tree:
    counts: dict[str, float | None] = {}
    used: int | None = None
    for cells in rows:
        name = cells[0].strip().rstrip("*")
        if "Used" in cells and name != "Site Type":
            used = None  # the table of primitives has names of sites too
        elif "Used" in cells:
            used = cells.index("Used")
        elif used is not None and name in _SITES and used < len(cells):
            count, factor = _SITES[name]
            counts.setdefault(count, factor * _number(cells[used]))
    missing = [name for name, (count, _) in _SITES.items() if count in _ALWAYS and count not in counts]
    if missing:
        raise FormatError(f"the utilization report has no {', '.join(missing)}; {_REMEDY}")
    return _unit("top", "top", counts)


def _tree(rows: list[list[str]], heads: list[str]) -> Tree:
    heads = [head.strip() for head in heads]
    missing = [name for name in _COLUMNS if name not in heads]
    dsp = [head for head in heads if head.startswith("DSP")]
    if missing or not dsp:
        raise FormatError(f"the hierarchy report has no column {', '.join(missing) or 'DSP'}; {_REMEDY}")
    stack: list[tuple[int, Tree]] = []
    root: Tree | None = None
    for cells in rows:
        named = cells[0].strip()
        # A row in parentheses is a unit's own part, which is counted in the unit.
        if len(cells) != len(heads) or named == "Instance" or named.startswith("("):
            continue
        row = dict(zip(heads, cells, strict=True))
        unit = _unit(named, row["Module"].strip("()"), _counts(row, dsp[0]))
        depth = len(cells[0]) - len(cells[0].lstrip())
        while stack and stack[-1][0] >= depth:
            stack.pop()
        if stack:
            stack[-1][1]["children"].append(unit)
        elif root is None:
            root = unit
        else:
            raise FormatError(f"the hierarchy report has two tops, {root['name']} and {named}; {_REMEDY}")
        stack.append((depth, unit))
    if root is None:
        raise FormatError(f"the hierarchy report has no rows; {_REMEDY}")
    return root


def _counts(row: dict[str, str], dsp: str) -> dict[str, float | None]:
    blocks = _number(row["RAMB36"]) + _number(row["RAMB18"]) / 2
    return {
        "lut": _number(row["Total LUTs"]),
        "lut_memory": _number(row["LUTRAMs"]) + _number(row["SRLs"]),
        "ff": _number(row["FFs"]),
        "carry": None,
        "bram36": int(blocks) if blocks.is_integer() else blocks,
        "uram": _number(row.get("URAM", "0")),
        "dsp": _number(row[dsp]),
    }


def parse_timing(text: str) -> dict[str, Any]:
    """Read ``report_timing_summary``: slacks in ns, clocks (MHz), whether all is met.

    ``fmax_mhz`` is 1000 / (period - WNS), and None where there is more than one clock or no setup path.
    A slack is None where nothing is constrained (``NA``).

    Raises:
        FormatError: the text has no design timing summary, or it is cut off.
    """
    lines = text.splitlines()
    row = next((n for n, line in enumerate(lines) if line.split()[:1] == ["WNS(ns)"]), None)
    if row is None or row + 2 >= len(lines):
        raise FormatError(f"the timing report has no design timing summary; {_REMEDY}")
    heads = re.findall(r"\S+\(ns\)|T\w*S \w+ Endpoints", lines[row])
    cells = dict(zip(heads, lines[row + 2].split(), strict=False))
    absent = [name for name in (*_SLACKS.values(), "TNS Failing Endpoints") if name not in cells]
    if absent:
        raise FormatError(f"the design timing summary has no {', '.join(absent)}; {_REMEDY}")
    slacks = {name: None if cells[head] == "NA" else _number(cells[head]) for name, head in _SLACKS.items()}
    clocks = {
        found[1]: _number(found[3])
        for line in lines[row:]
        if (found := re.match(r"\s*(\S+)\s+\{[\d. -]+\}\s+([\d.]+)\s+([\d.]+)\s*$", line))
    }
    wns = slacks["wns_ns"]
    judged = [slacks[name] for name in ("wns_ns", "whs_ns", "wpws_ns")]
    fmax = None
    if len(clocks) == 1 and wns is not None:
        fmax = round(1000 / (1000 / next(iter(clocks.values())) - wns), 3)
    return {
        **slacks,
        "failing_endpoints": _number(cells["TNS Failing Endpoints"]),
        "clocks_mhz": clocks,
        "met": wns is not None and all(slack is None or slack >= 0 for slack in judged),
        "fmax_mhz": fmax,
    }


def synthesis_report(mark: dict[str, Any], flat: str, hierarchy: str, timing: str) -> dict[str, Any]:
    """The three reports in the form of ``batflow synth``, plus ``timing``, labelled with their source.

    ``mark`` is the project's ``project.json``. The top's counts are those of the flat report.

    Raises:
        FormatError: as the parsers, or the reports are not of one design.
    """
    total, tree = parse_utilization(flat), parse_utilization(hierarchy)
    tool, state = _TOOL.search(flat), _STATE.search(flat)
    if not tool or not state:
        raise FormatError(f"the utilization report's head has no tool version or design state; {_REMEDY}")
    for name in ("ff", "dsp"):
        if total[name] != tree[name]:
            raise FormatError(
                f"the reports are not of one design: {name} is {total[name]} flat and {tree[name]} by "
                "hierarchy; write both again in one run"
            )
    counts = {name: total[name] for name in total if name not in ("name", "module", "count", "children")}
    return {
        "source": SOURCE,
        "top": tree["module"] if tree["module"] != "top" else tree["name"],
        "parameters": mark["parameters"],
        "family": mark["part"],
        "tool": tool[1],
        "seconds": None,
        "scaled": False,
        "formula": None,
        "notes": [f"design state: {state[1]}", f"board {mark['board']}, clock {mark['clock_mhz']:.3f} MHz"],
        "config": mark["config"],
        "config_hash": mark["config_hash"],
        "tree": {**tree, **counts},
        "timing": parse_timing(timing),
    }
