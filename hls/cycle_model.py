# SPDX-License-Identifier: Apache-2.0
"""Cycle model of the whole accelerator: how many clocks a batch takes on a config, without simulation.

It walks both modules' jobs in order with max-plus recurrences (`cycle_model_module`) and hands rows over
one by one. Figures have source estimate; `benchmarks/cycle_model.py` compares them with cosim. Source: ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from batflow.errors import InputError

from .bat_jobs import Dimensions, module_build
from .bat_records import Work
from .config import AcceleratorConfig
from .cycle_model_memory import Bandwidth, Port
from .cycle_model_module import ANNOUNCE, Module, Sizes
from .cycle_model_units import STREAM_VALUES, Output, feed
from .image import DESCRIPTOR_FIELDS
from .packing import KINDS, WeightKind
from .program import MATRICES, SITES, EncoderProgram

_HEADER = 38  # clocks from the start to the first header beat of the stream, the read's latency not counted
_ADMIT = 4
_ROW_IN = 3


@dataclass(frozen=True)
class ModelShape:
    """Layers, hidden size, heads and FFN size of a model, with the bits and kinds of each layer.

    ``bits``: by site of docs/numerics.md. ``kinds``: by matrix.
    """

    layers: int
    hidden: int
    heads: int
    ffn: int
    bits: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, WeightKind] = field(default_factory=dict)

    @staticmethod
    def uniform(
        layers: int, hidden: int, heads: int, ffn: int, bits: int, kind: WeightKind = "binary"
    ) -> ModelShape:
        """One width for all sites and one kind for all matrices."""
        return ModelShape(
            layers, hidden, heads, ffn, dict.fromkeys(SITES, bits), dict.fromkeys(MATRICES, kind)
        )

    def descriptor(self) -> dict[str, int]:
        """The fields of a layer descriptor that cycles depend on; the others are 0."""
        fields = dict.fromkeys(DESCRIPTOR_FIELDS, 0)
        fields |= {f"{site}_bits": self.bits[site] for site in SITES}
        return fields | {f"{name}_kind": KINDS.index(self.kinds[name]) for name in MATRICES}

    def macs(self, length: int) -> int:
        """Multiply-accumulates of one sequence: weights of {-1,+1} (or its kind), scores and contexts."""
        layer = 4 * self.hidden**2 + 2 * self.hidden * self.ffn + 2 * length * self.hidden
        return self.layers * length * layer


def program_shape(program: EncoderProgram) -> list[ModelShape]:
    """The shape of ``program``, one of one layer for each of its layers, in order."""
    shape = program.shape
    return [
        ModelShape(
            1,
            shape.hidden,
            shape.heads,
            shape.ffn,
            {site: layer.formats[site].bits for site in SITES},
            {name: layer.matrices[name].kind for name in MATRICES},
        )
        for layer in program.layers
    ]


@dataclass(frozen=True)
class Prediction:
    """Clocks of a batch. ``ends``: when each sequence's last output beat leaves."""

    cycles: int
    ends: tuple[int, ...]
    mha_busy: int
    ffn_busy: int
    mha_taking: int
    ffn_taking: int
    weight_wait: int


@dataclass
class _Item:
    sequence: int
    layer: int
    announced: int


def _sizes(config: AcceleratorConfig, attention: bool) -> Sizes:
    build = module_build(config, attention)
    maxima = (config.max_tokens, config.max_hidden, config.max_heads)
    return Sizes(
        build, config.activation_tokens, config.weight_planes, config.result_tiles, config.v_channels,
        config.kv_banks, *maxima,
    )  # fmt: skip


class _Run:
    """One batch: which item MHA takes next, and the rows between the modules."""

    def __init__(
        self, config: AcceleratorConfig, layers: Sequence[ModelShape], lengths: Sequence[int]
    ) -> None:
        shape = layers[0]
        dims = Dimensions(shape.hidden, shape.heads, shape.ffn)
        shared = Bandwidth(config.memory_bytes_per_cycle)
        ports = [
            Port(config.weight_bus_bits // 8, config.memory_latency_cycles, shared, first)
            for first in (True, False)
        ]
        self.mha = Module(_sizes(config, True), dims, True, ports[0])
        self.ffn = Module(_sizes(config, False), dims, False, ports[1])
        self.descriptors = [layer.descriptor() for layer in layers]
        self.lengths, self.in_flight = lengths, config.sequences_in_flight
        self.beats = shape.hidden // STREAM_VALUES
        self.output = Output(self.beats)
        self.ends: list[int] = []
        self.admitted = 0
        self.next_row = _HEADER + config.memory_latency_cycles
        self.waiting: list[_Item] = []  # in FFN's entry, in order

    def _work(self, item: _Item) -> Work:
        last = item.layer + 1 == len(self.descriptors)
        return Work(item.layer == 0, last, 0, item.layer, self.lengths[item.sequence])

    def _attention(self, item: _Item) -> None:
        """MHA works on an item whose rows have come in; they go to FFN's entry."""
        begun = self.mha.entry.first
        self.ffn.open(begun + ANNOUNCE)
        self.mha.work(self.descriptors[item.layer], self._work(item), begun, self.ffn.entry)
        item.announced = self.ffn.entry.first
        self.waiting.append(item)
        while self.waiting and self.waiting[0].layer + 1 == len(self.descriptors):
            done = self.waiting.pop(0)
            self.output.begin(done.announced)
            self.ffn.work(self.descriptors[done.layer], self._work(done), done.announced, self.output)
            self.ends.append(self.output.ended)

    def _admission(self) -> int | None:
        """Clock in which the next sequence is admitted, once it is known."""
        if self.admitted == len(self.lengths) or self.admitted - len(self.ends) >= self.in_flight:
            return None
        waits_for = self.admitted - self.in_flight
        return max(self.next_row + _ADMIT, self.ends[waits_for] + 2 if waits_for >= 0 else 0)

    def step(self) -> bool:
        """MHA's next item; False when there is none."""
        admitted = self._admission()
        back = self.waiting[0] if self.waiting else None
        if admitted is not None and (back is None or admitted <= back.announced + 1 or self._held(back)):
            self.mha.open(admitted + ANNOUNCE)
            rows = self.lengths[self.admitted]
            self.next_row = feed(self.mha.entry, admitted + _ROW_IN, rows, self.beats) + 2
            self.admitted += 1
            self._attention(_Item(self.admitted - 1, 0, admitted))
            return True
        if back is None:
            return False
        item = self.waiting.pop(0)
        self.mha.open(item.announced + ANNOUNCE)
        self.ffn.work(self.descriptors[item.layer], self._work(item), item.announced, self.mha.entry)
        self._attention(_Item(item.sequence, item.layer + 1, item.announced))
        return True

    def _held(self, back: _Item) -> bool:
        """Whether control holds ``back`` for a sequence that may be admitted (``rtl/bat_control.sv``)."""
        free = self.admitted - self.in_flight
        return free < 0 or self.ends[free] <= back.announced


def predict(
    config: AcceleratorConfig, shape: ModelShape | Sequence[ModelShape], lengths: Sequence[int]
) -> Prediction:
    """Clocks of a batch of sequences of ``lengths`` tokens on an accelerator of ``config``.

    ``shape``: the model, or one entry a layer where layers differ.

    Raises:
        InputError: no sequence, no layer or a sequence without tokens.
    """
    shapes = [shape] * shape.layers if isinstance(shape, ModelShape) else list(shape)
    if not shapes or not lengths or min(lengths) < 1:
        raise InputError("the cycle model needs at least one layer and one sequence of at least one token")
    run = _Run(config, shapes, lengths)
    while run.step():
        pass
    mha, ffn = run.mha.counts, run.ffn.counts
    return Prediction(
        run.ends[-1],
        tuple(run.ends),
        mha.busy,
        ffn.busy,
        mha.taking,
        ffn.taking,
        mha.weight_wait + ffn.weight_wait,
    )
