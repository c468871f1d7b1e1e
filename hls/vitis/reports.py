# SPDX-License-Identifier: Apache-2.0
"""Reading what Vitis HLS leaves: csim's log, csynth.xml, co-simulation's and export's reports.

The forms are those of Vitis HLS 2024.x and 2025.x. Every figure carries its source: "estimate (Vitis HLS)"
of csynth, "cosim" of the simulated RTL, "synthesis" of Vivado at export.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from batflow.errors import FormatError
from batflow.files import read_json

from ..vendor_report import SOURCE, number
from .csynth import ESTIMATE, parse_csynth
from .project import MARK
from .settings import TOP

_REMEDY = "run the step again with Vitis HLS 2024.1 to 2025.x"
_EXPORTS = ("export_impl.rpt", "export_syn.rpt", f"{TOP}_export.rpt")
_COUNTS = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "uram": "URAM", "srl": "SRL"}


def parse_csim(text: str) -> dict[str, Any]:
    """Read ``bat_top_csim.log``: whether the testbench passed.

    Raises:
        FormatError: the log does not say how csim ended.
    """
    found = re.search(r"CSim done with (\d+) errors", text)
    if not found and "CSim failed" not in text:
        raise FormatError(f"the log of csim does not say how it ended; {_REMEDY}")
    return {"passed": found is not None and found[1] == "0"}


def parse_cosim(text: str) -> dict[str, Any]:
    """Read ``bat_top_cosim.rpt``: status, and latency and interval in clock cycles (None where NA).

    Raises:
        FormatError: the table is not there, is cut off, or no RTL was simulated.
    """
    heads = re.search(r"^\|.*Latency\(Clock Cycles\).*Interval\(Clock Cycles\)", text, re.MULTILINE)
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if re.match(r"\|\s*(Verilog|VHDL)\|", line)
    ]
    rows = [row for row in rows if len(row) >= 8 and row[1] != "NA"]
    if not heads or not rows:
        raise FormatError(f"the report of cosim has no simulated RTL; {_REMEDY}")
    row = rows[0]
    values = [None if cell == "NA" else number(cell, _REMEDY) for cell in row[2:9]]
    names = ("min", "avg", "max")
    return {
        "source": "cosim",
        "rtl": row[0],
        "passed": row[1].lower() == "pass",
        "latency_cycles": dict(zip(names, values[:3], strict=True)),
        "interval_cycles": dict(zip(names, values[3:6], strict=True)),
        "total_cycles": values[6] if len(values) > 6 else None,
    }


def parse_export(text: str) -> dict[str, Any]:
    """Read export's report: what Vivado counted after synthesis (or implementation), and the clock period.

    ``bram36`` counts a RAMB18 as a half. ``achieved_ns`` is None where there is no sequential path.

    Raises:
        FormatError: the text is no such report or is cut off.
    """
    stage = re.search(r"#=== Post-(Synthesis|Implementation) Resource usage ===", text)
    counts = dict(re.findall(r"^(\w+):\s+(\d+)\s*$", text, re.MULTILINE))
    needed = re.search(r"^CP required:\s+(\S+)", text, re.MULTILINE)
    achieved = re.findall(r"^CP achieved post-\w+:\s+(\S+)", text, re.MULTILINE)
    tool = re.search(r"^Implementation tool:\s*(?:Xilinx|AMD)?\s*(.+?)\s*$", text, re.MULTILINE)
    missing = [name for name in ("LUT", "FF", "DSP", "BRAM") if name not in counts]
    if not stage or not tool or missing or not needed or not achieved:
        raise FormatError(f"the report of export has no {', '.join(missing) or 'head or timing'}; {_REMEDY}")
    period = None if achieved[-1] == "NA" else number(achieved[-1], _REMEDY)
    wanted = number(needed[1], _REMEDY)
    blocks = int(counts["BRAM"]) / 2
    return {
        "source": SOURCE,
        "tool": tool[1],
        "stage": f"post-{stage[1].lower()}",
        **{name: int(counts.get(label, 0)) for name, label in _COUNTS.items()},
        "bram36": int(blocks) if blocks.is_integer() else blocks,
        "required_ns": wanted,
        "achieved_ns": period,
        "met": period is not None and period <= wanted,
    }


def read_reports(folder: Path, work: str, steps: tuple[str, ...]) -> dict[str, Any]:
    """The reports of ``steps`` in the form of ``batflow synth``, labelled with their sources.

    Besides that form: ``timing`` and ``latency`` (estimates), and ``csim``, ``cosim``, ``export``, None where
    the step is not among ``steps``. ``work`` is the folder of results inside the project.

    Raises:
        FormatError: a report is absent, cut off, or of another project.
    """
    mark, hls = read_json(folder / MARK), folder / work / "hls"
    read = partial(_text, folder)
    synthesized = parse_csynth(read(hls / "syn" / "report" / "csynth.xml", "csynth"))
    _require_same(mark, synthesized, folder)
    found: dict[str, Any] = dict.fromkeys(("csim", "cosim", "export"))
    if "csim" in steps:
        found["csim"] = parse_csim(read(hls / "csim" / "report" / f"{TOP}_csim.log", "csim"))
    if "cosim" in steps:
        found["cosim"] = parse_cosim(read(hls / "sim" / "report" / f"{TOP}_cosim.rpt", "cosim"))
    if "export" in steps:
        places = [hls / "impl" / "report" / "verilog" / name for name in _EXPORTS]
        found["export"] = parse_export(
            read(next((path for path in places if path.is_file()), places[1]), "export")
        )
    return _form(mark, synthesized) | found


def _require_same(mark: dict[str, Any], synthesized: dict[str, Any], folder: Path) -> None:
    for name in ("top", "part"):
        # A 7-series part is written with or without its first hyphen.
        given, wanted = (str(values[name]).replace("-", "").lower() for values in (synthesized, mark))
        if given != wanted:
            raise FormatError(
                f"csynth.xml in {folder} is of another project: its {name} is {synthesized[name]}, "
                f"not {mark[name]}; run batflow vitis {folder} again"
            )


def _form(mark: dict[str, Any], synthesized: dict[str, Any]) -> dict[str, Any]:
    board = f", board {mark['board']}" if mark["board"] else ""
    return {
        "source": ESTIMATE,
        "top": mark["top"],
        "parameters": mark["parameters"],
        "family": mark["part"],
        "tool": synthesized["tool"],
        "seconds": None,
        "scaled": False,
        "formula": None,
        "notes": [
            f"target clock {mark['clock_mhz']:.3f} MHz{board}",
            "the tree's lut and ff are estimates before logic synthesis; it gives no lut_memory, lc, carry",
        ],
        "config": mark["config"],
        "config_hash": mark["config_hash"],
        "tree": synthesized["tree"],
        "timing": synthesized["timing"],
        "latency": synthesized["latency"],
    }


def _text(folder: Path, path: Path, step: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        raise FormatError(f"{path} cannot be read; run batflow vitis {folder} --to {step}") from exc
