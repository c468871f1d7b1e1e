# SPDX-License-Identifier: Apache-2.0
"""``batflow configs``: legal configs for a board and a model, what each reaches, what bounds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console, Group, RenderableType
from rich.progress import Progress
from rich.table import Table

from batflow.errors import InputError
from batflow.files import atomic_path, write_json
from batflow.hls.cycle_model import ModelShape
from batflow.hls.cycle_model_search import Candidate, Found, Limits, search, tops, weight_bytes
from batflow.hls.program import MATRICES
from batflow.hls.program_io import load_program
from batflow.overlays.board import Board, load_board

SHAPES = {"bert-base": (12, 768, 12, 3072), "bert-tiny": (2, 128, 2, 512), "demo": (2, 384, 12, 1536)}
"""Shapes by name: layers, hidden size, heads, FFN size."""


def model_shape(model: str, bits: int) -> ModelShape:
    """The shape of a name of `SHAPES`, of ``LAYERSxHIDDENxHEADSxFFN``, or of a run or program folder.

    Raises:
        InputError: none of these.
    """
    if model in SHAPES:
        return ModelShape.uniform(*SHAPES[model], bits)
    numbers = model.split("x")
    if len(numbers) == 4 and all(number.isdigit() and int(number) > 0 for number in numbers):
        layers, hidden, heads, ffn = map(int, numbers)
        if hidden % heads == 0:
            return ModelShape.uniform(layers, hidden, heads, ffn, bits)
    folder = Path(model) / "program" if (Path(model) / "program").is_dir() else Path(model)
    if not folder.is_dir():
        raise InputError(
            f"model {model!r} is unknown; give {', '.join(SHAPES)}, LAYERSxHIDDENxHEADSxFFN with heads that "
            "divide the hidden size, or the folder of a run that has been lowered"
        )
    program = load_program(folder)
    shape = program.shape
    kinds = {name: program.layers[0].matrices[name].kind for name in MATRICES}
    uniform = ModelShape.uniform(shape.layers, shape.hidden, shape.heads, shape.ffn, bits)
    return ModelShape(uniform.layers, uniform.hidden, uniform.heads, uniform.ffn, uniform.bits, kinds)


def board_limits(board: Board, clock_mhz: float, max_lut_share: float) -> Limits:
    """What a board gives.

    Raises:
        InputError: a board without resources.
    """
    if not board.lut:
        raise InputError(f"board {board.name} has no part to fit into; give zcu102, zcu104 or kv260")
    return Limits(
        board.name, board.lut, board.bram36, board.uram, board.dsp, clock_mhz,
        board.memory_gbytes_per_s, max_lut_share,
    )  # fmt: skip


def as_json(found: Found, shape: ModelShape, length: int, limits: Limits) -> dict[str, Any]:
    """Board, model, the best configs, and what excluded the others."""
    return {
        "source": "estimate",
        "board": limits.name,
        "clock_mhz": limits.clock_mhz,
        "max_lut_share": limits.max_lut_share,
        "model": {
            "layers": shape.layers,
            "hidden": shape.hidden,
            "heads": shape.heads,
            "ffn": shape.ffn,
            "bits": max(shape.bits.values()),
            "length": length,
            "macs": shape.macs(length),
            "weight_bytes": weight_bytes(shape),
        },
        "memory_roof_tops": round(_roof(shape, length, limits), 3),
        "legal": found.legal,
        "excluded": found.excluded,
        "configs": [candidate.as_json(limits) for candidate in found.best],
    }


def _roof(shape: ModelShape, length: int, limits: Limits) -> float:
    return tops(shape, length, limits.memory_gbytes_per_s * 1e9 / weight_bytes(shape))


def _row(found: Candidate, limits: Limits, bytes_read: int) -> list[str]:
    config, area = found.config, found.area
    return [
        f"{config.qmm_tokens}+{config.ffn_qmm_tokens}x{config.qmm_outputs}x{config.qmm_simd_bits}",
        f"{config.result_lanes}/{config.vu_lanes}/{config.ln_lanes}/{config.softmax_lanes}",
        f"{found.interval / 1000:,.0f}k",
        f"{found.latency / 1000:,.0f}k",
        f"{found.sequences_per_s:,.0f}",
        f"{found.tops:.2f}",
        f"{area.lut / limits.lut:.0%}",
        f"{area.bram36:,.0f}" + (f"+{area.uram:.0f}U" if area.uram else ""),
        f"{area.dsp:,.0f}",
        f"{bytes_read * found.sequences_per_s / 1e9:.1f}",
        found.bounded_by,
    ]


def as_table(found: Found, shape: ModelShape, length: int, limits: Limits) -> RenderableType:
    """The best configs; below it the roof and what excluded the others."""
    table = Table(
        title=f"{limits.name}, {limits.clock_mhz:g} MHz (assumed), sequences of {length} (estimate)"
    )
    names = (
        "array",
        "lanes",
        "interval",
        "latency",
        "seq/s",
        "TOPS",
        "LUT",
        "BRAM",
        "DSP",
        "GB/s",
        "bound by",
    )
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    bytes_read = weight_bytes(shape)
    for candidate in found.best:
        table.add_row(*_row(candidate, limits, bytes_read))
    caption = "array: token rows of MHA + FFN x outputs x bits; interval and latency in clocks a sequence"
    roof = f"memory roof {_roof(shape, length, limits):.1f} TOPS: {bytes_read / 1e6:.2f} MB a sequence"
    reasons = sorted(found.excluded.items(), key=lambda item: -item[1])
    lines = [f"{count:>6}  {reason}" for reason, count in reasons[:12]]
    head = f"{found.legal} legal configs; excluded:" if reasons else f"{found.legal} legal configs"
    return Group(table, caption, roof, head, *lines)


def draw_roofline(found: Found, shape: ModelShape, length: int, limits: Limits, file: Path) -> None:
    """Write the roofline: TOPS against operations a byte of weights, memory's roof, the configs' points."""
    figure = Figure(figsize=(7, 4.5))
    axes = figure.add_subplot()
    intensity = 2 * shape.macs(length) / weight_bytes(shape)
    grid = [intensity * factor for factor in (0.05, 0.1, 0.25, 0.5, 1, 2, 4)]
    axes.plot(
        grid, [value * limits.memory_gbytes_per_s / 1000 for value in grid],
        label=f"memory, {limits.memory_gbytes_per_s:g} GB/s",
    )  # fmt: skip
    for index, candidate in enumerate(found.best[:3]):
        config = candidate.config
        roof = 2 * config.binary_macs_per_cycle * limits.clock_mhz * 1e6 / 1e12 / max(shape.bits.values())
        label = f"{config.qmm_tokens}+{config.ffn_qmm_tokens} x {config.qmm_outputs} x {config.qmm_simd_bits}"
        axes.plot(
            [intensity],
            [candidate.tops],
            "o",
            color=f"C{index + 1}",
            label=f"{label}, {config.result_lanes} lanes",
        )
        if index == 0:
            axes.axhline(roof, linestyle="--", color="C1", label="its arrays, always busy")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations a byte of weights")
    axes.set_ylabel("TOPS (estimate)")
    axes.set_title(f"{limits.name}, {limits.clock_mhz:g} MHz, {length} tokens, W1A{max(shape.bits.values())}")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3, which="both")
    figure.tight_layout()
    with atomic_path(file) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def find_configs(
    board: str | Path,
    model: str,
    bits: int,
    length: int,
    console: Console,
    *,
    top: int = 8,
    max_lut_share: float = 0.7,
    clock_mhz: float = 200.0,
    output: Path | None = None,
    roofline: Path | None = None,
) -> RenderableType:
    """Search; write JSON to ``output`` and the plot to ``roofline``; return the table.

    Raises:
        UserError: of the board, the model or the numbers.
    """
    limits = board_limits(load_board(board), clock_mhz, max_lut_share)
    shape = model_shape(model, bits)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("cycle model", total=None)
        found = search(
            shape, length, limits, top=top,
            progress=lambda done, count: bar.update(task, completed=done, total=count),
        )  # fmt: skip
    if output:
        write_json(output, as_json(found, shape, length, limits))
    if roofline:
        draw_roofline(found, shape, length, limits, roofline)
    return as_table(found, shape, length, limits)
