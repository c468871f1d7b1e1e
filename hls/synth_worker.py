# SPDX-License-Identifier: Apache-2.0
"""Synthesis with yosys, in a process of its own: ``python -m batflow.hls.synth_worker FOLDER``.

``FOLDER/job.json`` says what to do; ``FOLDER/netlist.json`` gets the cells and instances of every
module. LUTs are mapped one module at a time (`synth_split`). Each stage is announced by one line
``@stage DONE TOTAL NAME`` on standard output, and ``@error TEXT`` tells what went wrong; all else there
is yosys's own log. `synth.py` is the other side.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from pyosys import libyosys

from .synth_merge import merge_identical, without_parameters
from .synth_report import counted_cells
from .synth_split import split_modules

_FLOW = ("begin", "prepare", "map_dsp", "coarse", "map_memory", "map_ffram", "fine", "map_cells", "map_ffs")
_LAST = "map_luts"
_LIBRARY = "library"
# Liberties that Verilator takes as well, and no assertions: none changes what is built.
SLANG_FLAGS = (
    "-Wno-implicit-port-type-mismatch --allow-use-before-declare --relax-enum-conversions --ignore-assertions"
)
_ROUNDS = 4  # constants cross one level of hierarchy a round
# What `opt` repeats until nothing changes anywhere. A queue of registers loses a constant bit at one stage
# a turn, so that the whole design would be gone through as often as its longest queue is deep.
_TURN = (
    *("opt_expr", "opt_merge -nomux", "opt_muxtree", "opt_reduce", "opt_merge", "opt_dff", "opt_clean"),
    "opt_expr",
)


class _Yosys:
    """A yosys design, and the stages done of it."""

    def __init__(self, stages: int) -> None:
        self.design = libyosys.Design()
        self._done, self._stages = 0, stages

    def run(self, *commands: str) -> None:
        for command in commands:
            libyosys.run_pass(command, self.design)

    def stage(self, name: str) -> None:
        sys.stdout.write(f"\n@stage {self._done} {self._stages} {name}\n")
        sys.stdout.flush()
        self._done += 1


def _read(yosys: _Yosys, job: dict[str, Any]) -> None:
    parameters = " ".join(f"-G {name}={value}" for name, value in job["parameters"].items())
    sources = " ".join(job["sources"])
    boxes = " ".join(f"--blackboxed-module {name}" for name in job["black_boxes"])
    options = f"--keep-hierarchy -D SYNTHESIS {SLANG_FLAGS} {boxes}"
    yosys.run(f"read_slang {options} --top {job['top']} {parameters} {sources}")


def _shape_hierarchy(yosys: _Yosys, keep: list[str]) -> None:
    """Flatten all but the modules to report and those whose source asks to be kept; optimize across them."""
    for module in keep:
        yosys.run(f"setattr -mod -set keep_hierarchy 1 {module}$*")
    yosys.run("proc", "flatten")
    for _ in range(_ROUNDS):
        yosys.run("opt_hier", *_TURN)
    yosys.run("opt_clean -purge")


def _merge(yosys: _Yosys, black_boxes: list[str], folder: Path) -> None:
    """Leave one of every set of identical modules, and optimize each as far as it goes."""
    file = folder / "merged.il"
    yosys.run(f"write_rtlil {file}")
    file.write_text(merge_identical(without_parameters(file.read_text(), black_boxes)))
    yosys.design = libyosys.Design()
    yosys.run(f"read_rtlil {file}")
    for module in yosys.design.selected_modules():
        yosys.run(f"opt {_pattern(module)}")


def _pattern(module: Any) -> str:
    """The selection of ``module`` alone."""
    return re.sub(r"([\[\]*?])", r"\\\1", _plain(module.name.str()))


def _plain(name: object) -> str:
    return str(name).removeprefix("\\")


def contents(module: Any, parts: Collection[str]) -> dict[str, Any]:
    """Cells of a module by type, and its instances (name, module) of ``parts``."""
    cells: Counter[str] = Counter()
    instances: list[tuple[str, str]] = []
    for cell in module.selected_cells():
        kind = _plain(cell.type.str())
        if kind in parts:
            instances.append((_plain(cell.name.str()), kind))
        else:
            cells[kind] += 1
    return {"cells": dict(cells), "instances": sorted(instances)}


def _map_luts(yosys: _Yosys, flow: str, black_boxes: list[str], folder: Path) -> dict[str, Any]:
    """Do the rest of the flow module by module; return the netlist. Boxes are empty."""
    file = folder / "mapped.il"
    yosys.run(f"write_rtlil {file}")
    alone, unused = split_modules(file.read_text())
    spare = " ".join(f"={name}" for name in unused if name not in counted_cells())
    yosys.run(f"delete * {spare}", f"design -save {_LIBRARY}")
    parts = {*alone, *black_boxes}
    found: dict[str, Any] = {name: {"cells": {}, "instances": []} for name in black_boxes}
    for name, text in alone.items():
        file.write_text(text)
        yosys.run(f"design -load {_LIBRARY}", f"read_rtlil {file}", f"{flow} -run {_LAST}:edif")
        own = next(m for m in yosys.design.selected_modules() if _plain(m.name.str()) == name)
        found[name] = contents(own, parts)
    return found


def synthesize(folder: Path) -> None:
    """Do the job of ``folder``."""
    job = json.loads((folder / "job.json").read_text())
    yosys = _Yosys(len(_FLOW) + 3)
    yosys.stage("read")
    _read(yosys, job)
    yosys.stage("hierarchy")
    _shape_hierarchy(yosys, job["keep"])
    _merge(yosys, job["black_boxes"], folder)
    flow = f"synth_xilinx -family {job['family']} -top {job['top']} -noiopad -noclkbuf {job['options']}"
    for here, there in zip(_FLOW, (*_FLOW[1:], _LAST), strict=True):
        yosys.stage(here)
        yosys.run(f"{flow} -run {here}:{there}")
    yosys.stage(_LAST)
    (folder / "netlist.json").write_text(json.dumps(_map_luts(yosys, flow, job["black_boxes"], folder)))


def run_job(work: Callable[[Path], None]) -> int:
    """Do ``work`` on the folder that the command line names; return 0, or 1 after telling why it failed."""
    try:
        work(Path(sys.argv[1]))
    except RuntimeError as exc:  # what pyosys raises for a yosys error
        sys.stdout.write(f"\n@error {' '.join(str(exc).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run_job(synthesize))
