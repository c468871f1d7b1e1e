# SPDX-License-Identifier: Apache-2.0
"""Held-out sentences on the accelerator's RTL: integers against the reference, cycles by its counters.

The first sentence runs alone, for the latency; all of them run in one batch, for the busy shares, or in
several side by side (``jobs``), whose clocks add up.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from batflow.errors import FormatError, InputError, MismatchError
from batflow.files import read_json, write_json
from batflow.hls.config import AcceleratorConfig, load_config
from batflow.hls.cosim import CosimEngine
from batflow.hls.cosim_jobs import BatchRun, Rows, deal, joined, run_batches
from batflow.hls.csim import CsimResult
from batflow.hls.packing import Int64
from batflow.hls.program import EncoderProgram
from batflow.hls.reference.encoder import Reference
from batflow.hls.reference.host import classify, embed, pool

from .cosim_figures import batch_figures, figure_table, single_figures
from .hardware_steps import accelerator_config
from .progress import Advance, progress_bar
from .run_folder import RunFolder
from .verify import Sentence, locate

_WAVE = re.compile(r"(\d+):(\d+):(.+)")


@dataclass(frozen=True)
class CosimOptions:
    """What ``batflow cosim`` may change: None leaves the run's own.

    ``sentences``: how many. ``config``: an accelerator config file. ``in_flight``: 1 or 2 sequences.
    ``wave``: START:END:FILE, clocks since the engine was opened. ``jobs``: runs side by side.
    """

    sentences: int | None = None
    config: Path | None = None
    in_flight: int | None = None
    wave: str | None = None
    jobs: int = 1


def cosim_config(program: EncoderProgram, options: CosimOptions) -> AcceleratorConfig:
    """Return the config to simulate.

    Raises:
        FormatError: the config file is absent or not YAML.
        InputError: a value of it is wrong, the RTL cannot have it, or the program does not fit.
    """
    from batflow.hls.rtl_limits import require_rtl, require_rtl_program

    config = load_config(options.config) if options.config else accelerator_config(program)
    if options.in_flight is not None:
        config = config.model_copy(update={"sequences_in_flight": options.in_flight})
    require_rtl(config)
    config.require(program)
    require_rtl_program(config, program)
    return config


@contextlib.contextmanager
def _waves(wave: str | None) -> Iterator[None]:
    """Let engines that open inside write the window ``wave``.

    Raises:
        InputError: it is not START:END:FILE with START < END and an existing folder.
    """
    if wave is None:
        yield
        return
    match = _WAVE.fullmatch(wave)
    if match is None or int(match[1]) >= int(match[2]) or not Path(match[3]).parent.is_dir():
        raise InputError(
            f"--wave {wave!r}: give START:END:FILE, clocks START < END, FILE in a folder that exists"
        )
    os.environ["BATFLOW_WAVE"] = wave
    try:
        yield
    finally:
        del os.environ["BATFLOW_WAVE"]


def differences(
    program: EncoderProgram, sentences: Sequence[Sentence], result: CsimResult
) -> tuple[int, dict[str, Any] | None]:
    """Return (integers of final hidden states and logits that differ from the reference, the first place).

    The place has ``sentence``, ``tap`` (module outputs, pooled, logits), ``index``, ``expected``, ``given``.
    """
    reference, host = Reference(program), program.host
    wrong, first = 0, None
    last = f"L{program.shape.layers - 1}.ffn_out"
    for number, sentence in enumerate(sentences):
        wanted = reference.run(sentence.ids, sentence.types)
        hidden: Int64 = result.outputs[number].astype(np.int64)
        pooled = pool(hidden, np.ones(len(hidden), dtype=np.bool_), host.pooling)
        given = {**result.traces[number], last: hidden, "pooled": pooled, "logits": classify(host, pooled)}
        wrong += int(np.count_nonzero(hidden != wanted.taps[last]))
        wrong += int(np.count_nonzero(given["logits"] != wanted.logits))
        place = locate({**wanted.taps, "logits": wanted.logits}, given, program.shape.layers)
        if place is not None and first is None:
            tap, index, (expected, found) = place
            first = {"sentence": number, "tap": tap, "index": index, "expected": expected, "given": found}
    return wrong, first


def _embedded(program: EncoderProgram, sentences: Sequence[Sentence]) -> Rows:
    return [embed(program.host, np.array(s.ids), np.array(s.types)).astype(np.int16) for s in sentences]


def _one_engine(program: EncoderProgram, library: Path, batches: Sequence[Rows]) -> list[BatchRun]:
    """Run ``batches`` one after the other on one engine: its clocks count on, for a waveform's window."""
    engine = CosimEngine(program, library)
    try:
        return [BatchRun(engine.run(rows, trace=True), engine.timeline()) for rows in batches]
    finally:
        engine.close()


def measure(
    program: EncoderProgram, sentences: Sequence[Sentence], options: CosimOptions, advance: Advance
) -> dict[str, Any]:
    """Build the RTL, run ``sentences`` and return the values of cosim.json.

    Raises:
        MissingToolError: no Verilator, compiler or make.
        InputError: see :func:`cosim_config`; a bad ``wave``; ``wave`` with ``jobs``.
        EngineError: the engine does not build, or a run ends with an error.
    """
    from batflow.hls.cosim_build import CosimBuild, build_cosim

    config = cosim_config(program, options)
    if options.wave is not None and options.jobs != 1:
        raise InputError("--wave writes the clocks of one engine; leave --jobs out")
    rows = _embedded(program, sentences)
    batches = [rows[:1], *deal(rows, options.jobs)]
    with _waves(options.wave):
        advance(0, 2)
        begun = time.perf_counter()
        library = build_cosim(config, CosimBuild(trace=options.wave is not None))
        built = time.perf_counter()
        advance(1, 2)
        if options.wave is not None:
            runs = _one_engine(program, library, batches)
        else:
            runs = run_batches(program, library, batches, options.jobs, trace=True)
        seconds = time.perf_counter() - built
    single, batch = runs[0].result, joined([run.result for run in runs[1:]])
    wrong_alone, first_alone = differences(program, sentences[:1], single)
    wrong, first = differences(program, sentences, batch)
    lengths = [len(sentence.ids) for sentence in sentences]
    figures = batch_figures(program, config, lengths, batch, len(runs) - 1)
    cycles = single.counters["CYCLES_TOTAL"] + batch.counters["CYCLES_TOTAL"]
    one = single_figures(program, config, lengths[0], single)
    return {
        "source": "cosim",
        "config": config.model_dump(mode="json"),
        "config_hash": config.config_hash(),
        "sentences": len(sentences),
        "tokens": lengths,
        "mismatches": wrong + wrong_alone,
        "first_mismatch": first_alone or first,
        "single": one,
        "batch": figures,
        "build_s": built - begun,
        "run_s": seconds,
        "simulated_cycles": cycles,
        "cycles_per_s": cycles / seconds,
        "binary_macs_per_s": (one["binary_macs"] + figures["binary_macs"]) / seconds,
        "jobs": options.jobs,
        "timelines": {"single": runs[0].timeline, "batch": runs[1].timeline},
    }


def write_cosim(run: RunFolder, options: CosimOptions, advance: Advance) -> dict[str, Any]:
    """Measure the first held-out sentences of a run, write cosim.json and return its values.

    Raises:
        MismatchError: an integer differs from the reference's; cosim.json tells where.
        MissingToolError, InputError, FormatError, EngineError: see :func:`measure`.
    """
    from batflow.hls.program_io import load_program

    from .sentences import held_out

    program = load_program(run.need("program", "lower"))
    count = options.sentences or run.config.cosim_sentences
    record = measure(program, held_out(run, program, count).sentences, options, advance)
    write_json(run.artefact("cosim.json"), record)
    first = record["first_mismatch"]
    if first is not None:
        raise MismatchError(
            f"cosim: {record['mismatches']} wrong integers; first in sentence {first['sentence']}, "
            f"tap {first['tap']}; see {run.artefact('cosim.json')}"
        )
    return record


def cosim_step(run: RunFolder, advance: Advance) -> None:
    """Run held-out sentences on the RTL of the run's own config: cosim.json.

    Raises: see :func:`write_cosim`.
    """
    write_cosim(run, CosimOptions(), advance)


def run_cosim(run: RunFolder, options: CosimOptions, console: Console) -> None:
    """Write cosim.json with ``options``, showing progress; the step then counts as not done.

    Raises: see :func:`write_cosim`.
    """
    # Other settings than the run's: the next `batflow demo` makes the run's own figures again.
    run.done.pop("cosim", None)
    run.save()
    with progress_bar(console, "cosim") as advance:
        write_cosim(run, options, advance)


def cosim_table(run: RunFolder) -> Table:
    """Return cosim.json as a table.

    Raises:
        FormatError: it is absent or corrupt.
    """
    path = run.artefact("cosim.json")
    try:
        return figure_table(read_json(path))
    except (KeyError, TypeError, ValueError) as exc:
        raise FormatError(f"{path} lacks or garbles {exc}; run `batflow cosim {run.name} --force`") from exc
