# SPDX-License-Identifier: Apache-2.0
"""Steps csim, verify and report: what the engines answer, that they agree, and the page about it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from batflow.errors import InputError, MismatchError
from batflow.files import write_json
from batflow.hls.program import SITES, EncoderProgram

from .engines import CsimRung, DeployRung, OverlayRung, QonnxRung, ReferenceRung
from .mutation import negative_control
from .progress import Advance
from .run_folder import RunFolder
from .sampled_rungs import sampled_rungs
from .sentences import HeldOut, held_out, score
from .verify import HOST_TAPS, Engine, Sentence, climb

RANGE_SENTENCES = 50
CONTROL_SENTENCES = 8
CHUNK = 25


def _program(run: RunFolder) -> EncoderProgram:
    from batflow.hls.program_io import load_program

    return load_program(run.need("program", "lower"))


def csim_step(run: RunFolder, advance: Advance) -> None:
    """Run held-out sentences through the HLS C++ kernels: csim.json."""
    program = _program(run)
    held = held_out(run, program, run.config.csim_sentences)
    bundle = run.need("bundle", "build")
    engine = CsimRung(program, bundle / "batflow.bit")
    parts = []
    start = time.perf_counter()
    for at in range(0, len(held.sentences), CHUNK):
        advance(at, len(held.sentences))
        parts.append(engine.logits(held.sentences[at : at + CHUNK]))
    seconds = time.perf_counter() - start
    count = len(held.sentences)
    totals = dict(engine.counters)
    saturations = totals.pop("SATURATIONS")
    record = {
        "source": "csim",
        "metric": "pearson" if held.regression else "accuracy",
        "score": score(np.concatenate(parts), held),
        "sentences": count,
        "seconds": seconds,
        "sentences_per_s": count / seconds,
        "saturations": saturations,
        "cycles": {
            "source": "estimate",
            "mean": {name.lower(): value / count for name, value in totals.items()},
        },
        "range_sentences": min(count, RANGE_SENTENCES),
        "ranges_source": "host",
        "ranges": tap_ranges(program, held.sentences[:RANGE_SENTENCES]),
    }
    write_json(run.artefact("csim.json"), record)


def tap_format(program: EncoderProgram, tap: str) -> tuple[int, int]:
    """Return the least and greatest value that the format of a layer's tap can hold."""
    layer, _, name = tap.partition(".")
    if name in SITES:
        form = program.layers[int(layer[1:])].formats[name]
        return form.low, form.high
    return -32768, 32767


def tap_ranges(program: EncoderProgram, sentences: Sequence[Sentence]) -> list[dict[str, Any]]:
    """Return, per layer tap of the reference: min, max, the format's bounds, and saturations."""
    from batflow.hls.reference.encoder import Reference

    reference = Reference(program)
    seen: dict[str, dict[str, Any]] = {}
    for sentence in sentences:
        outcome = reference.run(sentence.ids, sentence.types)
        for tap, values in outcome.taps.items():
            if tap in HOST_TAPS:
                continue
            low, high = tap_format(program, tap)
            start = {"tap": tap, "low": low, "high": high, "min": high, "max": low, "saturations": 0}
            row = seen.setdefault(tap, start)
            row["min"] = min(row["min"], int(values.min()))
            row["max"] = max(row["max"], int(values.max()))
            row["saturations"] += outcome.saturations.get(tap, 0)
    return list(seen.values())


def ladder(run: RunFolder, program: EncoderProgram) -> list[Engine]:
    """Return the five rungs that answer every sentence, deploy mode first."""
    bundle = run.need("bundle", "build")
    return [
        DeployRung(run.need("student.npz", "train")),
        QonnxRung(run.need("model.onnx", "export")),
        ReferenceRung(program),
        CsimRung(program, bundle / "batflow.bit"),
        OverlayRung(bundle, program),
    ]


def tokenizer_mismatches(program: EncoderProgram, held: HeldOut) -> int:
    """Count the sentences that the host's own tokenizer encodes otherwise than training's."""
    from batflow.host.text import Tokenizer

    tokenizer = Tokenizer(program.vocab, bool(program.meta.get("lower_case", True)))
    wrong = 0
    for sentence, (text, pair) in zip(held.sentences, held.texts, strict=True):
        try:
            ids = tokenizer.encode(text, pair, program.shape.max_len).ids
        except InputError:
            continue  # a text without tokens, which the host refuses by design
        wrong += ids != sentence.ids
    return wrong


def verify_step(run: RunFolder, advance: Advance) -> None:
    """Climb the equality ladder and do the negative control: verify.json.

    Raises:
        MismatchError: engines differ, or the control was not caught; verify.json tells all.
    """
    program = _program(run)
    held = held_out(run, program, run.config.verify_sentences)
    sampled, samples, skipped = sampled_rungs(program, run.config)
    engines = [*ladder(run, program), *sampled]
    result = climb(engines, held.sentences, program.shape.layers, advance, samples)
    library = run.artefact("bundle") / "batflow.bit"
    control = negative_control(
        engines[0],
        program,
        lambda changed: CsimRung(changed, library),
        held.sentences[:CONTROL_SENTENCES],
    )
    result.extra = {
        "skipped": skipped,
        "negative_control": control,
        "tokenizer_mismatches": tokenizer_mismatches(program, held),
    }
    write_json(run.artefact("verify.json"), result.as_json())
    where = f"see {run.artefact('verify.json')}"
    if result.first_mismatch is not None:
        first = result.first_mismatch
        raise MismatchError(
            f"verify: {result.mismatches} mismatches over {result.n} sentences; first in {first.engine}, "
            f"layer {first.layer}, unit {first.unit}, tap {first.tap}; {where}"
        )
    if not (control["caught"] and control["located"]):
        raise MismatchError(f"verify: the flipped weight bit was not caught and located; {where}")


def report_step(run: RunFolder, advance: Advance) -> None:
    """Write report.html."""
    from .report import write_report

    write_report(run.path)
