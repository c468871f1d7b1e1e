# SPDX-License-Identifier: Apache-2.0
"""Shape tool: legal configs for a board and a model, what each reaches, and what bounds it.

All configs are ranked by a bound that needs no walk (`bound`); the cycle model then runs on the best.
Figures have source estimate. Source: ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from math import ceil, gcd
from typing import Any

from .area_cells import Area
from .area_model import area, total
from .bat_jobs import Build, Dimensions, module_build, module_jobs, section_commands
from .bat_records import Job, Target, Work
from .config import KV_BANKS, AcceleratorConfig
from .cycle_model import ModelShape, predict
from .cycle_model_module import COMPUTE
from .cycle_model_units import STREAM_VALUES
from .image import DESCRIPTOR_BYTES
from .rtl_limits import rtl_faults

SEQUENCES = 6
TOKENS = (3, 4, 5, 6, 7, 8, 10, 12, 13, 14, 16, 20, 22, 24, 26, 32, 48, 64)
OUTPUTS = (16, 32, 64, 128)
SIMDS = (64, 128, 256, 512)
LANES = (4, 8, 16, 32, 64)
"""Of QU; VU has all of them to a quarter, softmax all or half, LN as few as keep up."""
RESULT_TILES = (1, 2)
ACTIVATION_TOKENS = (1, 2, 4)
LUT_TABLE_WORDS = 128


@dataclass(frozen=True)
class Limits:
    """What a board gives: counts, clock, memory bandwidth, and the share of LUTs that may be used."""

    name: str
    lut: int
    bram36: int
    uram: int
    dsp: int
    clock_mhz: float
    memory_gbytes_per_s: float
    max_lut_share: float = 0.7

    @property
    def memory_bytes_per_cycle(self) -> int:
        """Bandwidth at the clock, whole bytes."""
        return max(1, int(self.memory_gbytes_per_s * 1000 / self.clock_mhz))


@dataclass(frozen=True)
class Bound:
    """Clocks that a steady-state sequence needs at least, by cause."""

    causes: dict[str, float]

    @property
    def cycles(self) -> float:
        """The greatest."""
        return max(self.causes.values())

    @property
    def name(self) -> str:
        """The cause of it."""
        return max(self.causes, key=lambda cause: self.causes[cause])


@dataclass(frozen=True)
class Candidate:
    """A config with its figures. ``interval``: clocks a sequence in steady state; ``latency``: one alone."""

    config: AcceleratorConfig
    area: Area
    bound: Bound
    interval: float
    latency: int
    busy_share: float
    sequences_per_s: float
    tops: float

    @property
    def bounded_by(self) -> str:
        """The greatest cause, or latency where no cause comes near the interval."""
        return self.bound.name if self.bound.cycles > 0.75 * self.interval else "latency (fill, hand-over)"

    def as_json(self, limits: Limits) -> dict[str, Any]:
        """Everything as JSON values."""
        shares = {
            name: round(getattr(self.area, name) / getattr(limits, name), 4)
            for name in ("lut", "bram36", "uram", "dsp")
            if getattr(limits, name)
        }
        return {
            "config": self.config.model_dump(),
            "area": {name: round(value, 1) for name, value in asdict(self.area).items()},
            "shares": shares,
            "interval_cycles": round(self.interval),
            "latency_cycles": self.latency,
            "qmm_busy_share": round(self.busy_share, 4),
            "sequences_per_s": round(self.sequences_per_s, 1),
            "tops": round(self.tops, 3),
            "bounded_by": self.bounded_by,
            "least_cycles": {name: round(value) for name, value in self.bound.causes.items()},
            "source": "estimate",
        }


def weight_bytes(shape: ModelShape) -> int:
    """Bytes that a sequence reads: weights, constants and descriptors of all layers."""
    dims, descriptor = Dimensions(shape.hidden, shape.heads, shape.ffn), shape.descriptor()
    reads = [r for side in (True, False) for r in section_commands(dims, descriptor, side, 0)]
    return shape.layers * (sum(read.bytes for read in reads) + 2 * DESCRIPTOR_BYTES)


def _clocks(job: Job, build: Build, config: AcceleratorConfig) -> tuple[float, float]:
    """(steps, result clocks) of a job; activations that load more slowly count as steps."""
    tiles = job.token_tiles * job.output_tiles
    loads = job.act_planes * job.k_words * build.tokens // config.activation_tokens * job.token_tiles
    # A tile's place in the result store is free COMPUTE clocks after its last step at the earliest.
    beats = tiles * max(
        build.tokens * build.outputs / build.lanes_of(job.target), (COMPUTE + 1) / config.result_tiles
    )
    if job.target is Target.RESIDUAL:
        beats = max(beats, job.rows * ceil(job.channels / build.lanes))
    if job.target is Target.V:
        writes = build.tokens / gcd(build.tokens, 64) / config.v_channels  # of a channel's tile
        beats = max(beats, job.token_tiles * job.channels * writes)
    return max(job.steps, loads), beats


def bound(config: AcceleratorConfig, shape: ModelShape, length: int, limits: Limits) -> Bound:
    """The least clocks a sequence in steady state by each cause alone."""
    dims, descriptor = Dimensions(shape.hidden, shape.heads, shape.ffn), shape.descriptor()
    causes = dict[str, float]()
    for name, attention in (("MHA", True), ("FFN", False)):
        build = module_build(config, attention)
        jobs = module_jobs(build, dims, descriptor, Work(False, False, 0, 0, length), 0, attention)
        clocks = [_clocks(job, build, config) for job in jobs]
        causes[f"{name} array"] = shape.layers * sum(steps for steps, _ in clocks)
        causes[f"{name} results"] = shape.layers * sum(max(pair) for pair in clocks)
        causes[f"{name} memory port"] = (
            shape.layers
            * sum(r.bytes for r in section_commands(dims, descriptor, attention, 0))
            / (config.weight_bus_bits / 8)
        )
    words = ceil(length / config.softmax_lanes)
    causes["softmax lanes"] = shape.layers * shape.heads * length * words
    causes["LN lanes"] = shape.layers * length * ceil(shape.hidden / config.ln_lanes)
    causes["memory"] = weight_bytes(shape) / limits.memory_bytes_per_cycle
    causes["streams"] = length * shape.hidden / STREAM_VALUES
    if causes["MHA results"] <= 1.02 * causes["MHA array"]:
        del causes["MHA results"]
    if causes["FFN results"] <= 1.02 * causes["FFN array"]:
        del causes["FFN results"]
    return Bound(causes)


def tops(shape: ModelShape, length: int, sequences_per_s: float) -> float:
    """Tera-operations a second: two a multiply-accumulate of the model, planes not counted."""
    return 2 * shape.macs(length) * sequences_per_s / 1e12


def evaluate(config: AcceleratorConfig, shape: ModelShape, length: int, limits: Limits) -> Candidate:
    """Run the cycle model: one sequence alone, and the interval of many with two in flight."""
    alone = predict(config, shape, [length])
    many = predict(config, shape, [length] * SEQUENCES)
    # Whole pairs: two sequences in flight end close to each other.
    interval = (many.ends[-1] - many.ends[1]) / (SEQUENCES - 2)
    rate = limits.clock_mhz * 1e6 / interval
    share = (many.mha_taking + many.ffn_taking) / SEQUENCES / interval / 2
    return Candidate(
        config, total(area(config, limits.uram > 0)), bound(config, shape, length, limits), interval,
        alone.cycles, share, rate, tops(shape, length, rate),
    )  # fmt: skip


def fits(used: Area, limits: Limits) -> bool:
    """Whether counts stay within a board's limits."""
    return (
        used.lut <= limits.max_lut_share * limits.lut
        and used.bram36 <= limits.bram36
        and used.uram <= limits.uram
        and used.dsp <= limits.dsp
    )


def _v_channels(tokens: int, lanes: int) -> int:
    """The channels of V^T a clock with which it is written as fast as QU gives it, as far as that goes."""
    return min(KV_BANKS, lanes, max(1, lanes // gcd(tokens, 64)))


def _grid(shape: ModelShape, length: int, limits: Limits, bus: int) -> Iterator[AcceleratorConfig]:
    """Every combination of the sizes, legal or not."""
    planes = 1 if set(shape.kinds.values()) == {"binary"} else 2
    sides = [(m, f) for m in TOKENS for f in TOKENS if m <= 2 * length and m <= 2 * f and f <= 4 * m]
    lane_sets = [(qu, qu // v, qu // s) for qu in LANES for v in (1, 2, 4) for s in (1, 2) if qu // v > 1]
    arrays = [
        (side, outputs, simd, sum(side) * outputs * simd)
        for side, outputs, simd in itertools.product(sides, OUTPUTS, SIMDS)
    ]
    # An array of a third of the largest that fits by itself reaches a third of its steps at most.
    most = max((macs for *_, macs in arrays if macs <= limits.max_lut_share * limits.lut), default=0)
    for ((mha, ffn), outputs, simd, macs), (lanes, vu, soft) in itertools.product(arrays, lane_sets):
        if planes * lanes > outputs or 3 * macs < most:
            continue
        for act, tiles in itertools.product(ACTIVATION_TOKENS, RESULT_TILES):
            yield AcceleratorConfig(
                max_layers=shape.layers, max_hidden=shape.hidden, max_heads=shape.heads,
                max_head=shape.hidden // shape.heads, max_ffn=shape.ffn, max_tokens=length,
                max_bits=max(shape.bits.values()), weight_planes=planes, qmm_tokens=mha,
                ffn_qmm_tokens=ffn, qmm_outputs=outputs, qmm_simd_bits=simd, qu_lanes=lanes, vu_lanes=vu,
                ln_lanes=vu, softmax_lanes=soft, weight_bus_bits=bus, activation_tokens=act,
                result_tiles=tiles, memory_bytes_per_cycle=limits.memory_bytes_per_cycle,
                clock_mhz=limits.clock_mhz, memory_latency_cycles=64, sequences_in_flight=2,
                v_channels=_v_channels(mha, lanes), lut_table_words=0,
            )  # fmt: skip


def shape_faults(config: AcceleratorConfig, shape: ModelShape) -> list[str]:
    """Why a model of ``shape`` cannot run on the RTL of ``config``."""
    lanes, head = config.result_lanes, shape.hidden // shape.heads
    if head % lanes:
        return [f"lanes {lanes} do not divide hidden size {shape.hidden} and head size {head}"]
    return []


@dataclass(frozen=True)
class Found:
    """Result of a search: the best, how many were legal, and how many each reason excluded."""

    best: list[Candidate]
    legal: int
    excluded: dict[str, int]


def _judge(config: AcceleratorConfig, shape: ModelShape, limits: Limits) -> Area | str:
    """The config's area, or why it is excluded."""
    faults = shape_faults(config, shape) or rtl_faults(config)
    if faults:
        return faults[0].split(":")[0]
    used = total(area(config, limits.uram > 0))
    if fits(used, limits):
        return used
    worst = {name: getattr(used, name) - getattr(limits, name) for name in ("bram36", "uram", "dsp")}
    short = [name for name, excess in worst.items() if excess > 0]
    return f"exceeds {limits.name} in {short[0] if short else 'lut share'}"


def _least_ln_lanes(
    config: AcceleratorConfig, shape: ModelShape, length: int, limits: Limits
) -> AcceleratorConfig:
    """The config with as few lanes of LN as change its bound by a hundredth at most."""
    enough = 1.01 * bound(config, shape, length, limits).cycles
    while config.ln_lanes > 2:
        fewer = config.model_copy(update={"ln_lanes": config.ln_lanes // 2})
        if bound(fewer, shape, length, limits).cycles > enough:
            break
        config = fewer
    return config


def _fitting(
    config: AcceleratorConfig, shape: ModelShape, length: int, limits: Limits
) -> tuple[AcceleratorConfig, Area | str]:
    """The config and `_judge` of it: LN no faster than needed, small tables in LUTs where BRAM is short."""
    if config.binary_macs_per_cycle > limits.max_lut_share * limits.lut:
        return config, f"exceeds {limits.name} in lut share with its arrays alone"
    least = _judge(config.model_copy(update={"ln_lanes": 2}), shape, limits)
    if isinstance(least, str) and not least.endswith("bram36"):
        return config, least
    config = _least_ln_lanes(config, shape, length, limits)
    verdict = _judge(config, shape, limits)
    if verdict != f"exceeds {limits.name} in bram36":
        return config, verdict
    other = config.model_copy(update={"lut_table_words": LUT_TABLE_WORDS})
    found = _judge(other, shape, limits)
    return (config, verdict) if isinstance(found, str) else (other, found)


def search(
    shape: ModelShape,
    length: int,
    limits: Limits,
    *,
    top: int = 8,
    bus: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """The ``top`` configs by sequences a second; 3 * top go through the cycle model."""
    excluded: dict[str, int] = {}
    ranked: list[tuple[float, float, AcceleratorConfig]] = []
    for given in _grid(shape, length, limits, min(bus, 512)):
        config, verdict = _fitting(given, shape, length, limits)
        if isinstance(verdict, str):
            excluded[verdict] = excluded.get(verdict, 0) + 1
            continue
        ranked.append((bound(config, shape, length, limits).cycles, verdict.lut, config))
    ranked.sort(key=lambda item: item[:2])
    best = []
    chosen = ranked[: 3 * top]
    for number, (_, _, config) in enumerate(chosen):
        best.append(evaluate(config, shape, length, limits))
        if progress:
            progress(number + 1, len(chosen))
    best.sort(key=lambda found: (-found.sequences_per_s, found.area.lut))
    return Found(best[:top], len(ranked), excluded)
