# SPDX-License-Identifier: Apache-2.0
"""Steps lower, build and cosim: the integer program, its bundle, the QMM engine in RTL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from batflow.errors import MismatchError
from batflow.files import write_json
from batflow.hls.config import AcceleratorConfig, make_config
from batflow.hls.cosim_qmm import Product, QmmEngine, WeightKind, weight_operand
from batflow.hls.packing import Int64
from batflow.hls.program import EncoderProgram, Format
from batflow.hls.qmm_protocol import operand

from .progress import Advance
from .run_folder import RunFolder

STALL_PERCENT = 30
SEARCHED = 100
"""Held-out sentences among which cosim takes the longest."""
CLOCK_MHZ = 250.0


def lower_step(run: RunFolder, advance: Advance) -> None:
    """Lower model.onnx to program/."""
    from batflow.hls.lowering import lower
    from batflow.hls.program_io import save_program

    save_program(lower(run.need("model.onnx", "export")), run.artefact("program"))


def accelerator_config(program: EncoderProgram) -> AcceleratorConfig:
    """Return a config whose maxima are just what ``program`` needs."""
    shape = program.shape
    bits = max(form.bits for layer in program.layers for form in layer.formats.values())
    maxima = {
        "max_layers": shape.layers,
        "max_hidden": shape.hidden,
        "max_heads": shape.heads,
        "max_ffn": shape.ffn,
        "max_tokens": shape.max_len,
        "max_bits": bits,
    }
    return make_config({**maxima, "clock_mhz": CLOCK_MHZ}, "the program's own config")


def build_step(run: RunFolder, advance: Advance) -> None:
    """Compile the csim engine for the program and write bundle/."""
    from batflow.hls.csim_build import build_csim
    from batflow.hls.program_io import load_program
    from batflow.overlays.board import load_board
    from batflow.overlays.bundle import write_bundle

    folder = run.need("program", "lower")
    config = accelerator_config(load_program(folder))
    write_bundle(
        run.artefact("bundle"),
        folder,
        build_csim(config),
        "csim",
        load_board("emulated"),
        config.clock_mhz,
        config.model_dump(mode="json"),
        "estimate",
    )


@dataclass(frozen=True)
class Tile:
    """One matrix product of the model on real activations: a [T, K] times w [N, K] transposed."""

    name: str
    acts: Int64
    act_format: Format
    weights: Int64
    weight_kind: WeightKind
    weight_bits: int


@dataclass(frozen=True)
class TileResult:
    """What the RTL did with a tile: clocks without stalls, the formula's clocks, wrong integers."""

    name: str
    tokens: int
    outputs: int
    inputs: int
    cycles: int
    formula: int
    mismatches: int
    stalled_mismatches: int


def model_tiles(program: EncoderProgram, taps: dict[str, Int64]) -> Iterator[Tile]:
    """Yield every kind of product of the model, by layer: projections, scores, context, FFN."""
    for index, layer in enumerate(program.layers):
        prefix = f"L{index}."

        def tap(name: str, prefix: str = prefix) -> Int64:
            return taps[prefix + name]

        for name, source in (("q", "attn_in"), ("o", "ctx"), ("ffn1", "ffn_in"), ("ffn2", "ffn_mid")):
            matrix = layer.matrices[name]
            kind: WeightKind = "ternary" if matrix.kind == "ternary" else "binary"
            for part, weights in enumerate(matrix.parts()):
                suffix = f".{part + 1}" if len(matrix.parts()) > 1 else ""
                title = f"{prefix}{name}{suffix}"
                yield Tile(title, tap(source), layer.formats[source], weights, kind, 1)
        size = program.shape.hidden // program.shape.heads
        q, k, v = (tap(name)[:, :size] for name in ("q", "k", "v"))
        yield Tile(f"{prefix}scores.0", q, layer.formats["q"], k, "signed", layer.formats["k"].bits)
        probs = tap("probs")[0]
        yield Tile(f"{prefix}ctx.0", probs, layer.formats["probs"], v.T, "signed", layer.formats["v"].bits)


def cosim_step(run: RunFolder, advance: Advance) -> None:
    """Run the QMM engine's RTL on products of a long held-out sentence: cosim.json.

    Each product runs without stalls (cycles against the formula) and with random backpressure.

    Raises:
        MissingToolError: no Verilator or compiler.
        MismatchError: a wrong integer, or cycles other than the formula's; cosim.json tells all.
    """
    from batflow.hls.program_io import load_program
    from batflow.hls.reference.encoder import Reference

    from .sentences import held_out

    program = load_program(run.need("program", "lower"))
    sentence = max(held_out(run, program, SEARCHED).sentences, key=lambda s: len(s.ids))
    taps = Reference(program).run(sentence.ids, sentence.types).taps
    tiles = list(model_tiles(program, taps))[: run.config.cosim_products]
    engine = QmmEngine()
    rows = []
    for number, tile in enumerate(tiles):
        advance(number, len(tiles))
        rows.append(_simulate(engine, tile))
    wrong = sum(row.mismatches + row.stalled_mismatches for row in rows)
    odd = [row.name for row in rows if row.cycles != row.formula]
    record = {
        "source": "cosim",
        "config": asdict(engine.config),
        "cycles_per_s": engine.totals.cycles_per_s,
        "binary_macs_per_s": engine.totals.binary_macs_per_s,
        "simulated_cycles": engine.totals.cycles,
        "mismatches": wrong,
        "stall_percent": STALL_PERCENT,
        "tiles": [asdict(row) for row in rows],
    }
    write_json(run.artefact("cosim.json"), record)
    if wrong or odd:
        what = f"{wrong} wrong integers" if wrong else f"cycles of {odd[0]} differ from the formula"
        raise MismatchError(f"cosim: {what}; see {run.artefact('cosim.json')}")


def _simulate(engine: QmmEngine, tile: Tile) -> TileResult:
    acts = operand(tile.acts, tile.act_format.bits, tile.act_format.signed, tile.name)
    length = tile.acts.shape[1]
    weights = weight_operand(tile.weights, tile.weight_kind, tile.weight_bits, length)
    product = Product(acts, weights)
    expected = tile.acts @ tile.weights.T
    (plain,), cycles = engine.run([product])
    (stalled,), _ = engine.run([product], stall_in=STALL_PERCENT, stall_out=STALL_PERCENT)
    return TileResult(
        tile.name,
        tokens=tile.acts.shape[0],
        outputs=tile.weights.shape[0],
        inputs=length,
        cycles=cycles,
        formula=engine.cycles([product]),
        mismatches=int(np.count_nonzero(plain != expected)),
        stalled_mismatches=int(np.count_nonzero(stalled != expected)),
    )
