# SPDX-License-Identifier: Apache-2.0
"""Which modules an accelerator config synthesizes, and with which parameters.

One line of `UNITS` a unit, with the parameters that the modules of ``rtl`` give it in a build of the config.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import gcd
from pathlib import Path

from batflow.errors import InputError

from .config import AcceleratorConfig
from .cosim_build import TOP, rtl_parameters, rtl_sources
from .cosim_qmm import engine_module
from .cosim_softmax import SoftmaxConfig, softmax_module
from .cosim_vector import norm_module, qu_module, vu_module
from .qmm_protocol import QmmConfig
from .rtl_limits import require_rtl
from .sizes import accumulator_bits, ceil_div
from .vector_protocol import NormConfig, VectorConfig
from .verilator import RTL_FOLDER, Module

_ARRAY_PARAMETERS = ("TOKENS", "OUTPUTS", "SIMD", "ACC_BITS", "STRUCTURAL")
_ARRAY = ("and_popcount", "plane_accumulator")
_ENGINE = (
    "act_loader",
    "act_memory",
    "block_loader",
    "qmm_array",
    "qmm_compute",
    "qmm_control",
    "qmm_intake",
    "row_sums",
)
_STORES = ("result_drain", "sync_fifo", "tile_buffer", "tile_store")
_WEIGHTS = ("weight_buffer", "weight_memory", "weight_side")
_SHARED = ("axis_skid", "sdp_ram", "block_ram")
_SCALE = ("constant_loader", "constant_table", "tile_walk", "dyadic", *_SHARED)
_NORM = ("constant_loader", "constant_table", "row_intake", "row_buffer", "moments", "rsqrt")
_PARTS = (
    *("bat_mha", "bat_ffn", "qmm_engine", "qmm_array", *_ARRAY, "result_drain", "row_sums", "tile_store"),
    *("weight_memory", "qu", "vu", "softmax", "layernorm", "entry", "mha_buffers", "plane_buffer"),
    *("act_feeder", "kv_feeder", "tile_reorder", "tile_transpose", "plane_writer", "residual_buffer"),
    *("result_router", "pair_join", "module_memory", "mha_sequencer", "ffn_sequencer", "module_tail"),
    *("score_path", "head_results", "register_file", "bat_control", "stream_in", "stream_out"),
    *("job_broadcast", "axis_skid", "sync_fifo"),
)
"""Nodes of the whole's tree."""


@dataclass(frozen=True)
class UnitJob:
    """A module to synthesize: ``keep`` are the modules that become nodes of its tree.

    ``macs`` are binary multiply-accumulates per clock, 0 where the unit has none; ``lanes`` values
    per clock, 0 likewise.
    """

    unit: str
    top: str
    parameters: dict[str, int]
    sources: tuple[Path, ...]
    keep: tuple[str, ...]
    macs: int = 0
    lanes: int = 0


def mha_engine_config(config: AcceleratorConfig) -> QmmConfig:
    """The engine of ``rtl/bat_mha.sv`` in a build of ``config``.

    Raises:
        InputError: see :func:`.rtl_limits.require_rtl`.
    """
    require_rtl(config)
    simd, outputs, bits = config.qmm_simd_bits, config.qmm_outputs, config.max_bits
    hidden, tokens = ceil_div(config.max_hidden, simd), ceil_div(config.max_tokens, simd)
    token_tiles, hidden_tiles = ceil_div(config.max_tokens, outputs), ceil_div(config.max_hidden, outputs)
    head_words, head_tiles = ceil_div(config.head_channels, simd), ceil_div(config.head_channels, outputs)
    k_words, w_words = max(hidden, tokens), config.weight_planes * hidden_tiles * hidden
    kv_words = bits * max(token_tiles * head_words, head_tiles * tokens)
    return QmmConfig(
        tokens=config.qmm_tokens, outputs=outputs, simd=simd, a_bits=bits, w_bits=bits,
        acc_bits=accumulator_bits(k_words * simd, bits, bits), k_words=hidden, kv_k_words=k_words,
        a_words=max(bits * k_words, 2), w_words=max(w_words, 2),
        kv_words=max(kv_words, 2), w_tiles=config.weight_planes * hidden_tiles,
        kv_tiles=max(token_tiles, head_tiles), bus_bits=config.weight_bus_bits,
        kv_bits=64 * config.kv_banks,
        a_tokens=config.activation_tokens, out_lanes=config.result_lanes, result_tiles=config.result_tiles,
        jobs=2 * config.max_heads + 4, structural=1,
    )  # fmt: skip


def ffn_engine_config(config: AcceleratorConfig) -> QmmConfig:
    """The engine of ``rtl/bat_ffn.sv`` in a build of ``config``.

    Raises:
        InputError: see :func:`.rtl_limits.require_rtl`.
    """
    require_rtl(config)
    simd, outputs, bits = config.qmm_simd_bits, config.qmm_outputs, config.max_bits
    hidden, ffn = ceil_div(config.max_hidden, simd), ceil_div(config.max_ffn, simd)
    k_words, widest = max(hidden, ffn), max(config.max_hidden, config.max_ffn)
    w_words = config.weight_planes * max(
        ceil_div(config.max_ffn, outputs) * hidden, ceil_div(config.max_hidden, outputs) * ffn
    )
    return QmmConfig(
        tokens=config.ffn_tokens, outputs=outputs, simd=simd, a_bits=bits, w_bits=1,
        acc_bits=accumulator_bits(k_words * simd, bits, 1), k_words=k_words, kv_k_words=1,
        a_words=max(bits * k_words, 2), w_words=max(w_words, 2), kv_words=0,
        w_tiles=config.weight_planes * ceil_div(widest, outputs), bus_bits=config.weight_bus_bits, kv_bits=64,
        a_tokens=config.activation_tokens, out_lanes=config.result_lanes,
        result_tiles=config.result_tiles, jobs=4, structural=1,
    )  # fmt: skip


def _described(unit: str, module: Module, keep: tuple[str, ...], *, macs: int = 0, lanes: int = 0) -> UnitJob:
    return UnitJob(unit, module.top, dict(module.parameters), module.sources, keep, macs, lanes)


def engine_job(config: QmmConfig, unit: str = "qmm_engine") -> UnitJob:
    """The whole QMM engine."""
    keep = (*_ARRAY, *_ENGINE, *_STORES, *_WEIGHTS, *_SHARED)
    return _described(unit, engine_module(config), keep, macs=_macs(config))


def inner_array(engine: UnitJob) -> UnitJob:
    """The array of dot-product units with accumulators of ``engine``, alone."""
    parameters = {name: engine.parameters[name] for name in _ARRAY_PARAMETERS}
    sources = tuple(path for path in engine.sources if path.stem != engine.top)
    return UnitJob("qmm_array", "qmm_array", parameters, sources, _ARRAY, macs=engine.macs)


def array_job(config: QmmConfig) -> UnitJob:
    """The array of the engine of ``config``, alone."""
    return inner_array(engine_job(config))


def _macs(config: QmmConfig) -> int:
    return config.tokens * config.outputs * config.simd


def scale_job(name: str, config: VectorConfig) -> UnitJob:
    """QU or VU."""
    module = {"qu": qu_module, "vu": vu_module}[name](config)
    return _described(name, module, (*_SCALE, "counted_output"), lanes=config.lanes)


def softmax_job(config: SoftmaxConfig) -> UnitJob:
    """Softmax."""
    keep = ("softmax_loader", "softmax_exponents", "softmax_reciprocal", "softmax_levels", *_SHARED)
    return _described("softmax", softmax_module(config), keep, lanes=config.lanes)


def norm_job(config: NormConfig) -> UnitJob:
    """LayerNorm."""
    keep = (*_NORM, "second_pass", "normalize", "dyadic", "counted_output", *_SHARED)
    return _described("layernorm", norm_module(config), keep, lanes=config.lanes)


def transpose_job(config: AcceleratorConfig) -> UnitJob:
    """The transposition of V (``rtl/tile_transpose.sv``)."""
    parameters = {
        "TOKENS": config.qmm_tokens,
        "LANES": config.result_lanes,
        "MAX_WORDS": config.qmm_outputs // config.result_lanes,
        "PLANES": config.max_bits,
        "SEGMENT": gcd(config.qmm_tokens, 64),
        "CHANNELS": config.v_channels,
    }
    sources = tuple(rtl_sources("tile_transpose", (RTL_FOLDER,)))
    return UnitJob("tile_transpose", "tile_transpose", parameters, sources, ())


def accelerator_job(config: AcceleratorConfig) -> UnitJob:
    """The whole of ``rtl/bat_accelerator.sv``; no figure of it is scaled.

    Raises:
        InputError: see :func:`.rtl_limits.require_rtl`.
    """
    parameters = rtl_parameters(config) | {"CONFIG_HASH": 1}
    sources = rtl_sources(TOP, (RTL_FOLDER,), primitives=True)
    return UnitJob(WHOLE, TOP, parameters, tuple(sources), _PARTS)


def _vector(config: AcceleratorConfig, lanes: int) -> VectorConfig:
    """QU or VU with the wider of the two engines' accumulators, and WTWS where it is built."""
    engines = mha_engine_config(config), ffn_engine_config(config)
    return VectorConfig(
        lanes=lanes,
        parts=config.weight_planes,
        max_channels=max(config.max_hidden, config.max_ffn),
        acc_bits=max(engine.acc_bits for engine in engines),
    )


def _tables(job: UnitJob, config: AcceleratorConfig) -> UnitJob:
    """``job`` with its table of constants in the memory that the config gives it."""
    return replace(job, parameters=job.parameters | {"LUT_WORDS": config.lut_table_words})


def _softmax(config: AcceleratorConfig) -> SoftmaxConfig:
    """Softmax of scores as wide as a head of the whole hidden size gives them (``bat_mha.sv``)."""
    largest = config.max_hidden * 2 ** (2 * config.max_bits - 2)
    bits = largest.bit_length() + 1
    return SoftmaxConfig(lanes=config.softmax_lanes, max_keys=config.max_tokens, score_bits=bits)


UNITS: Mapping[str, Callable[[AcceleratorConfig], UnitJob]] = {
    "qmm_engine": lambda c: engine_job(mha_engine_config(c)),
    "ffn_engine": lambda c: engine_job(ffn_engine_config(c), "ffn_engine"),
    "qmm_array": lambda c: array_job(mha_engine_config(c)),
    "qu": lambda c: _tables(scale_job("qu", _vector(c, c.result_lanes)), c),
    "vu": lambda c: _tables(scale_job("vu", _vector(c, c.vu_lanes)), c),
    "softmax": lambda c: softmax_job(_softmax(c)),
    "layernorm": lambda c: _tables(norm_job(NormConfig(lanes=c.ln_lanes, max_hidden=c.max_hidden)), c),
    "tile_transpose": transpose_job,
}
"""The units by name. A further one is one line here."""
WHOLE = "accelerator"
"""The name of `accelerator_job`, which is made only where it is asked for: it takes long."""


def unit_jobs(config: AcceleratorConfig, names: list[str] | None = None) -> list[UnitJob]:
    """The jobs of ``config``, or those of ``names`` alone.

    Raises:
        InputError: an unknown unit.
    """
    unknown = sorted(set(names or []) - {*UNITS, WHOLE})
    if unknown:
        raise InputError(f"unit {unknown[0]!r} is unknown; known: {', '.join((*UNITS, WHOLE))}")
    jobs = [make(config) for name, make in UNITS.items() if not names or name in names]
    return [*jobs, accelerator_job(config)] if WHOLE in (names or []) else jobs
