# SPDX-License-Identifier: Apache-2.0
"""``python -m batflow.hls.finn MODEL --out DIR``: an encoder through FINN (docs/finn.md).

In an interpreter without finn-plus the command runs again in ``.venv-finn``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from batflow.errors import InputError, UserError
from batflow.files import write_json

from ..lowering import lower
from ..program import EncoderProgram
from ..program_io import load_program
from .environment import CLOCK_NS, DEFAULT_PART, is_here, other_python, prepare


def read_program(path: Path) -> EncoderProgram:
    """The program of a run folder, a program folder or a model.onnx.

    Raises:
        InputError: none of these.
        FormatError: corrupt or edited.
    """
    if path.suffix == ".onnx":
        return lower(path)
    for folder in (path, path / "program"):
        if (folder / "program.json").is_file():
            return load_program(folder)
    if (path / "model.onnx").is_file():
        return lower(path / "model.onnx")
    raise InputError(f"{path} holds no program; give a run folder, a program folder or a model.onnx")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m batflow.hls.finn", description=__doc__)
    parser.add_argument("model", type=Path, help="run folder, program folder or model.onnx")
    parser.add_argument("--out", type=Path, required=True, help="folder for the graph, reports and finn.json")
    parser.add_argument("--length", type=int, help="tokens of a sequence (default: the model's most)")
    parser.add_argument("--layers", help="layers, such as 0 or 0,1 (default: all)")
    parser.add_argument("--target-fps", type=float, default=10_000.0, help="frames a second to fold for")
    parser.add_argument("--clock-ns", type=float, default=CLOCK_NS, help="clock period")
    parser.add_argument("--part", default=DEFAULT_PART, help="part number")
    parser.add_argument("--frames", type=int, default=16, help="frames of the checks")
    parser.add_argument("--simulate", action="store_true", help="stitch, size the FIFOs, run in Verilator")
    parser.add_argument("--implement", action="store_true", help="FINN's whole build, where Vivado is")
    parser.add_argument("--board", default="", help="with --implement: FINN's board name, for a bitfile")
    return parser.parse_args(argv)


def _layers(text: str | None, count: int) -> tuple[int, ...]:
    if text is None:
        return tuple(range(count))
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as exc:
        raise InputError(f"--layers {text}: give numbers with commas, such as 0,1") from exc


def _run(given: argparse.Namespace) -> dict[str, Any]:
    program = read_program(given.model)
    if given.frames < 4:
        raise InputError(f"--frames {given.frames}: give 4 or more, for a steady interval")
    prepare(given.out / "finn-tmp")
    from . import units_rtl  # noqa: F401  # registers the operators
    from .encoder import encoder_graph
    from .flow import Options, cycles_of, run
    from .vendor import implement

    shape = program.shape
    options = Options(
        shape.max_len if given.length is None else given.length,
        _layers(given.layers, shape.layers),
        given.part,
        given.clock_ns,
        cycles_of(given.target_fps, given.clock_ns),
        given.frames,
    )
    record = run(program, options, given.out, given.simulate)
    write_json(given.out / "finn.json", record)
    if given.implement:
        graph = encoder_graph(program, options.length, options.layers)
        implement(graph, given.out, options.part, options.target, options.clock_ns, given.board)
    return record


def _told(record: dict[str, Any]) -> list[str]:
    """What the command prints."""
    python, estimate = record["python"], record["estimate"]
    lines = [
        f"nodes {record['nodes']}, unconverted {record['unconverted_nodes']}",
        f"python: {python['mismatches']} of {python['frames']} frames' integers differ",
        f"estimate: {estimate['interval_cycles']} clocks a frame (target {estimate['target_cycles']}; "
        f"slowest {estimate['slowest']})",
    ]
    if "rtl" in record:
        rtl = record["rtl"]
        lines.append(
            f"cosim: {rtl['mismatches']} integers differ ({rtl['mismatches_with_stalls']} with stalls); "
            f"{rtl['interval_cycles']:g} clocks a frame, first frame after {rtl['latency_cycles']}"
        )
    return lines


def _wrong(record: dict[str, Any]) -> bool:
    rtl = record.get("rtl", {})
    found = (record["python"]["mismatches"], rtl.get("mismatches", 0), rtl.get("mismatches_with_stalls", 0))
    return record["unconverted_nodes"] > 0 or any(found)


def main(argv: list[str] | None = None) -> int:
    """0: all equal; 1: integers differ; 2: the user's error, told in one line."""
    given = _arguments(argv)
    if not is_here() and (python := other_python()):
        sys.stdout.flush()
        os.execv(python, [str(python), "-m", "batflow.hls.finn", *(sys.argv[1:] if argv is None else argv)])
    try:
        record = _run(given)
    except UserError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 2
    sys.stdout.write("\n".join(_told(record)) + "\n")
    return int(_wrong(record))


if __name__ == "__main__":
    sys.exit(main())
