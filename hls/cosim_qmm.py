# SPDX-License-Identifier: Apache-2.0
"""Co-simulation of the QMM engine: exact matrix products out of the Verilated SystemVerilog.

The engine's weights are what ``docs/numerics.md`` calls binary or ternary (from memory), or a second
k-bit operand (scores, context; by the K/V stream). A WTWS pair is one product with an output a part.
Figures from here have source cosim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from batflow.errors import EngineError, InputError

from .axis_sim import AxisSim, Beats
from .packing import Int64, unpack_bits
from .qmm_cycles import qmm_cycles
from .qmm_protocol import (
    JOB_BITS,
    Job,
    Kind,
    Operand,
    QmmConfig,
    act_beats,
    job_word,
    operand,
    plan,
    ternary,
    weight_beats,
)
from .verilator import RTL_FOLDER, AxisPort, Module

WeightKind = Literal["binary", "ternary", "signed", "unsigned"]

# The packages first; the order of the modules is free.
_SOURCES = (
    *("qmm_pkg", "column_pkg", "LUT6_2", "CARRY4", "compressor6", "full_adder", "pair_compressor"),
    *("column_layer", "column_tree", "column_count", "popcount", "and_popcount"),
    *("plane_accumulator", "qmm_array", "axis_skid", "axis_register", "sdp_ram", "sync_fifo", "delay"),
    *("row_sums", "tile_buffer", "word_counter", "act_loader", "act_memory", "block_loader"),
    *("weight_buffer", "weight_side", "weight_memory", "tile_store", "result_drain", "qmm_compute"),
    *("qmm_control", "qmm_intake", "qmm_checks", "qmm_engine"),
)


@dataclass(frozen=True)
class Product:
    """Operands of one product: ``acts`` [T, K] and ``weights`` [N, K] as planes.

    ``on_chip``: the weights come by the K/V stream.
    """

    acts: Operand
    weights: Operand
    on_chip: bool = False

    @property
    def binary_macs(self) -> int:
        """One-bit multiply-accumulates: T * N * K * planes * planes, padding not counted."""
        act_planes, tokens, length = self.acts.planes.shape
        weight_planes, outputs, _ = self.weights.planes.shape
        return tokens * outputs * length * act_planes * weight_planes


@dataclass
class Totals:
    """What an engine has simulated so far. Seconds are wall time of the clock loop alone."""

    cycles: int = 0
    binary_macs: int = 0
    seconds: float = 0.0

    @property
    def cycles_per_s(self) -> float:
        """Simulated clocks per second of wall time."""
        return self.cycles / self.seconds if self.seconds else 0.0

    @property
    def binary_macs_per_s(self) -> float:
        """Simulated one-bit multiply-accumulates per second of wall time."""
        return self.binary_macs / self.seconds if self.seconds else 0.0


def engine_module(config: QmmConfig) -> Module:
    """Describe the engine of a configuration to `verilator.build`."""
    return Module(
        top="qmm_engine",
        sources=tuple(RTL_FOLDER / f"{name}.sv" for name in _SOURCES),
        parameters=config.parameters(),
        inputs=(
            AxisPort("s_job", JOB_BITS, last=False),
            AxisPort("s_axis_w", config.bus_bits),
            AxisPort("s_axis_kv", config.kv_bits),
            AxisPort("s_axis_a", config.a_tokens * config.simd),
        ),
        outputs=(AxisPort("m_axis", config.out_lanes * 32),),
        status="error_code",
    )


def pair_module(lanes: int, jobs: int, parts: int = 2) -> Module:
    """Describe `pair_join`, which joins the results' parts, to `verilator.build`; words of 32 bits."""
    return Module(
        top="pair_join",
        sources=tuple(
            RTL_FOLDER / f"{name}.sv" for name in ("sync_fifo", "axis_skid", "axis_register", "pair_join")
        ),
        parameters={"LANES": lanes, "BITS": 32, "PARTS": parts, "JOBS": jobs},
        inputs=(AxisPort("s_job", 64, last=False), AxisPort("s_axis", 32 * lanes, last=False)),
        outputs=(AxisPort("m_axis", 32 * parts * lanes),),
    )


def weight_operand(weights: npt.NDArray[np.generic], kind: WeightKind, bits: int, k: int) -> Operand:
    """Weights as planes: integers [N, K], or packed uint64 [planes, N, words] (docs/contracts.md).

    Raises:
        InputError: an unknown kind, the wrong number of packed planes, or a value outside the kind.
    """
    if kind not in ("binary", "ternary", "signed", "unsigned"):
        raise InputError(f"weights may be binary, ternary, signed or unsigned, not {kind}")
    if weights.dtype == np.uint64 and weights.ndim == 3:
        if len(weights) != {"binary": 1, "ternary": 2}.get(kind, bits):
            raise InputError(f"{len(weights)} packed planes do not make {kind} weights of {bits} bits")
        if weights.shape[2] != -(-k // 64):
            raise InputError(f"packed rows of {weights.shape[2]} words do not hold {k} bits")
        packed_kind = Kind.BIPOLAR if kind == "binary" else Kind[kind.upper()]
        return Operand(unpack_bits(weights.astype(np.uint64), k), packed_kind)
    if kind == "ternary":
        return ternary(weights)
    return operand(weights, 1 if kind == "binary" else bits, kind != "unsigned", f"{kind} weights")


class QmmEngine:
    """One simulated engine. After an EngineError it has been reset and can be used again.

    Raises:
        MissingToolError: no Verilator or compiler.
        InputError: parameters that the engine refuses.
    """

    def __init__(self, config: QmmConfig | None = None) -> None:
        self.config = config or QmmConfig()
        self.sim = AxisSim(engine_module(self.config))
        self.totals = Totals()

    def matmul(
        self,
        acts: npt.ArrayLike,
        weights: npt.ArrayLike,
        *,
        act_bits: int,
        act_signed: bool,
        weight_kind: WeightKind = "binary",
        weight_bits: int = 1,
        stall_in: int = 0,
        stall_out: int = 0,
        seed: int = 1,
    ) -> tuple[Int64, int]:
        """Return acts [T, K] times weights [N, K] transposed, int64 [T, N], and its clocks.

        Signed and unsigned weights come by the K/V stream, binary and ternary ones from memory.
        ``weights`` may be packed planes, see `weight_operand`. Stalls as in `AxisSim.run`.

        Raises:
            InputError: operands that do not fit each other, their formats or the engine.
            EngineError: the engine stopped.
        """
        left = operand(acts, act_bits, act_signed, "activations")
        length = left.planes.shape[2]
        right = weight_operand(np.asarray(weights), weight_kind, weight_bits, length)
        product = Product(left, right, on_chip=weight_kind in ("signed", "unsigned"))
        outcome, cycles = self.run([product], stall_in=stall_in, stall_out=stall_out, seed=seed)
        return outcome[0], cycles

    def run(
        self,
        products: Sequence[Product],
        *,
        stall_in: int = 0,
        stall_out: int = 0,
        seed: int = 1,
        max_cycles: int | None = None,
    ) -> tuple[list[Int64], int]:
        """Run products back to back; return their accumulators [T, N] and the clocks of all.

        ``max_cycles`` bounds the run; by default it is 100 times what the formula gives.

        Raises:
            InputError, EngineError: as `matmul`.
        """
        plans = [plan(self.config, p.acts, p.weights, p.on_chip) for p in products]
        streams, expected = product_streams(self.config, products, plans)
        formula = self.cycles(products)
        bound = 100 * formula + 1000 if max_cycles is None else max_cycles
        stalls = {"stall_in": stall_in, "stall_out": stall_out, "seed": seed}
        try:
            run = self.sim.run(streams, [expected], max_cycles=bound, **stalls)
        except EngineError:
            self.sim.reset()
            raise
        self.totals.cycles += run.cycles
        self.totals.seconds += run.seconds
        self.totals.binary_macs += sum(product.binary_macs for product in products)
        return self._collect(products, plans, run.outputs[0]), run.cycles

    def cycles(self, products: Sequence[Product]) -> int:
        """Clocks that the formula gives for products sent back to back without stalls."""
        jobs = [job for p in products for job in plan(self.config, p.acts, p.weights, p.on_chip)]
        return qmm_cycles(self.config, jobs)

    def _collect(self, products: Sequence[Product], plans: Sequence[list[Job]], beats: Beats) -> list[Int64]:
        """Cut the result stream into accumulators; check that TLAST ends every job."""
        values = beats.data.view("<i4").reshape(-1)
        lanes = self.config.out_lanes
        shape = (self.config.tokens, self.config.outputs)
        found: list[Int64] = []
        start = 0
        for product, jobs in zip(products, plans, strict=True):
            tokens, outputs = product.acts.planes.shape[1], product.weights.planes.shape[1]
            acc = np.zeros((tokens, outputs), np.int64)
            for job in jobs:
                stop = start + job.token_tiles * job.output_tiles(self.config) * shape[0] * shape[1]
                marks = np.flatnonzero(beats.last[start // lanes : stop // lanes])
                if marks.tolist() != [(stop - start) // lanes - 1]:
                    raise EngineError(f"TLAST came on beats {marks.tolist()} of a job; check the RTL")
                tiles = values[start:stop].reshape(job.token_tiles, -1, *shape)
                whole = tiles.transpose(0, 2, 1, 3).reshape(job.token_tiles * shape[0], -1)
                rows = slice(job.outputs.start, job.outputs.stop)
                acc[:, rows] += whole[:tokens, : len(job.outputs)]
                start = stop
            found.append(acc)
        return found


def product_streams(
    config: QmmConfig, products: Sequence[Product], plans: Sequence[list[Job]]
) -> tuple[list[Beats], int]:
    """Beats of the input streams (jobs, memory weights, K/V, activations) and the number of result beats."""
    widths = (JOB_BITS, config.bus_bits, config.kv_bits, config.a_tokens * config.simd)
    parts = [[Beats(np.zeros((0, bits // 8), np.uint8), np.zeros(0, np.uint8))] for bits in widths]
    results = 0
    for product, jobs in zip(products, plans, strict=True):
        for job in jobs:
            word = job_word(config, job, product.acts.kind, product.weights.kind)
            parts[0].append(Beats(np.frombuffer(word, np.uint8)[None], np.zeros(1, np.uint8)))
            parts[2 if job.on_chip else 1].append(weight_beats(config, job, product.weights))
            parts[3].append(act_beats(config, job, product.acts))
            tiles = job.token_tiles * job.output_tiles(config)
            results += tiles * config.tokens * config.outputs // config.out_lanes
    return [_join(part) for part in parts], results


def _join(parts: Sequence[Beats]) -> Beats:
    return Beats(np.concatenate([p.data for p in parts]), np.concatenate([p.last for p in parts]))
