# SPDX-License-Identifier: Apache-2.0
"""Area model: LUT, FF, BRAM36, URAM and DSP of a whole config, from counts and formulas. Source: estimate.

ARRAY. The structure is known to the cell (``area_cells.py``, as memories); an accumulator bit is one LUT6
(``rtl/plane_accumulator.sv``). LANES. A straight line through the unit's open synthesis at two numbers of
lanes (`LANE_COSTS`). ENGINE. Its parts from a synthesis of 8 x 16 x 128 with its array left out. All else
(feeds, writers, queues, control) from the open synthesis of one whole accelerator (docs/synthesis.md): what
is there once, and what grows with the bits of a stream.
"""

from __future__ import annotations

from math import gcd

from .area_cells import Area, block_ram, lut_memory, memory, popcount_ffs, popcount_luts
from .config import AcceleratorConfig
from .sizes import accumulator_bits, ceil_div
from .vector_protocol import NormConfig

SOURCE = "estimate"
_LUTS_A_BYTE_RAM = 192
"""What a block RAM with writes of single bytes is worth, by the syntheses of `_transposed`."""

_LANE_ACC = 24
"""Accumulator bits of QU and VU in `LANE_COSTS`."""
LANE_COSTS: dict[str, tuple[Area, Area]] = {
    "qu": (Area(lut=580, ff=671), Area(lut=63, ff=102, dsp=2)),
    "vu": (Area(lut=545, ff=751), Area(lut=85, ff=221, dsp=2)),
    "softmax": (Area(lut=900, ff=1230), Area(lut=143, ff=91, bram36=0.25, dsp=4)),
    "layernorm": (Area(lut=1127, ff=1639, dsp=8), Area(lut=129, ff=180, dsp=6.5)),
}
"""By unit, (what is there once, what is there once a lane), LUTs of memories apart.

The line through LANES 2 (``benchmarks/qor``) and LANES 8 (``hls.synth.synthesize`` of the unit with 768
channels and 24 accumulator bits, or 128 keys and 18 score bits; 25 at LANES 2).
"""
ENGINE = Area(lut=1000, ff=600, dsp=1)
"""Loaders, queues and control of a QMM engine; its registers and multiplexers are counted by their width."""
TRANSPOSE = Area(lut=260, ff=300)
"""Walks of ``rtl/tile_transpose.sv``; a bit that it holds takes 0.55 LUTs to choose, by six syntheses."""
MODULE_CONTROL = {
    "mha": Area(lut=4440, ff=3010, dsp=3),
    "ffn": Area(lut=3650, ff=2240, dsp=3),
}
"""Once a module: sequencer, reader, feeds of constants, queues of jobs. What grows is in `_control`."""
SHELL = Area(lut=2100, ff=1900, dsp=1)
"""Registers, control, streams."""
WRITER = Area(lut=460, ff=268)
"""A writer of bit planes."""


def _array(config: AcceleratorConfig, tokens: int, acc: int) -> Area:
    """Dot-product units with accumulators."""
    simd, outputs = config.qmm_simd_bits, config.qmm_outputs
    unit = Area(lut=popcount_luts(simd, True) + acc, ff=popcount_ffs(simd, True) + acc)
    return unit * (tokens * outputs)


def _sum_bits(length: int, planes: int) -> int:
    """Bits of a signed sum of ``length`` values of ``planes`` bits."""
    return (length * ((1 << planes) - 1)).bit_length() + 1


def row_sums(
    members: int, width: int, slots: int, columns: int, words: int, planes: int, length: int, slices: int = 1
) -> Area:
    """Sums of rows of at most ``length`` bits beside a loader, by the parameters of ``rtl/row_sums.sv``.

    A bit of a term chooses among the places of its plane and takes the sign: about two LUTs a plane.
    """
    bits, count = _sum_bits(length, planes), width.bit_length()
    lut = popcount_luts(width, False) + count + 2 * planes + bits
    ff = popcount_ffs(width, False) + count + planes + bits
    kept = memory(members // slices * bits, words) * columns
    held = 0 if kept.bram36 else members // slices * columns * bits
    return lut_memory(members * bits, slots) + kept + Area(lut=members * lut, ff=members * ff + held)


def _beats(config: AcceleratorConfig, on_chip: bool) -> list[int]:
    """Bits of the beats that fill an engine's weight buffer: of memory, and of K or V."""
    return [config.weight_bus_bits, 64 * config.kv_banks] if on_chip else [config.weight_bus_bits]


def _tile_store(config: AcceleratorConfig, bits: int) -> Area:
    """Finished tiles of ``bits``, and the one that leaves. One tile alone takes no LUT."""
    waiting = Area(ff=bits) if config.result_tiles == 1 else memory(bits, config.result_tiles)
    return waiting + Area(ff=bits)


def _sums(config: AcceleratorConfig, tokens: int, words: int, rows: int, kv_rows: int) -> Area:
    """Sums of rows of an engine, and their place beside the totals in the result store.

    ``rows``, ``kv_rows``: most outputs of a job with weights of memory, and with an operand on chip.
    """
    outputs, length = config.qmm_outputs, words * config.qmm_simd_bits
    groups = tokens // config.activation_tokens
    acts = row_sums(
        config.activation_tokens, config.qmm_simd_bits, groups, groups, 2, config.max_bits, length
    )
    planes = config.max_bits if kv_rows else 1
    beats = _beats(config, kv_rows > 0)
    wide, narrow = max(beats), min(beats)
    slots, tiles = sum(1024 // beat for beat in beats), ceil_div(rows, outputs) + ceil_div(kv_rows, outputs)
    weights = row_sums(
        wide // 64, 64, slots, 64 * outputs // narrow, 2 * tiles, planes, length, wide // narrow
    )
    stored = tokens * _sum_bits(length, config.max_bits) + outputs * _sum_bits(length, planes)
    return acts + weights + _tile_store(config, stored)


def _results(config: AcceleratorConfig, tokens: int, acc: int) -> Area:
    """Store of finished tiles, and the choice of a beat's accumulators."""
    lanes = config.result_lanes
    beats = max(1, tokens * config.qmm_outputs // lanes)
    choice = ceil_div(beats - 1, 3) * lanes * acc
    store = _tile_store(config, tokens * config.qmm_outputs * acc)
    return store + Area(lut=choice + 51 * lanes, ff=80 * lanes)


def _operands(
    config: AcceleratorConfig, tokens: int, words: int, weight_words: int, kv_words: int, uram: bool
) -> Area:
    """Activation buffer, one buffer of weights and K/V, loaders, row sums, operand registers."""
    simd, outputs = config.qmm_simd_bits, config.qmm_outputs
    act = memory(config.activation_tokens * simd, 2 * config.max_bits * words) * (
        tokens // config.activation_tokens
    )
    beats = _beats(config, kv_words > 0)
    wide, narrow = max(beats), min(beats)
    columns = 64 * outputs // narrow * simd // 64
    weights = memory(narrow, 2 * (weight_words + kv_words), uram) * columns
    rows = config.weight_planes * (config.max_hidden if kv_words else max(config.max_hidden, config.max_ffn))
    kv_rows = max(config.max_tokens, config.head_channels) if kv_words else 0
    held = config.activation_tokens * simd + sum(beats) + 2 * wide + (tokens + outputs) * simd
    held += (tokens * (act.lut > 0) + outputs * (weights.lut > 0)) * simd  # memories of LUTs have a register
    once = ENGINE + Area(ff=held) + _sums(config, tokens, words, rows, kv_rows)
    choice = Area(lut=wide + 150, ff=150, dsp=1) if kv_words else Area()
    return act + weights + once + choice


def _columns(config: AcceleratorConfig) -> int:
    """Memories of a bank of a plane buffer."""
    return 1 << (config.max_bits - 1).bit_length()


def _bank(kept: Area, memories: int) -> Area:
    """So many memories of a plane buffer, each with its address and its choice of a plane."""
    return (kept + Area(lut=11, ff=10)) * memories


def _planes(
    config: AcceleratorConfig, uram: bool, rows: int, row_bits: int, banks: int, word: int, sides: int
) -> Area:
    """A buffer of activations in bit planes (``rtl/plane_buffer.sv``)."""
    columns = _columns(config)
    chunk = max(word // columns, config.result_lanes)
    depth = sides * ceil_div(rows, banks) * ceil_div(ceil_div(row_bits, word) * word, chunk)
    return _bank(memory(chunk, depth, uram), banks * columns)


def _transposed(config: AcceleratorConfig) -> Area:
    """The buffer of V^T, written `segment` bits at once, which a block RAM keeps in a byte of their own."""
    columns, segment = _columns(config), gcd(config.qmm_tokens, 64)
    chunk = max(64 // columns, config.result_lanes, segment)
    row = ceil_div(ceil_div(config.max_tokens, config.qmm_tokens) * config.qmm_tokens, 64) * 64
    rows = ceil_div(config.max_hidden, 16) * 16 + 16
    banks = config.kv_banks
    depth = ceil_div(rows, banks) * ceil_div(row, columns * chunk) * config.max_bits
    parts = chunk // segment
    block = block_ram(9 * parts * ceil_div(segment, 8), depth)
    luts = Area(lut=8 * parts * ceil_div(segment, 7) * ceil_div(depth, 64))
    kept = luts if luts.lut <= _LUTS_A_BYTE_RAM * block.bram36 else block
    return _bank(kept, banks * columns)


def _stream(bits: int, lut: tuple[float, float], ff: tuple[float, float]) -> Area:
    """LUTs and flip-flops as (what is there once, what a bit of the stream adds)."""
    return Area(lut=round(lut[0] + lut[1] * bits), ff=round(ff[0] + ff[1] * bits))


def _feeder(bits: int) -> Area:
    """Reads planes into beats of ``bits`` (``rtl/act_feeder.sv``, ``rtl/kv_feeder.sv``)."""
    return _stream(bits, (640, 2.7), (340, 3))


def _reorder(bits: int) -> Area:
    """Tiles to rows (``rtl/tile_reorder.sv``), its memory apart."""
    return _stream(bits, (385, 0.1), (74, 2))


def _entry(config: AcceleratorConfig) -> Area:
    """Rows to bit planes (``rtl/entry.sv``): a QU of int16 and one constant, a writer, queues."""
    lanes = config.ln_lanes
    return Area(lut=1500 + 43 * lanes + 27 * config.max_bits, ff=1260 + 73 * lanes, dsp=2 * lanes)


def _control(config: AcceleratorConfig, module: str, acc: int) -> Area:
    """A module's control; memory reader by the bus, join of two-part results by their width."""
    parts = config.weight_planes
    values = acc * parts * config.result_lanes
    join = _stream(values, (170, 1), (85, 2)) if parts == 1 else _stream(values, (180, 1.5), (85, 2))
    return MODULE_CONTROL[module] + _stream(config.weight_bus_bits, (0, 1.1), (0, 3.1)) + join


def transpose(config: AcceleratorConfig) -> Area:
    """V on its way to its buffer: a memory a token, the choice of the channels that leave."""
    tokens, lanes, bits = config.qmm_tokens, config.result_lanes, config.max_bits
    held, written = tokens * lanes * bits, config.v_channels * gcd(tokens, 64) * bits
    memories = memory(lanes * bits, 2 * config.qmm_outputs // lanes) * tokens
    return TRANSPOSE + memories + Area(lut=ceil_div(11 * held, 20), ff=held + written)


def _tail(config: AcceleratorConfig, tokens: int, acc: int, uram: bool) -> Area:
    """VU, residual buffer, reorder, LN."""
    vu, ln = config.vu_lanes, config.ln_lanes
    bits = 16 * vu
    words, row_words = ceil_div(config.max_hidden, vu), ceil_div(config.max_hidden, ln)
    kept = memory(16 * ln, 2 * config.max_tokens * words, uram) * (vu // ln)
    order = memory(bits, 2 * tokens * words, uram)
    rows = memory(16 * ln, NormConfig().banks * row_words)
    tables = _tables(config, vu, words, config.weight_planes) + _tables(config, ln, row_words, 1)
    glue = _reorder(bits) + _stream(bits, (450, 0.6), (180, 3))
    glue += _split(config.result_lanes // vu, vu * acc) + _split(vu // ln, 16 * ln)
    units = _lanes("vu", vu, config.weight_planes, acc // config.weight_planes) + _lanes("layernorm", ln)
    return kept + order + rows + units + tables + glue


def _split(parts: int, bits: int) -> Area:
    """A beat as ``parts`` of ``bits`` (``rtl/beat_split.sv``): the choice of one."""
    return Area(lut=ceil_div(parts - 1, 3) * bits)


def _lanes(unit: str, lanes: int, parts: int = 1, acc: int = _LANE_ACC) -> Area:
    """A unit with ``lanes``; QU and VU of two ``parts`` have a third multiplier a lane.

    ``acc``: bits of a part, each of which waits in a register and a half on its way to its multiplier.
    """
    once, lane = LANE_COSTS[unit]
    return once + (lane + Area(ff=1.5 * parts * (acc - _LANE_ACC), dsp=parts - 1)) * lanes


def _tables(config: AcceleratorConfig, lanes: int, words: int, parts: int) -> Area:
    """Constants M (``parts``) and C of two jobs, in a block RAM a lane or in LUTs."""
    width, depth = 46 + 16 * parts, 2 * words
    kept = lut_memory(width, depth) if depth <= config.lut_table_words else block_ram(width, depth)
    return kept * lanes


def area(config: AcceleratorConfig, uram: bool = False) -> dict[str, Area]:
    """Parts of the accelerator and their counts; ``uram``: the part has UltraRAM.

    A unit that exists in both modules is counted twice within its module's parts.
    """
    simd, lanes, bits = config.qmm_simd_bits, config.result_lanes, config.max_bits
    hidden, ffn, tokens = config.max_hidden, config.max_ffn, config.max_tokens
    words, ffn_words, token_words = ceil_div(hidden, simd), ceil_div(ffn, simd), ceil_div(tokens, simd)
    planes, outputs = config.weight_planes, config.qmm_outputs
    mha_tokens, ffn_tokens = config.qmm_tokens, config.ffn_tokens
    mha_acc = accumulator_bits(max(words, token_words) * simd, bits, bits)
    ffn_acc = accumulator_bits(max(words, ffn_words) * simd, bits, 1)
    head = config.head_channels
    kv_words = bits * max(
        ceil_div(tokens, outputs) * ceil_div(head, simd), ceil_div(head, outputs) * token_words
    )
    banks, kv_banks = config.activation_tokens, config.kv_banks
    head_bits = config.max_heads * ceil_div(hidden // config.max_heads, simd) * simd
    buffers = _planes(config, uram, tokens, hidden, banks, simd, 2) + _planes(
        config, uram, tokens, hidden, banks, simd, 1
    )
    buffers += _planes(config, uram, tokens, head_bits, banks, simd, 1)
    buffers += _planes(config, uram, tokens, tokens, banks, simd, 2)
    buffers += _planes(config, uram, tokens, head_bits, kv_banks, 64, 1)
    buffers += _transposed(config)
    mid = _planes(config, uram, tokens, hidden, banks, simd, 2) + _planes(
        config, uram, tokens, ffn, banks, simd, 1
    )
    weights = planes * ceil_div(hidden, outputs) * words
    ffn_weights = planes * max(ceil_div(ffn, outputs) * words, ceil_div(hidden, outputs) * ffn_words)
    buffers += _feeder(banks * simd) + _feeder(64 * kv_banks) + WRITER * 3
    mid += _feeder(banks * simd) + WRITER
    soft = config.softmax_lanes
    scores = memory(mha_acc * soft, 2 * mha_tokens * ceil_div(tokens, soft))
    scores += (
        _split(lanes // soft, mha_acc * soft) + _reorder(mha_acc * soft) + WRITER + Area(lut=220, ff=130)
    )
    return {
        "mha_array": _array(config, mha_tokens, mha_acc),
        "mha_results": _results(config, mha_tokens, mha_acc),
        "mha_operands": _operands(config, mha_tokens, max(words, token_words), weights, kv_words, uram),
        "mha_buffers": buffers + transpose(config),
        "mha_qu": _lanes("qu", lanes, planes, mha_acc)
        + _tables(config, lanes, ceil_div(hidden, lanes), planes),
        "softmax": _lanes("softmax", soft) + scores,
        "mha_tail": _tail(config, mha_tokens, mha_acc * planes, uram),
        "ffn_array": _array(config, ffn_tokens, ffn_acc),
        "ffn_results": _results(config, ffn_tokens, ffn_acc),
        "ffn_operands": _operands(config, ffn_tokens, max(words, ffn_words), ffn_weights, 0, uram),
        "ffn_buffers": mid,
        "ffn_qu": _lanes("qu", lanes, planes, ffn_acc) + _tables(config, lanes, ceil_div(ffn, lanes), planes),
        "ffn_tail": _tail(config, ffn_tokens, ffn_acc * planes, uram),
        "entries": _entry(config) * 2,
        "control": _control(config, "mha", mha_acc) + _control(config, "ffn", ffn_acc) + SHELL,
    }


def total(parts: dict[str, Area]) -> Area:
    """Sum of all parts."""
    return sum(parts.values(), Area())
