# SPDX-License-Identifier: Apache-2.0
"""Both sequencers with reader, splitter and constant feeds, against hls/bat_jobs.py: every record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import EngineError
from batflow.hls.axi_sim import Faults, MemorySim, Timing
from batflow.hls.axis_sim import Beats, StreamRun
from batflow.hls.bat_jobs import (
    Build,
    descriptor_command,
    entry_config,
    ffn_jobs,
    mha_jobs,
    norm_config,
    scale_config,
    section_commands,
    softmax_config,
)
from batflow.hls.bat_records import Data, Job, Read, Target, Work, difference, pack
from batflow.hls.image import DESCRIPTOR_FIELDS
from batflow.hls.image_sv import field_limits, is_offset
from batflow.hls.registers.table import ERRORS
from batflow.hls.verilator import RTL_FOLDER

from .rtl_benches import (
    CHAIN_OUTPUTS,
    PROGRAM_BITS,
    ChainConfig,
    beats_of,
    chain_bench,
    record_beats,
    values_of,
)
from .rtl_images import BASE, TABLE, Model, random_model, section_sizes, with_field

CONFIGS = {
    "mha-64": ChainConfig(True, bus=64, tokens=1, outputs=8, simd=64, lanes=4, max_bits=4, parts=1),
    "mha-512": ChainConfig(True, bus=512, tokens=5, outputs=32, simd=128, lanes=8),
    "ffn-128": ChainConfig(False, bus=128, tokens=3, outputs=16, simd=64, lanes=8),
}
CODES = {name: code for code, (name, _) in ERRORS.items()}
Bench = tuple[MemorySim, ChainConfig]


@pytest.fixture(scope="module", params=list(CONFIGS))
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    config = CONFIGS[request.param]
    return chain_bench(tmp_path_factory.mktemp("chain"), config), config


class Expected:
    """What must come out, record by record, for work items on a model."""

    def __init__(self, config: ChainConfig, model: Model, works: Sequence[Work]) -> None:
        self.config, self.model = config, model
        self.build = Build(config.tokens, config.outputs, config.simd, *(config.lanes,) * 4)
        self.records: dict[str, list[object]] = {name: [] for name in ("read", "entry", "job", "softmax")}
        self.constants: dict[str, list[tuple[int, bool]]] = {name: [] for name in ("qu", "vu", "ln")}
        self.weights: list[Read] = []
        for number, work in enumerate(works):
            self._item(work, number % 2)

    def _item(self, work: Work, bank: int) -> None:
        attention, dims, layer = self.config.attention, self.model.dims, self.model.layers[work.layer]
        sections = section_commands(dims, layer, attention, BASE)
        jobs = (mha_jobs if attention else ffn_jobs)(self.build, dims, layer, work, bank)
        self.records["read"] += [descriptor_command(BASE, TABLE, work.layer), *sections]
        self.records["entry"].append(entry_config(dims, layer, attention, work, bank))
        self.records["job"] += jobs
        if attention:
            self.records["softmax"] += [softmax_config(layer, work.rows)] * dims.heads
        self.weights += [read for read in sections if read.data == Data.WEIGHT]
        memory = iter([r for r in sections if r.data in (Data.QU_CONSTANT, Data.VU_CONSTANT)])
        for job in jobs:
            self._scale(job, memory)
        norm = norm_config(self.build, dims, layer, attention, work.rows)
        self._channels("ln", pack(norm), self.model.words(sections[-1].address, dims.hidden), False)

    def _scale(self, job: Job, memory: object) -> None:
        if job.target == Target.SOFTMAX:
            return
        unit = "vu" if job.target == Target.RESIDUAL else "qu"
        config = pack(scale_config(self.build, job))
        if job.scale.common:
            constant = job.scale.m << 64 | job.scale.c & (1 << 64) - 1
            self.constants[unit] += [(config, False), (constant, True)]
            return
        section = next(memory)  # type: ignore[call-overload]
        words = self.model.words(section.address, job.channels * (2 if job.two_part else 1))
        self._channels(unit, config, words, job.two_part)

    def _channels(self, unit: str, config: int, words: list[int], two_part: bool) -> None:
        found = [config]
        step = 2 if two_part else 1
        for n in range(0, len(words), step):
            c = _signed(words[n] >> 16, 46) & (1 << 64) - 1
            m2 = _signed(words[n + 1], 16) if two_part else 0
            found.append((m2 & 0xFFFFFFFF) << 96 | (_signed(words[n], 16) & 0xFFFFFFFF) << 64 | c)
        self.constants[unit] += [(beat, False) for beat in found[:-1]] + [(found[-1], True)]

    def counts(self) -> list[int]:
        """Beats of each output of the bench."""
        bus = self.config.bus // 8
        sizes = {name: len(found) for name, found in (self.records | self.constants).items()}
        sizes["weight"] = sum(read.bytes for read in self.weights) // bus
        return [sizes.get(name, 0) for name in CHAIN_OUTPUTS]

    def check(self, run: StreamRun) -> None:
        """Compare all that came out, bit for bit."""
        outputs = dict(zip(CHAIN_OUTPUTS, run.outputs, strict=True))
        for name, records in self.records.items():
            for number, (value, record) in enumerate(zip(values_of(outputs[name]), records, strict=True)):
                assert not difference(value, record), f"{name} {number}"
        for name, beats in self.constants.items():
            assert [v for v, _ in beats] == values_of(outputs[name]), name
            assert [last for _, last in beats] == outputs[name].last.astype(bool).tolist(), name
        self._check_weights(outputs["weight"])

    def _check_weights(self, found: Beats) -> None:
        start = 0
        for read in self.weights:
            stop = start + read.bytes // (self.config.bus // 8)
            offset = read.address - BASE
            assert np.array_equal(
                found.data[start:stop].ravel(), self.model.image[offset : offset + read.bytes]
            )
            assert found.last[start:stop].tolist() == [0] * (stop - start - 1) + [1]
            start = stop


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _inputs(model: Model, works: Sequence[Work]) -> list[Beats]:
    program = beats_of([model.program()], PROGRAM_BITS)
    return [program, record_beats(works, 32), beats_of([], 8)]


def _works(rng: np.random.Generator, model: Model, count: int, most_rows: int) -> list[Work]:
    return [
        Work(
            bool(rng.integers(2)),
            bool(rng.integers(2)),
            int(rng.integers(2)),
            int(rng.integers(len(model.layers))),
            int(rng.integers(1, most_rows + 1)),
        )
        for _ in range(count)
    ]


def _walk(
    bench: Bench, model: Model, works: Sequence[Work], timing: Timing | None = None, **stalls: int
) -> StreamRun:
    """Run work items from reset to their end and check everything."""
    sim, config = bench
    expected = Expected(config, model, works)
    sim.attach(model.image, BASE, timing)
    sim.reset()
    run = sim.run(_inputs(model, works), expected.counts(), idle_limit=5000, **stalls)
    expected.check(run)
    assert sim.report().outstanding == 0
    return run


@pytest.mark.parametrize("seed", range(4))
def test_random_models(bench: Bench, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng, bench[1], largest=(64, 128, 256, 768)[seed])
    _walk(bench, model, _works(rng, model, 5, 300), Timing(latency=int(rng.integers(1, 60))))


@pytest.mark.parametrize("seed", range(3))
def test_stalls_everywhere(bench: Bench, seed: int) -> None:
    rng = np.random.default_rng(10 + seed)
    model = random_model(rng, bench[1], largest=96)
    timing = Timing(latency=9, stall_ar=50, stall_r=30, seed=seed + 1)
    _walk(bench, model, _works(rng, model, 4, 40), timing, stall_in=40, stall_out=(20, 60, 90)[seed])


@pytest.mark.parametrize("rows", [1, 2, 5, 6, 1024])
def test_one_item_of_each_length(bench: Bench, rows: int) -> None:
    model = random_model(np.random.default_rng(rows), bench[1], largest=64)
    _walk(bench, model, [Work(True, False, 0, 1, rows)])


def _counts(expected: Expected) -> dict[str, int]:
    return dict(zip(CHAIN_OUTPUTS, expected.counts(), strict=True))


def _drain(bench: Bench) -> int:
    """Stop the reader and wait until nothing is in flight; return its error and error address."""
    inputs = [beats_of([], PROGRAM_BITS), beats_of([], 32), beats_of([1], 8)]
    run = bench[0].run(inputs, [0] * (len(CHAIN_OUTPUTS) - 1) + [1], idle_limit=500)
    assert bench[0].report().outstanding == 0
    return values_of(run.outputs[-1])[0]


def test_next_item_is_read_ahead(bench: Bench) -> None:
    """When the first item's jobs have left and none of the second's, its reads and entry are there."""
    sim, config = bench
    model = random_model(np.random.default_rng(3), config, largest=64)
    works = [Work(True, False, 0, 0, 7), Work(True, False, 1, 1, 7)]
    counts = _counts(Expected(config, model, works[:1]))
    counts |= {"read": counts["read"] + 2, "entry": 2}
    sim.attach(model.image, BASE)
    sim.reset()
    run = sim.run(_inputs(model, works), list(counts.values()), idle_limit=5000)
    found = values_of(run.outputs[CHAIN_OUTPUTS.index("read")])
    for value, record in zip(found, Expected(config, model, works).records["read"], strict=False):
        assert not difference(value, record)
    _drain(bench)


def _fault(bench: Bench, model: Model, layer: int) -> int:
    """The code that a work item of ``layer`` ends with."""
    sim, _ = bench
    counts = [int(name == "fault") for name in CHAIN_OUTPUTS]
    sim.attach(model.image, BASE)
    sim.reset()
    run = sim.run(_inputs(model, [Work(True, True, 0, layer, 3)]), counts, idle_limit=500)
    _drain(bench)
    return values_of(run.outputs[CHAIN_OUTPUTS.index("fault")])[0]


def test_every_field_is_checked(bench: Bench) -> None:
    model = random_model(np.random.default_rng(8), bench[1], largest=64)
    for name in DESCRIPTOR_FIELDS:
        low, high = field_limits(name)
        wrong = [low - 1, high + 1, -(1 << 63), (1 << 63) - 1]
        wrong += [model.layers[1][name] + 8] if is_offset(name) else []
        for value in wrong:
            assert _fault(bench, with_field(model, 1, name, value), 1) == CODES["BAD_DESCRIPTOR"], (
                name,
                value,
            )


def test_what_is_not_built_is_refused(bench: Bench) -> None:
    config = bench[1]
    model = random_model(np.random.default_rng(9), config, largest=64)
    if config.max_bits < 8:
        for name in (n for n in DESCRIPTOR_FIELDS if n.endswith("_bits")):
            changed = with_field(model, 0, name, config.max_bits + 1)
            assert _fault(bench, changed, 0) == CODES["UNSUPPORTED_SHAPE"], name
    if config.parts == 1:
        for name in (n for n in DESCRIPTOR_FIELDS if n.endswith("_kind")):
            for kind in (1, 2):
                assert _fault(bench, with_field(model, 0, name, kind), 0) == CODES["UNSUPPORTED_SHAPE"], name


def _module_sections(config: ChainConfig) -> list[str]:
    names = ("q", "k", "v", "o", "ln1") if config.attention else ("ffn1", "ffn2", "ln2")
    return [f for f in DESCRIPTOR_FIELDS if is_offset(f) and f.split("_")[0] in names]


def test_sections_may_end_with_the_image(bench: Bench) -> None:
    model = random_model(np.random.default_rng(11), bench[1], largest=64)
    sizes = section_sizes(model.dims, dict(model.layers[0]))
    for field in _module_sections(bench[1]):
        last = model.image.size - sizes[field]
        _walk(bench, with_field(model, 0, field, last), [Work(True, False, 0, 0, 2)])


def test_sections_beyond_the_image_are_not_read(bench: Bench) -> None:
    sim, config = bench
    model = random_model(np.random.default_rng(11), config, largest=64)
    sizes = section_sizes(model.dims, dict(model.layers[0]))
    for field in _module_sections(config):
        beyond = with_field(model, 0, field, model.image.size - sizes[field] + 64)
        counts = _counts(Expected(config, beyond, [Work(True, True, 0, 0, 3)]))
        wanted = counts | {"fault": 1}
        sim.attach(beyond.image, BASE)
        sim.reset()
        with pytest.raises(EngineError, match=r"stalled.* m_fault 1 of 1 beats"):
            sim.run(_inputs(beyond, [Work(True, True, 0, 0, 3)]), list(wanted.values()), idle_limit=500)
        assert _drain(bench) >> 64 == 0, field


@pytest.mark.parametrize("beats", [1, 30, 200])
def test_reset_in_mid_run(bench: Bench, beats: int) -> None:
    sim, config = bench
    rng = np.random.default_rng(beats)
    model = random_model(rng, config, largest=200)
    works = _works(rng, model, 3, 20)
    sim.attach(model.image, BASE, Timing(latency=20, stall_r=20))
    sim.reset()
    first = Expected(config, model, works[:1]).weights[0].bytes // (config.bus // 8)
    some = [min(first, beats) if name == "weight" else 0 for name in CHAIN_OUTPUTS]
    sim.run(_inputs(model, works[:1]), some)
    _drain(bench)
    _walk(bench, model, works)


def test_a_bus_error_in_the_descriptor_ends_at_the_reader(bench: Bench) -> None:
    sim, config = bench
    model = random_model(np.random.default_rng(2), config, largest=64)
    sim.attach(model.image, BASE, None, Faults(error=BASE + TABLE + 64))
    sim.reset()
    run = sim.run(_inputs(model, [Work(True, True, 0, 0, 3)]), [0] * 9 + [1], idle_limit=500)
    assert values_of(run.outputs[-1])[0] == 1 << 64 | BASE + TABLE + 64
    _walk(bench, model, [Work(True, True, 0, 0, 3)])


MUTANTS = {
    "mha_jobs.sv": ("score_word <= score_word + head_words;", "score_word <= score_word + 16'd1;"),
    "section_reads.sv": ("section.ternary ? units << 8", "section.ternary ? units << 7"),
    "constant_feed.sv": (
        "constant(word[61:16], word[15:0], 16'd0)",
        "constant(word[61:16], {1'b0, word[14:0]}, 16'd0)",
    ),
}


@pytest.mark.parametrize("name", list(MUTANTS))
def test_a_mistake_is_seen(tmp_path: Path, name: str) -> None:
    text = (RTL_FOLDER / name).read_text()
    old, new = MUTANTS[name]
    assert text.count(old) == 1
    mutant = tmp_path / name
    mutant.write_text(text.replace(old, new))
    config = replace(CONFIGS["mha-64"], parts=2)
    models = (random_model(np.random.default_rng(seed), config) for seed in range(100))
    model = next(m for m in models if m.dims.heads > 1 and m.dims.head_size > config.simd)
    model = with_field(model, 0, "q_kind", 1)
    works = [Work(True, False, 0, 0, 9)]
    _walk((chain_bench(tmp_path, config), config), model, works)
    with pytest.raises((AssertionError, EngineError)):
        _walk((chain_bench(tmp_path, config, mutant), config), model, works)
