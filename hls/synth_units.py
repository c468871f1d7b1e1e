# SPDX-License-Identifier: Apache-2.0
"""Which modules an accelerator config synthesizes, and with which parameters.

One line of `UNITS` a unit. What a config leaves open is taken here: streams no wider than needed, and
the engine's least OUTPUTS (8, a power of two) and SIMD (64).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from batflow.errors import InputError

from .config import AcceleratorConfig
from .cosim_qmm import engine_module
from .cosim_softmax import SoftmaxConfig, softmax_module
from .cosim_vector import norm_module, qu_module, vu_module
from .qmm_protocol import QmmConfig
from .vector_protocol import NormConfig, VectorConfig
from .verilator import Module

_ARRAY_PARAMETERS = ("TOKENS", "OUTPUTS", "SIMD", "ACC_BITS", "STRUCTURAL")
_ARRAY = ("and_popcount", "plane_accumulator", "row_sum")
_ENGINE = ("act_loader", "block_loader", "qmm_array", "qmm_compute", "qmm_control", "qmm_intake")
_STORES = ("result_drain", "sync_fifo", "tile_buffer", "tile_store", "weight_buffer", "weight_side")
_SHARED = ("axis_skid", "sdp_ram")
_SCALE = ("constant_loader", "constant_table", "tile_walk", "dyadic", *_SHARED)
_NORM = ("constant_loader", "constant_table", "row_intake", "row_buffer", "moments", "rsqrt")


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


def _power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()


def qmm_config(config: AcceleratorConfig) -> QmmConfig:
    """The engine of ``config``; its buffers hold the largest rows and two output tiles of weights."""
    simd, bits = max(64, config.qmm_simd_bits), config.max_bits
    k_words = -(-max(config.max_hidden, config.max_ffn) // simd)
    kv_words = -(-max(config.max_tokens, config.max_hidden // config.max_heads) // simd)
    outputs = max(8, _power_of_two(config.qmm_outputs))
    worst = max(k_words * (2**bits - 1), kv_words * (2**bits - 1) ** 2) * simd
    return QmmConfig(
        tokens=config.qmm_tokens, outputs=outputs, simd=simd, a_bits=bits, w_bits=bits,
        acc_bits=min(32, worst.bit_length() + 1), k_words=k_words, kv_k_words=kv_words,
        a_words=bits * k_words, w_words=2 * 2 * k_words, kv_words=2 * bits * kv_words,
        bus_bits=max(64, config.weight_bus_bits), a_tokens=1, out_lanes=8, structural=1,
    )  # fmt: skip


def _described(unit: str, module: Module, keep: tuple[str, ...], *, macs: int = 0, lanes: int = 0) -> UnitJob:
    return UnitJob(unit, module.top, dict(module.parameters), module.sources, keep, macs, lanes)


def engine_job(config: QmmConfig) -> UnitJob:
    """The whole QMM engine."""
    return _described(
        "qmm_engine", engine_module(config), (*_ARRAY, *_ENGINE, *_STORES, *_SHARED), macs=_macs(config)
    )


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


def _vector(config: AcceleratorConfig) -> VectorConfig:
    return VectorConfig(
        lanes=config.vu_lanes,
        max_channels=max(config.max_hidden, config.max_ffn),
        acc_bits=qmm_config(config).acc_bits,
    )


def _softmax(config: AcceleratorConfig) -> SoftmaxConfig:
    """Softmax of scores as wide as a head of the whole hidden size gives them (``bat_mha.sv``)."""
    largest = config.max_hidden * 2 ** (2 * config.max_bits - 2)
    bits = largest.bit_length() + 1
    return SoftmaxConfig(lanes=config.softmax_lanes, max_keys=config.max_tokens, score_bits=bits)


UNITS: Mapping[str, Callable[[AcceleratorConfig], UnitJob]] = {
    "qmm_engine": lambda c: engine_job(qmm_config(c)),
    "qmm_array": lambda c: array_job(qmm_config(c)),
    "qu": lambda c: scale_job("qu", _vector(c)),
    "vu": lambda c: scale_job("vu", _vector(c)),
    "softmax": lambda c: softmax_job(_softmax(c)),
    "layernorm": lambda c: norm_job(NormConfig(lanes=c.ln_lanes, max_hidden=c.max_hidden)),
}
"""The units by name. A further one is one line here."""


def unit_jobs(config: AcceleratorConfig, names: list[str] | None = None) -> list[UnitJob]:
    """The jobs of ``config``, or those of ``names`` alone.

    Raises:
        InputError: an unknown unit.
    """
    unknown = sorted(set(names or []) - set(UNITS))
    if unknown:
        raise InputError(f"unit {unknown[0]!r} is unknown; known: {', '.join(UNITS)}")
    return [make(config) for name, make in UNITS.items() if not names or name in names]
