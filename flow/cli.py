# SPDX-License-Identifier: Apache-2.0
"""The ``batflow`` command. A user's error, and Ctrl-C, is one line and exit code 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from batflow.errors import InputError, UserError

from .cli_vendor import vendor
from .console import console, errors, resumable
from .doctor import as_json, as_table, examine
from .run_folder import EngineKind, RunFolder, check_name, open_run, start_run
from .settings import RunConfig

app = typer.Typer(
    name="batflow",
    help="Binarized Transformers from training to an FPGA accelerator, integer-exact at every step.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Run = Annotated[str, typer.Argument(help="Name of the run, or its path.")]
Runs = Annotated[Path, typer.Option(help="Folder that holds the runs.", envvar="BATFLOW_RUNS")]
Force = Annotated[bool, typer.Option(help="Repeat the step even when it is up to date.")]
Config = Annotated[Path | None, typer.Option("--config", help="YAML file with settings.")]
Recipe = Annotated[
    str | None, typer.Option(help="Training stages: direct, gradual, multistep, or a YAML file.")
]
Task = Annotated[str | None, typer.Option(help="trec, mr, a GLUE task (sst2, mrpc, ...) or tsv.")]
Glue = Annotated[Path | None, typer.Option(help="GLUE folder (holds SST-2, MRPC, ...).")]
Tsv = Annotated[Path | None, typer.Option(help="TSV file: label, text.")]
Setting = Annotated[
    list[str] | None, typer.Option("--set", help="NAME=VALUE: any setting of run.json; repeatable.")
]
app.add_typer(vendor)

BuildFlow = Literal["engine", "vitis-hls"]
DEFAULT_RUNS = Path("runs")


def _place(run: str, runs: Path) -> tuple[Path, str]:
    """Return (folder of runs, name) of a run given by name or by path, such as runs/demo."""
    return (Path(run).parent, Path(run).name) if "/" in run else (runs, run)


def _given(task: str | None, glue: Path | None, tsv: Path | None, recipe: str | None) -> dict[str, Any]:
    """Return the settings of the options; a TSV file alone means the task tsv."""
    return {"task": "tsv" if tsv and not task else task, "glue_dir": glue, "tsv": tsv, "recipe": recipe}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _settings(file: Path | None, given: dict[str, Any], pairs: list[str] | None) -> RunConfig:
    values = {name: value for name, value in given.items() if value is not None}
    for pair in pairs or []:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair!r} has no '='; write --set NAME=VALUE")
        values[name] = _value(text)
    return RunConfig.from_yaml(file, values) if file else RunConfig.create(values, "command line")


def _pipeline(
    run: RunFolder, first: str | None, last: str | None, *, force: bool = False, resume: str
) -> None:
    from .pipeline import outcome_table, run_steps
    from .steps import STEPS

    with resumable(resume):
        outcomes = run_steps(STEPS, run, console, first=first, last=last, force=force)
    console.print(outcome_table(outcomes))


def _prepare(
    name: str,
    runs: Path,
    file: Path | None,
    given: dict[str, Any],
    pairs: list[str] | None,
) -> RunFolder:
    """Open run ``name`` with the settings given, or with its own when none are given."""
    some = file is not None or pairs or any(value is not None for value in given.values())
    if not some and (runs / check_name(name) / "run.json").is_file():
        return open_run(runs, name)
    return start_run(runs, name, _settings(file, given, pairs))


@app.command()
def demo(
    run: Annotated[str, typer.Option(help="Name of the run under --runs.")] = "demo",
    first: Annotated[str | None, typer.Option("--from", help="First step.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last step.")] = None,
    task: Task = None,
    glue: Glue = None,
    tsv: Tsv = None,
    recipe: Recipe = None,
    config: Config = None,
    set_: Setting = None,
    force: Force = False,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Run all steps, from text to a report. --from export starts from the attached checkpoint."""
    folder = _prepare(run, runs, config, _given(task, glue, tsv, recipe), set_)
    again = f"batflow demo --run {run}" + (f" --from {first}" if first else "")
    _pipeline(folder, first, last, force=force, resume=again + (f" --to {last}" if last else ""))
    report_page = folder.artefact("report.html")
    if report_page.is_file():
        console.print(f"report: {report_page.resolve()}", soft_wrap=True, highlight=False)


@app.command()
def train(
    run: Run,
    task: Task = None,
    glue: Glue = None,
    tsv: Tsv = None,
    recipe: Recipe = None,
    config: Config = None,
    set_: Setting = None,
    force: Force = False,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Get the data, train the teacher, distil the quantized student."""
    runs, name = _place(run, runs)
    folder = _prepare(name, runs, config, _given(task, glue, tsv, recipe), set_)
    _pipeline(folder, None, "train", force=force, resume=f"batflow train {run}")


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="YAML file: name, base, seeds, bits, methods.")],
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Train a grid of methods, activation widths and seeds; write its table."""
    from .sweep import Sweep, run_sweep

    with resumable(f"batflow sweep {file}"):
        folder = run_sweep(Sweep.from_yaml(file), runs, console)
    console.print((folder / "sweep.md").read_text(encoding="utf-8"), markup=False, highlight=False)


def _add_step(name: str, text: str) -> None:
    def command(run: Run, force: Force = False, runs: Runs = DEFAULT_RUNS) -> None:
        _pipeline(open_run(*_place(run, runs)), name, name, force=force, resume=f"batflow {name} {run}")

    command.__doc__ = text
    app.command(name)(command)


for _name, _text in (
    ("export", "Write model.onnx (QONNX) from the trained student."),
    ("lower", "Lower model.onnx to the integer program."),
    ("csim", "Run held-out sentences through the HLS C++ kernels."),
    ("report", "Write report.html from the results in the run folder."),
):
    _add_step(_name, _text)


@app.command()
def verify(run: Run, force: Force = False, runs: Runs = DEFAULT_RUNS) -> None:
    """Compare the integer logits of every engine, with a negative control."""
    from .ladder_table import ladder_table

    folder = open_run(*_place(run, runs))
    _pipeline(folder, "verify", "verify", force=force, resume=f"batflow verify {run}")
    console.print(ladder_table(folder))


@app.command()
def build(
    run: Annotated[str, typer.Argument(help="Run, or with --flow vitis-hls an accelerator config (.yaml).")],
    engine: Annotated[EngineKind, typer.Option(help="csim: HLS C++; cosim: RTL under Verilator.")] = "csim",
    flow: Annotated[BuildFlow, typer.Option(help="vitis-hls: a Vitis HLS project.")] = "engine",
    config: Annotated[Path | None, typer.Option(help="vitis-hls: accelerator config of a run.")] = None,
    board: Annotated[str | None, typer.Option(help="vitis-hls: board, or a .yaml file (zcu102).")] = None,
    part: Annotated[str | None, typer.Option(help="vitis-hls: part, in place of a board.")] = None,
    output: Annotated[Path | None, typer.Option(help="vitis-hls: folder to write.")] = None,
    force: Force = False,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Compile an engine and write its bundle, or write a project for Vitis HLS."""
    from .hardware_steps import write_engine_bundle
    from .vitis import VitisOptions, is_config, write_config_project, write_run_project

    options = VitisOptions(config, board, part, output)
    if flow == "vitis-hls":
        with resumable(f"batflow build {run} --flow {flow}"):
            if is_config(run):
                told = write_config_project(Path(run), options)
            else:
                told = write_run_project(open_run(*_place(run, runs)), options)
        console.print(told, markup=False, highlight=False, soft_wrap=True)
        return
    if options != VitisOptions():
        raise InputError("--config, --board, --part and --output are for --flow vitis-hls; add it")
    folder = open_run(*_place(run, runs))
    if engine == "csim":
        _pipeline(folder, "build", "build", force=force, resume=f"batflow build {run}")
        return
    with resumable(f"batflow build {run} --engine {engine}"):
        console.print(f"bundle: {write_engine_bundle(folder, engine)}", soft_wrap=True, highlight=False)


@app.command()
def cosim(
    run: Run,
    sentences: Annotated[int | None, typer.Option(min=1, help="Test sentences, from the first.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with an accelerator config.")] = None,
    in_flight: Annotated[int | None, typer.Option(min=1, max=2, help="Sequences at a time.")] = None,
    wave: Annotated[str | None, typer.Option(help="START:END:FILE: clocks to write as a waveform.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Runs side by side; a core each.")] = 1,
    force: Force = False,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Run held-out sentences on the accelerator's SystemVerilog under Verilator: cosim.json."""
    from .cosim import CosimOptions, cosim_table, run_cosim

    folder, options = open_run(*_place(run, runs)), CosimOptions(sentences, config, in_flight, wave, jobs)
    if options == CosimOptions():
        _pipeline(folder, "cosim", "cosim", force=force, resume=f"batflow cosim {run}")
    else:
        with resumable(f"batflow cosim {run} ..."):
            run_cosim(folder, options, errors)
    console.print(cosim_table(folder))


@app.command("run")
def run_sentence(
    run: Run,
    text: Annotated[str, typer.Argument(help="The sentence to classify.")],
    second: Annotated[str | None, typer.Option("--pair", help="Second sentence of a pair.")] = None,
    engine: Annotated[EngineKind, typer.Option(help="Whose bundle: csim or cosim.")] = "csim",
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Classify one sentence on the emulated overlay: label, integer logits, cycles, their source."""
    from .inference import answer_text, classify_text

    folder = open_run(*_place(run, runs))
    with resumable(f"batflow run {run} ..."):
        answer = classify_text(folder.need_bundle(engine), text, second)
    console.print_json(data=answer) if as_json_ else console.print(answer_text(answer), highlight=False)


@app.command()
def robustness(
    run: Run,
    sentences: Annotated[int, typer.Option(min=1, help="Test sentences to use, from the first.")] = 200,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Measure noise, attacks and hardware faults on a trained run: robustness.json, robustness.svg."""
    from .robustness import measure_run, robustness_table

    folder = open_run(*_place(run, runs))
    with resumable(f"batflow robustness {run}"):
        record = measure_run(folder, errors, sentences=sentences)
    console.print_json(data=record) if as_json_ else console.print(robustness_table(record))


@app.command()
def synth(
    config: Annotated[Path, typer.Argument(help="YAML file with an accelerator config.")],
    unit: Annotated[list[str] | None, typer.Option(help="This unit alone; repeatable.")] = None,
    board: Annotated[str | None, typer.Option(help="Board to give shares of.")] = None,
    output: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    place: Annotated[bool, typer.Option("--place", help="Clock on ECP5 by open place and route.")] = False,
) -> None:
    """Count LUT, FF, CARRY, BRAM, URAM and DSP of a config's units by open synthesis."""
    from .place import place_file
    from .synth import synthesize_file

    with resumable(f"batflow synth {config}"):
        if place and board:
            raise InputError("--place routes for ECP5, not for a board; leave out --board")
        if place:
            console.print(place_file(config, unit, output, errors))
        else:
            console.print(synthesize_file(config, unit, board, output, errors))


@app.command()
def configs(
    board: Annotated[str, typer.Option(help="Board to fit into, or a .yaml file.")],
    model: Annotated[str, typer.Option(help="bert-base, demo, LxDxHxF, or a lowered run's folder.")],
    bits: Annotated[int, typer.Option(min=1, max=8, help="Activation bits.")] = 1,
    length: Annotated[int, typer.Option(min=1, max=1024, help="Tokens of a sequence.")] = 128,
    top: Annotated[int, typer.Option(min=1, max=50, help="How many to print.")] = 8,
    max_lut_share: Annotated[float, typer.Option(min=0.05, max=1.0, help="Share of LUTs to use.")] = 0.7,
    clock_mhz: Annotated[float, typer.Option(min=1, max=1000, help="Assumed clock.")] = 200.0,
    output: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    roofline: Annotated[Path | None, typer.Option(help="SVG file to write.")] = None,
) -> None:
    """List the best configs for a board and a model: cycles, TOPS, resources, what bounds each."""
    from .configs import find_configs

    with resumable("batflow configs ..."):
        console.print(
            find_configs(
                board, model, bits, length, errors, top=top, max_lut_share=max_lut_share,
                clock_mhz=clock_mhz, output=output, roofline=roofline,
            )
        )  # fmt: skip


@app.command()
def doctor(
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List tools and versions, and what each missing one costs. Always exits with 0."""
    findings = examine()
    console.print_json(data=as_json(findings)) if as_json_ else console.print(as_table(findings))


def main() -> None:
    """Entry point of the ``batflow`` command."""
    try:
        app()
    except UserError as exc:
        errors.print(f"error: {' '.join(str(exc).split())}", markup=False)
        sys.exit(2)
