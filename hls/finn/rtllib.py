# SPDX-License-Identifier: Apache-2.0
"""FINN's RTL library for Verilator: a copy from the installed wheel with the few edits that it needs.

The copy is made at build time; nothing of FINN's is kept in this repository. Every edit keeps the behaviour,
and one that no longer finds its text stops the build. FINN's own code selects a model of the DSP blocks where
the macro VERILATOR is defined, so the primitives themselves are not simulated.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from batflow.errors import EngineError

FILES = (
    "mvu/mvu_pkg.sv",
    "mvu/mvu.sv",
    "mvu/mvu_vvu_8sx9_dsp58.sv",
    "mvu/add_multi.sv",
    "mvu/replay_buffer.sv",
    "mvu/mvu_vvu_axi.sv",
    "axi/hdl/axilite.sv",
    "memstream/hdl/memstream.sv",
    "memstream/hdl/memstream_axi.sv",
    "dynload/hdl/dynamic_load.sv",
    "thresholding/hdl/thresholding.sv",
    "thresholding/hdl/thresholding_axi.sv",
    "dwc/hdl/vpc.sv",
    "dwc/hdl/dwc_axi.sv",
    "fifo/hdl/fifo.sv",
)
"""What the nodes of our graphs use, packages first."""


@dataclass(frozen=True)
class Edit:
    """Replace ``old`` by ``new``, which must be found exactly once in ``file``."""

    file: str
    old: str
    new: str


EDITS = (
    # Verilator has no clocking event with iff.
    Edit(
        "mvu/mvu.sv",
        "always_ff @(posedge clk iff en && !rst) begin",
        "always_ff @(posedge clk) if(en && !rst) begin",
    ),
    # An unpacked structure cannot be a constant function's result there.
    Edit(
        "fifo/hdl/fifo.sv",
        "typedef struct {\n\t\tint unsigned  lo;",
        "typedef struct packed {\n\t\tint unsigned  lo;",
    ),
)
_TREE = "mvu/add_multi.sv"
_TREE_START, _TREE_END = "\t\t// Compute the count of decendents", "\t\t// Adder Tree"
_TREE_TARGET = "\tuwire [SUM_WIDTH-1:0]  sum0;"


def source_folder() -> Path:
    """FINN's RTL library as installed."""
    import finn

    return Path(finn.__path__[0]) / "finn-rtllib"


def port(folder: Path) -> list[Path]:
    """Copy :data:`FILES` to ``folder``, edited; return the copies in order.

    Raises:
        EngineError: this finn-plus has other sources than the edits were written for.
    """
    texts = {name: (source_folder() / name).read_text(encoding="utf-8") for name in FILES}
    for edit in EDITS:
        if texts[edit.file].count(edit.old) != 1:
            raise _unknown(edit.file)
        texts[edit.file] = texts[edit.file].replace(edit.old, edit.new)
    texts[_TREE] = _move_functions(texts[_TREE])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copies = []
    for name in FILES:
        copies.append(folder / Path(name).name)
        copies[-1].write_text(texts[name], encoding="utf-8")
    return copies


def _move_functions(text: str) -> str:
    """Move the constant functions of the adder tree out of their generate block, where Verilator has none."""
    marks = [text.find(mark) for mark in (_TREE_TARGET, _TREE_START, _TREE_END)]
    if -1 in marks or sorted(marks) != marks:
        raise _unknown(_TREE)
    target, start, end = marks
    return text[:target] + text[start:end] + text[target:start] + text[end:]


def _unknown(file: str) -> EngineError:
    return EngineError(
        f"finn-plus's {file} is not the one of version 1.6.1, which this batflow ports to Verilator; "
        "run `make finn-env` again"
    )
