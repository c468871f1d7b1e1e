# SPDX-License-Identifier: Apache-2.0
"""What the sequencers of the RTL accelerator make of a work item: memory commands, jobs, configs.

The reference of ``rtl/mha_sequencer.sv`` and ``rtl/ffn_sequencer.sv``; their headers give the order.
A descriptor is a mapping of the names in `image.DESCRIPTOR_FIELDS` to integers. Source: ours.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from .bat_records import (
    Act,
    Data,
    Entry,
    Job,
    Kind,
    NormConfig,
    Read,
    Scale,
    ScaleConfig,
    SoftmaxConfig,
    Target,
    Weight,
    Work,
)
from .config import AcceleratorConfig
from .image import ALIGN, DESCRIPTOR_BYTES, DESCRIPTOR_FIELDS
from .packing import BLOCK_ROWS, KINDS
from .sizes import ceil_div

Descriptor = Mapping[str, int]
MHA_MATRICES = ("q", "k", "v", "o")
FFN_MATRICES = ("ffn1", "ffn2")


@dataclass(frozen=True)
class Build:
    """Parameters of a module that shape its jobs: rows and outputs of a tile, bits of a word, lanes.

    ``lanes``: of rows (LN, entry); ``result_lanes``: of the engine and QU; ``vu_lanes``, ``softmax_lanes``.
    """

    tokens: int
    outputs: int
    simd: int
    lanes: int
    vu_lanes: int
    result_lanes: int
    softmax_lanes: int

    def lanes_of(self, target: Target) -> int:
        """Results of a product for ``target`` that are taken a clock."""
        own = {Target.SOFTMAX: self.softmax_lanes, Target.RESIDUAL: self.vu_lanes}
        return own.get(target, self.result_lanes)


def module_build(config: AcceleratorConfig, attention: bool) -> Build:
    """The build of MHA, or of FFN, in ``config``."""
    tokens = config.qmm_tokens if attention else config.ffn_tokens
    return Build(
        tokens, config.qmm_outputs, config.qmm_simd_bits, config.ln_lanes, config.vu_lanes,
        config.result_lanes, config.softmax_lanes,
    )  # fmt: skip


@dataclass(frozen=True)
class Dimensions:
    """Model dimensions that the jobs depend on."""

    hidden: int
    heads: int
    ffn: int

    @property
    def head_size(self) -> int:
        """Channels of a head."""
        return self.hidden // self.heads

    def matrix(self, name: str) -> tuple[int, int]:
        """Inputs and outputs of a weight matrix."""
        shapes = {"ffn1": (self.hidden, self.ffn), "ffn2": (self.ffn, self.hidden)}
        return shapes.get(name, (self.hidden, self.hidden))


def _signed(bits: int) -> Kind:
    return Kind.BIPOLAR if bits == 1 else Kind.SIGNED


def read_descriptor(image: bytes, offset: int) -> dict[str, int]:
    """Fields of the layer descriptor at byte ``offset``."""
    values = struct.unpack_from(f"<{len(DESCRIPTOR_FIELDS)}q", image, offset)
    return dict(zip(DESCRIPTOR_FIELDS, values, strict=True))


def descriptor_command(base: int, table: int, layer: int) -> Read:
    """The command for a layer's descriptor; ``table`` is the byte offset of layer 0's."""
    return Read(Data.DESCRIPTOR, base + table + layer * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES)


def _matrix_bytes(dims: Dimensions, layer: Descriptor, name: str) -> tuple[int, int]:
    """Bytes of a matrix's weights and of its constants, as the image pads them."""
    inputs, outputs = dims.matrix(name)
    kind = KINDS[layer[f"{name}_kind"]]
    rows = outputs * (2 if kind == "wtws" else 1)
    planes = 2 if kind == "ternary" else 1
    weights = ceil_div(rows, BLOCK_ROWS) * BLOCK_ROWS * planes * ceil_div(inputs, 64) * 8
    return weights, ceil_div(rows * 8, ALIGN) * ALIGN


def section_commands(dims: Dimensions, layer: Descriptor, attention: bool, base: int) -> list[Read]:
    """The commands for weights and constants of a work item, in job order."""
    names = MHA_MATRICES if attention else FFN_MATRICES
    found = []
    for name in names:
        weights, constants = _matrix_bytes(dims, layer, name)
        unit = Data.VU_CONSTANT if name == names[-1] else Data.QU_CONSTANT
        found.append(Read(Data.WEIGHT, base + layer[f"{name}_weight"], weights))
        found.append(Read(unit, base + layer[f"{name}_constants"], constants))
    norm = layer[f"{'ln1' if attention else 'ln2'}_constants"]
    found.append(Read(Data.LN_CONSTANT, base + norm, ceil_div(dims.hidden * 8, ALIGN) * ALIGN))
    return found


def entry_config(dims: Dimensions, layer: Descriptor, attention: bool, work: Work, bank: int) -> Entry:
    """The configuration of the module's entry."""
    site = "attn_in" if attention else "ffn_in"
    scale = _common_scale(layer, site)
    return Entry(work, bank, dims.hidden, scale)


def _common_scale(layer: Descriptor, site: str) -> Scale:
    c, m, shift = (layer[f"{site}_{part}"] for part in ("c", "m", "shift"))
    return Scale(c, m, shift, layer[f"{site}_bits"], True, True)


def softmax_config(layer: Descriptor, rows: int) -> SoftmaxConfig:
    """The config beat of one head's softmax."""
    return SoftmaxConfig(
        spare=0,
        bits=layer["probs_bits"],
        reciprocal=layer["softmax_reciprocal"],
        shift=layer["softmax_shift"],
        scale_shift=layer["softmax_scale_shift"],
        scale=layer["softmax_scale"],
        rows=rows,
        keys=rows,
    )


def norm_config(build: Build, dims: Dimensions, layer: Descriptor, attention: bool, rows: int) -> NormConfig:
    """The config beat of LN."""
    name = "ln1" if attention else "ln2"
    words = ceil_div(dims.hidden, build.lanes)
    return NormConfig(layer[f"{name}_epsilon"], rows, words, dims.hidden, layer[f"{name}_shift"])


def scale_config(build: Build, job: Job) -> ScaleConfig:
    """The config beat of QU or VU for a job."""
    words = build.outputs // (build.lanes_of(job.target) * (2 if job.two_part else 1))
    shape = (job.rows, build.tokens, job.output_tiles, words, job.channels)
    scale = job.scale
    return ScaleConfig(*shape, scale.shift, scale.bits, 0, scale.is_signed, scale.common)


def _job(build: Build, work: Work, bank: int, k_bits: int, channels: int, parts: int = 1) -> Job:
    """A job of a shape, with binary weights of memory; the rest is for the caller to replace."""
    return Job(
        act=Act.X,
        weight=Weight.MEMORY,
        target=Target.Q,
        act_kind=Kind.UNSIGNED,
        act_planes=0,
        weight_kind=Kind.BIPOLAR,
        weight_planes=1,
        two_part=parts == 2,
        bank=bank,
        first=False,
        last=False,
        head=0,
        rows=work.rows,
        k_bits=k_bits,
        k_words=ceil_div(k_bits, build.simd),
        channels=channels,
        token_tiles=ceil_div(work.rows, build.tokens),
        output_tiles=ceil_div(channels * parts, build.outputs),
        act_word=0,
        channel_base=0,
        head_channels=channels,
        head_stride=channels,
        scale=Scale(),
    )


def _memory_job(build: Build, dims: Dimensions, layer: Descriptor, work: Work, bank: int, name: str) -> Job:
    """The product with a weight matrix; the caller says where operands come from and go."""
    inputs, outputs = dims.matrix(name)
    kind = KINDS[layer[f"{name}_kind"]]
    job = _job(build, work, bank, inputs, outputs, 2 if kind == "wtws" else 1)
    job = replace(job, scale=Scale(shift=layer[f"{name}_shift"]))
    return replace(job, weight_kind=Kind.TERNARY, weight_planes=2) if kind == "ternary" else job


def _act(job: Job, source: Act, bits: int, signed: bool = True) -> Job:
    return replace(job, act=source, act_planes=bits, act_kind=_signed(bits) if signed else Kind.UNSIGNED)


def _scores(build: Build, dims: Dimensions, layer: Descriptor, work: Work, bank: int, head: int) -> Job:
    size, bits = dims.head_size, layer["k_bits"]
    job = _act(_job(build, work, bank, size, work.rows), Act.Q, layer["q_bits"])
    return replace(
        job,
        weight=Weight.K,
        weight_kind=_signed(bits),
        weight_planes=bits,
        target=Target.SOFTMAX,
        head=head,
        act_word=head * ceil_div(size, build.simd),
        scale=Scale(bits=layer["probs_bits"]),
    )


def _context(build: Build, dims: Dimensions, layer: Descriptor, work: Work, bank: int, head: int) -> Job:
    size, bits = dims.head_size, layer["v_bits"]
    job = _act(_job(build, work, bank, work.rows, size), Act.P, layer["probs_bits"], signed=False)
    return replace(
        job,
        weight=Weight.V,
        weight_kind=_signed(bits),
        weight_planes=bits,
        target=Target.CTX,
        head=head,
        channel_base=head * size,
        scale=_common_scale(layer, "ctx"),
    )


def _head_order(heads: int) -> Iterator[tuple[bool, int]]:
    """(is scores, head) in job order: S0, S1, C0, S2, C1, ..., C(H-1)."""
    yield True, 0
    for head in range(1, heads):
        yield True, head
        yield False, head - 1
    yield False, heads - 1


def mha_jobs(build: Build, dims: Dimensions, layer: Descriptor, work: Work, bank: int) -> list[Job]:
    """The jobs of attention: Q, K, V, scores and contexts of all heads, O."""
    stride = ceil_div(dims.head_size, build.simd) * build.simd
    jobs = []
    for name, target in (("q", Target.Q), ("k", Target.K), ("v", Target.V)):
        job = _act(_memory_job(build, dims, layer, work, bank, name), Act.X, layer["attn_in_bits"])
        scale = replace(job.scale, bits=layer[f"{name}_bits"], is_signed=True)
        job = replace(job, target=target, scale=scale, first=name == "q")
        by_head = target in (Target.Q, Target.K)
        jobs.append(replace(job, head_channels=dims.head_size, head_stride=stride) if by_head else job)
    for is_scores, head in _head_order(dims.heads):
        make = _scores if is_scores else _context
        jobs.append(make(build, dims, layer, work, bank, head))
    last = _act(_memory_job(build, dims, layer, work, bank, "o"), Act.CTX, layer["ctx_bits"])
    return [*jobs, replace(last, target=Target.RESIDUAL, last=True)]


def ffn_jobs(build: Build, dims: Dimensions, layer: Descriptor, work: Work, bank: int) -> list[Job]:
    """The jobs of the feed-forward module: F1, F2."""
    up = _act(_memory_job(build, dims, layer, work, bank, "ffn1"), Act.X, layer["ffn_in_bits"])
    up = replace(up, target=Target.MID, scale=replace(up.scale, bits=layer["ffn_mid_bits"]), first=True)
    down = _memory_job(build, dims, layer, work, bank, "ffn2")
    down = _act(down, Act.MID, layer["ffn_mid_bits"], signed=False)
    return [up, replace(down, target=Target.RESIDUAL, last=True)]


def module_jobs(
    build: Build, dims: Dimensions, layer: Descriptor, work: Work, bank: int, attention: bool
) -> list[Job]:
    """The jobs of MHA, or of FFN."""
    return (mha_jobs if attention else ffn_jobs)(build, dims, layer, work, bank)
