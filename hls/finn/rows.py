# SPDX-License-Identifier: Apache-2.0
"""``python -m batflow.hls.finn.rows FOLDER``: rows of sequences through FINN, for `engine.py`.

The other side of :class:`batflow.hls.finn.engine.FinnEngine`, in the environment that has finn-plus. FOLDER
holds ``program/``, ``rows.npz`` (arrays ``0``, ``1``, ...: int16 [l, d]) and ``request.json``; the answer is
``taps.npz`` with arrays such as ``0/L0.ffn_out``. Sequences of one length share a graph.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from batflow.errors import UserError
from batflow.files import atomic_path, cache_folder, read_json

from ..kept_build import kept_build
from ..packing import Int64
from ..program import EncoderProgram, Shape
from ..program_io import load_program, program_hash
from ..verilator import RTL_FOLDER, build_tools
from .environment import CLOCK_NS, DEFAULT_PART, prepare
from .frames import chosen

CLOCKS, WIDEST = 20_000, 512
"""A simulated layer is folded for this many clocks a frame, or, where that takes longer, for this many
products a clock of a matrix: little to compile, and quick enough to simulate."""
_TAP = re.compile(r"L(\d+)_(attn_in|q|k|v|probs|ctx|attn_sum|attn_out|ffn_in|ffn_mid|ffn_sum|ffn_out)")
_HERE = Path(__file__).parent
_BUILT_OF = ((_HERE, "*.py"), (_HERE, "*.h"), (_HERE / "rtl", "*.sv"), (RTL_FOLDER, "*.sv"))


def executed(program: EncoderProgram, rows: Int64) -> list[dict[str, Int64]]:
    """Every tap of sequences [n, l, d] of one length, by FINN's Python execution. Source: host."""
    import finn.core.onnx_exec as onnx_exec

    from .encoder import encoder_graph

    model = encoder_graph(program, rows.shape[1])
    source = model.graph.input[0].name
    found = []
    for h in rows:
        given = {source: h[None].astype(np.float32)}
        values = onnx_exec.execute_onnx(model, given, return_full_exec_context=True)
        taps = {}
        for name, value in values.items():
            if match := _TAP.fullmatch(name):
                taps[f"L{match[1]}.{match[2]}"] = np.rint(value[0]).astype(np.int64)
        found.append(taps)
    return found


def simulated(program: EncoderProgram, layer: int, rows: Int64) -> list[dict[str, Int64]]:
    """What leaves ``layer`` for sequences [n, l, d] of one length, by its stitched RTL. Source: cosim."""
    run = _simulation(program, layer, rows.shape[1]).run(rows)
    return [{f"L{layer}.ffn_out": h} for h in run.frames]


def _simulation(program: EncoderProgram, layer: int, length: int) -> Any:
    """The layer's simulation with deep FIFOs, built once for each content in ``$BATFLOW_CACHE/finn/``."""
    from .simulate import StitchedSim
    from .stitch import Stitched

    record = cache_folder() / "finn" / f"{_content_key(program, layer, length)}.json"
    known = kept_build(record, lambda folder: _build(program, layer, length, folder), _is_whole)
    graph = Stitched(**known["graph"] | {"sources": (), "fifos": tuple(known["graph"]["fifos"])})
    return StitchedSim(graph, Path(known["library"]), known["idle_limit"])


def clocks(shape: Shape, length: int) -> int:
    """Clocks a frame that a layer of ``shape`` is folded for."""
    return max(CLOCKS, length * shape.hidden * shape.ffn // WIDEST)


def _is_whole(library: Path) -> bool:
    # The simulation reads its generated memories at every start, and takes a missing one for zeros.
    return any((library.parent.parent / "finn-tmp").rglob("*.dat"))


def _build(program: EncoderProgram, layer: int, length: int, folder: Path) -> dict[str, Any]:
    """Build the simulation in ``folder``; return its record."""
    prepare(folder / "finn-tmp")
    from .flow import Options, folded
    from .sizing import Target, deep, simulation

    target = clocks(program.shape, length)
    model, _ = folded(program, Options(length, (layer,), DEFAULT_PART, CLOCK_NS, target))
    _, sim = simulation(model, Target(DEFAULT_PART, CLOCK_NS), folder, deep(model, DEFAULT_PART))
    graph = asdict(sim.graph) | {"sources": []}
    return {"library": str(folder / "sim" / "engine.so"), "idle_limit": sim.idle_limit, "graph": graph}


def _content_key(program: EncoderProgram, layer: int, length: int) -> str:
    """Hash of everything that decides the simulation."""
    tool = build_tools("the FINN simulation")
    digest = hashlib.sha256(program_hash(chosen(program, [layer])).encode())
    for fact in (layer, length, tool.version, importlib.metadata.version("finn-plus"), sys.version):
        digest.update(f"{fact}\0".encode())
    for path in (path for folder, files in _BUILT_OF for path in sorted(folder.glob(files))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:24]


def answer(
    program: EncoderProgram, request: Mapping[str, Any], rows: Sequence[Int64]
) -> list[dict[str, Int64]]:
    """The taps of every sequence, in the order of ``rows``.

    Raises:
        InputError, EngineError, MissingToolError: as the steps.
    """
    found: list[dict[str, Int64]] = [{} for _ in rows]
    for length in sorted({len(h) for h in rows}):
        at = [index for index, h in enumerate(rows) if len(h) == length]
        alike = np.stack([rows[index] for index in at])
        layer = request["simulate_layer"]
        taps = executed(program, alike) if layer is None else simulated(program, layer, alike)
        for index, values in zip(at, taps, strict=True):
            found[index] = values
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """0: ``taps.npz`` is written; 2: the user's error, told in one line."""
    folder = Path((sys.argv[1:] if argv is None else argv)[0])
    try:
        prepare()
        from . import units_rtl  # noqa: F401  # registers the operators

        with np.load(folder / "rows.npz") as kept:
            rows = [kept[str(index)].astype(np.int64) for index in range(len(kept.files))]
        taps = answer(load_program(folder / "program"), read_json(folder / "request.json"), rows)
        named = {f"{index}/{tap}": value for index, found in enumerate(taps) for tap, value in found.items()}
        with atomic_path(folder / "taps.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, **named)
    except UserError as exc:
        sys.stderr.write(f"{type(exc).__name__}: {exc}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
