# SPDX-License-Identifier: Apache-2.0
"""Climb the equality ladder with every model of a sweep, on a sample of held-out sentences.

    python -m benchmarks.ladder runs/mrpc-l6 --sentences 8 --table docs/bmt.md

Each model (every kept stage, of its lowest seed) is exported, lowered and run by deploy mode,
qonnx, the numpy reference and csim; ``KEY_ladder_mismatches`` in accuracy.json counts the answers
that are other integers than deploy mode's. The sweep's folders are only read.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from batflow.errors import FormatError, MismatchError
from batflow.files import read_json, sha256_file, write_json
from batflow.flow.engines import CsimRung, DeployRung, QonnxRung, ReferenceRung
from batflow.flow.hardware_steps import accelerator_config
from batflow.flow.sentences import held_out
from batflow.flow.verify import Engine, Result, climb
from benchmarks.accuracy_table import LADDER, write_table
from benchmarks.slice import RESULTS, Figure, figure, report
from benchmarks.sweep_points import Point, by_key, read_points


def climb_point(point: Point, sentences: int, folder: Path) -> Result:
    """Return the outcome for one model; its model.onnx goes into ``folder``."""
    from batflow.hls.csim_build import build_csim
    from batflow.hls.lowering import lower
    from batflow.quant.checkpoint import load_student
    from batflow.quant.constants import build_constants
    from batflow.quant.export import export_onnx

    student, encoder, header = load_student(point.checkpoint)
    graph = folder / "model.onnx"
    export_onnx(build_constants(student), encoder.vocab, graph, {"pretrained": header["pretrained"]})
    program = lower(graph)
    engines: list[Engine] = [
        DeployRung(point.checkpoint),
        QonnxRung(graph),
        ReferenceRung(program),
        CsimRung(program, build_csim(accelerator_config(program))),
    ]
    held = held_out(point.run, program, sentences)
    return climb(engines, held.sentences, program.shape.layers)


def ladder_figure(point: Point, sentences: int) -> Figure:
    """Return the figure of one model: sentences of which some engine's logits differ, engine by engine."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = climb_point(point, sentences, Path(folder))
    first = result.as_json()["first_mismatch"]
    return figure(result.mismatches, "sentences", "host") | {
        "sentences": result.n,
        "seed": point.seed,
        "per_engine": result.per_engine,
        "checkpoint_sha256": sha256_file(point.checkpoint),
        "wall_s": round(time.perf_counter() - began, 1),
        **({} if first is None else {"first_mismatch": first}),
    }


def climb_all(
    points: Sequence[Point], sentences: int, output: Path, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Add a figure for the lowest seed of every key to ``output``, model by model; return the record.

    A model that was climbed with at least so many sentences is not climbed again.

    Raises:
        FormatError: ``output`` is absent or not a record of accuracies.
        MismatchError: engines differ; the record tells where.
    """
    record: dict[str, Any] = read_json(output)
    if not isinstance(record, dict) or not isinstance(record.get("figures"), dict):
        raise FormatError(f"{output} holds no figures; run `python -m benchmarks.accuracy` first")
    figures = record["figures"]
    wrong: list[str] = []
    for key, (point, *_) in by_key([point for point in points if point.deployable]).items():
        known = figures.get(key + LADDER, {})
        same = known.get("checkpoint_sha256") == sha256_file(point.checkpoint)
        if not (same and known["sentences"] >= sentences):
            figures[key + LADDER] = ladder_figure(point, sentences)
            write_json(output, record)
        found = figures[key + LADDER]
        say(f"{key}, seed {found['seed']}: {found['value']} mismatches over {found['sentences']} sentences")
        if found["value"]:
            wrong.append(key)
    if wrong:
        raise MismatchError(f"engines differ for {', '.join(wrong)}; see first_mismatch in {output}")
    return record


def main(arguments: list[str] | None = None) -> int:
    """Extend accuracy.json; exit code 2 with one line when engines differ or a file is not usable."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sweeps", type=Path, nargs="+", help="folders of sweeps")
    parser.add_argument("--sentences", type=int, default=8, help="of the held-out split, from its start")
    parser.add_argument("--output", type=Path, default=RESULTS / "accuracy.json")
    parser.add_argument("--partial", action="store_true", help="take the models of unfinished sweeps too")
    parser.add_argument("--table", type=Path, help="write the table between the marks of this page")
    given = parser.parse_args(arguments)

    def write() -> None:
        points = [p for sweep in given.sweeps for p in read_points(sweep, partial=given.partial)]
        record = climb_all(points, given.sentences, given.output)
        if given.table:
            write_table(given.table, record)

    return report(given.output, write)


if __name__ == "__main__":
    sys.exit(main())
