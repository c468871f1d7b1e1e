# SPDX-License-Identifier: Apache-2.0
"""Steps lower, build and cosim: the integer program, its bundle, the QMM engine in RTL."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from batflow.errors import MismatchError
from batflow.files import write_json
from batflow.hls.config import AcceleratorConfig, make_config, program_needs
from batflow.hls.program import EncoderProgram

from .progress import Advance
from .run_folder import RunFolder

STALL_256THS = 77
"""Chance of a stall on each stream and clock: about 30 percent."""
CLOCK_MHZ = 250.0


def lower_step(run: RunFolder, advance: Advance) -> None:
    """Lower model.onnx to program/."""
    from batflow.hls.lowering import lower
    from batflow.hls.program_io import save_program

    save_program(lower(run.need("model.onnx", "export")), run.artefact("program"))


def accelerator_config(program: EncoderProgram) -> AcceleratorConfig:
    """Return a config whose maxima are just what ``program`` needs."""
    return make_config({**program_needs(program), "clock_mhz": CLOCK_MHZ}, "the program's own config")


def build_step(run: RunFolder, advance: Advance) -> None:
    """Compile the csim engine for the program and write bundle/."""
    from batflow.hls.csim_build import build_csim
    from batflow.hls.program_io import load_program
    from batflow.overlays.board import load_board
    from batflow.overlays.bundle import write_bundle

    folder = run.need("program", "lower")
    config = accelerator_config(load_program(folder))
    write_bundle(
        run.artefact("bundle"),
        folder,
        build_csim(config),
        "csim",
        load_board("emulated"),
        config.clock_mhz,
        config.model_dump(mode="json"),
        "estimate",
    )


def cosim_step(run: RunFolder, advance: Advance) -> None:
    """Run every matrix product of held-out sentences on the QMM engine's RTL: cosim.json.

    Each runs without stalls (cycles against the formula) and with random backpressure.

    Raises:
        MissingToolError: no Verilator or compiler.
        MismatchError: a wrong integer, or cycles other than the formula's; cosim.json tells all.
    """
    from batflow.hls.cosim_layers import cosim_sentence
    from batflow.hls.cosim_qmm import QmmEngine
    from batflow.hls.program_io import load_program

    from .sentences import held_out

    program = load_program(run.need("program", "lower"))
    sentences = held_out(run, program, run.config.cosim_sentences).sentences
    engine = QmmEngine()
    plain, stalled = [], []
    for number, sentence in enumerate(sentences):
        advance(number, len(sentences))
        ids, types = np.array(sentence.ids), np.array(sentence.types)
        plain += list(cosim_sentence(program, ids, types, engine))
        stalled += list(cosim_sentence(program, ids, types, engine, stall=STALL_256THS, seed=number + 1))
    wrong = sum(product.mismatches for product in (*plain, *stalled))
    odd = [product for product in plain if product.cycles != product.formula_cycles]
    record = {
        "source": "cosim",
        "config": asdict(engine.config),
        "cycles_per_s": engine.totals.cycles_per_s,
        "binary_macs_per_s": engine.totals.binary_macs_per_s,
        "simulated_cycles": engine.totals.cycles,
        "sentences": len(sentences),
        "products": len(plain) + len(stalled),
        "mismatches": wrong,
        "stall_256ths": STALL_256THS,
        "first_sentence": [asdict(product) for product in plain[: len(plain) // len(sentences)]],
    }
    write_json(run.artefact("cosim.json"), record)
    if wrong or odd:
        what = f"{wrong} wrong integers" if wrong else f"cycles of {odd[0].name} differ from the formula"
        raise MismatchError(f"cosim: {what}; see {run.artefact('cosim.json')}")
