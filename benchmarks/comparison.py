# SPDX-License-Identifier: Apache-2.0
"""One encoder layer through this repository, FINN, hls4ml, HGQ2, da4ml: benchmarks/results/comparison.json.

    python -m benchmarks.comparison [--peer NAME]... [--shape h64-2-16]... [--limit S] [--again] [--table]
    python -m benchmarks.comparison --join OTHER.json     # outcomes of a run with --output OTHER.json

Each peer and case runs in a process of its own with a time limit; an outcome is recorded whatever it is,
and what a peer reached before its end stays. Outcomes that the file has are not made again (``--again``: they
are), so the command can be stopped and repeated. The table of docs/comparison.md is written from the file.
"""

from __future__ import annotations

import argparse
import datetime
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from batflow.errors import InputError, UserError
from batflow.files import read_json, write_json
from benchmarks.comparison_cases import CASES, Case, choose
from benchmarks.comparison_table import write_table
from benchmarks.slice import RESULTS, Figure, figure, machine, report, versions

PAGE = Path(__file__).resolve().parent.parent / "docs" / "comparison.md"
LIMIT_S = 600.0
Outcome = dict[str, Any]
Tell = Callable[..., None]


def _bat(case: Case, tell: Tell, folder: Path) -> None:
    from benchmarks.comparison_bat import run_bat

    run_bat(case, tell)


def _bat_demo(case: Case, tell: Tell, folder: Path) -> None:
    from benchmarks.comparison_bat import run_bat_demo

    run_bat_demo(case, tell)


def _finn(case: Case, tell: Tell, folder: Path) -> None:
    from benchmarks.comparison_finn import run_finn

    run_finn(case, tell, folder)


def _fused(case: Case, tell: Tell, folder: Path) -> None:
    from benchmarks.comparison_bat import run_hls4ml_fused

    run_hls4ml_fused(case, tell)


def _stock(case: Case, tell: Tell, folder: Path) -> None:
    from benchmarks.comparison_stock import run_stock

    run_stock(case, tell)


def _pytorch(case: Case, tell: Tell, folder: Path) -> None:
    from benchmarks.comparison_stock import run_pytorch

    run_pytorch(case, tell)


def _hgq2(case: Case, tell: Tell, folder: Path) -> None:
    from benchmarks.comparison_hgq2 import run_hgq2_hls4ml

    run_hgq2_hls4ml(case, tell, folder)


def _da4ml(case: Case, tell: Tell, folder: Path) -> None:
    from benchmarks.comparison_hgq2 import run_da4ml

    run_da4ml(case, tell, folder)


def _da4ml_token(case: Case, tell: Tell, folder: Path) -> None:
    from benchmarks.comparison_hgq2 import run_da4ml_token

    run_da4ml_token(case, tell, folder)


PEERS: dict[str, Callable[[Case, Tell, Path], None]] = {
    "bat": _bat,
    "bat-demo": _bat_demo,
    "finn": _finn,
    "hls4ml-fused": _fused,
    "hls4ml-stock": _stock,
    "hls4ml-pytorch": _pytorch,
    "hgq2-hls4ml": _hgq2,
    "hgq2-da4ml": _da4ml,
    "da4ml-ffn-token": _da4ml_token,
}
PER_TOKEN = ("da4ml-ffn-token",)
"""Peers that do not know a case's length: one run stands for all lengths."""


def one(peer: str, case: Case, result: Path) -> int:
    """Run ``peer`` on ``case`` in this process; ``result`` is written after every fact. 1: it ended early."""
    outcome: Outcome = {"status": "stopped"}

    def tell(**facts: Any) -> None:
        outcome.update(facts)
        write_json(result, outcome)

    try:
        with tempfile.TemporaryDirectory(prefix="batflow_comparison_") as folder:
            PEERS[peer](case, tell, Path(folder))
    except UserError as exc:
        kind = "refused" if isinstance(exc, InputError) else "failed"
        tell(status=kind, error=" ".join(str(exc).split())[:300])
        return 1
    except Exception as exc:  # whatever a peer raises is its answer
        tell(status="failed", error=f"{type(exc).__name__}: {' '.join(str(exc).split())}"[:300])
        return 1
    tell(status="done")
    return 0


def launch(peer: str, case: Case, limit_s: float) -> Outcome:
    """Run :func:`one` in a process group of its own that ends after ``limit_s`` seconds."""
    with tempfile.TemporaryDirectory(prefix="batflow_comparison_") as scratch:
        result = Path(scratch) / "result.json"
        log = Path(scratch) / "log.txt"
        command = [sys.executable, "-m", "benchmarks.comparison", "--one", peer, case.name, str(result)]
        began = time.monotonic()
        with log.open("w") as output:
            # Its scratch files too end with the time limit.
            worker = subprocess.Popen(
                command, stdout=output, stderr=output, start_new_session=True,
                env={**os.environ, "TMPDIR": scratch},
            )  # fmt: skip
            try:
                worker.wait(limit_s)
                status = "failed"
            except subprocess.TimeoutExpired:
                status = "time limit"
            finally:
                _end(worker)
        outcome: Outcome = read_json(result) if result.is_file() else {}
        if outcome.get("status", "stopped") == "stopped":
            lines = log.read_text(errors="replace").strip().splitlines() or ["no word"]
            told = f"not ended in {limit_s:g} s" if status == "time limit" else lines[-1][:300]
            outcome |= {"status": status, "error": outcome.get("error") or told}
        return outcome | {"wall_s": round(time.monotonic() - began, 1)}


def _end(worker: subprocess.Popen[bytes]) -> None:
    """End a worker and all that it started."""
    try:
        os.killpg(worker.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        worker.wait()


def figures_of(outcomes: Mapping[str, Outcome]) -> dict[str, Figure]:
    """The numbers of all outcomes as figures, ``peer_case_name`` each."""
    units = {"mismatches": "values", "latency": "clocks", "interval": "clocks", "lut": "LUT", "ff": "FF"}
    units |= {"bram36": "RAMB36", "uram": "URAM", "dsp": "DSP", "build_s": "s"}
    found: dict[str, Figure] = {}
    for key, outcome in outcomes.items():
        for name, unit in units.items():
            if outcome.get(name) is not None:
                found[f"{key}_{name}".replace("/", "_")] = figure(outcome[name], unit, _source(outcome, name))
    return found


def _source(outcome: Outcome, name: str) -> str:
    if name == "build_s":
        return "host"
    if name in ("latency", "interval", "mismatches"):
        rtl = outcome.get("cycles_source") == "cosim" or "Verilator" in outcome.get("compared", "")
        return "cosim" if rtl else "csim" if name == "mismatches" else "estimate"
    return "estimate"


def _now() -> Outcome:
    """Where and when an outcome is made."""
    return {"date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(), "machine": machine()}


def recorded(output: Path) -> dict[str, Outcome]:
    """The outcomes of ``output``, each with its own date and machine."""
    if not output.is_file():
        return {}
    record = read_json(output)
    made = {name: record[name] for name in ("date", "machine")}
    return {key: {**made, **outcome} for key, outcome in record["outcomes"].items()}


def save(output: Path, outcomes: Mapping[str, Outcome]) -> None:
    """Write the record: the form of every benchmark, and the outcomes beside the figures."""
    record = {
        "command": "python -m benchmarks.comparison",
        **_now(),
        "versions": versions(),
        "figures": figures_of(outcomes),
        "outcomes": dict(outcomes),
    }
    write_json(output, record)


def _twin(peer: str, case: Case, outcomes: Mapping[str, Outcome]) -> Outcome | None:
    """The recorded outcome of a case that differs only in its length, where ``peer`` has one token alone."""
    if peer not in PER_TOKEN:
        return None
    names = [other.name for other in CASES if (other.hidden, other.format) == (case.hidden, case.format)]
    found = [f"{peer}/{name}" for name in names if name != case.name and f"{peer}/{name}" in outcomes]
    return {"same_as": found[0], **outcomes[found[0]]} if found else None


def run(
    peers: Sequence[str], cases: Sequence[Case], output: Path, limit_s: float, again: bool,
    start: Callable[[str, Case, float], Outcome] = launch,
) -> dict[str, Outcome]:  # fmt: skip
    """Run what ``output`` lacks, smallest case first; it is written after each."""
    outcomes = recorded(output)
    known = {} if again else dict(outcomes)
    for case in cases:
        for peer in peers:
            key = f"{peer}/{case.name}"
            if key in known:
                continue
            outcomes[key] = known[key] = _twin(peer, case, known) or start(peer, case, limit_s) | _now()
            told = outcomes[key].get("error") or outcomes[key]["status"]
            print(f"{key}: {outcomes[key]['status']} ({told}), {outcomes[key]['wall_s']} s", flush=True)
            save(output, outcomes)
    return outcomes


def join(output: Path, others: Sequence[Path]) -> None:
    """Take the outcomes of other records, made side by side or on other machines, into ``output``.

    Raises:
        InputError: there is no such record.
    """
    outcomes = recorded(output)
    for other in others:
        if not other.is_file():
            raise InputError(f"--join {other}: there is no such file; give a record of --output")
        outcomes |= recorded(other)
    save(output, outcomes)


def main(arguments: list[str] | None = None) -> int:
    """Run the grid and write file and table; exit code 2 with one line on a user's error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peer", action="append", choices=PEERS, help="this peer alone; repeatable")
    parser.add_argument("--shape", action="append", help="this shape or case alone; repeatable")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds of a peer on a case")
    parser.add_argument("--again", action="store_true", help="run what is recorded already too")
    parser.add_argument("--table", action="store_true", help="run nothing; write the table")
    parser.add_argument("--join", action="append", type=Path, help="run nothing; take a record's outcomes")
    parser.add_argument("--output", type=Path, default=RESULTS / "comparison.json")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--one", nargs=3, metavar=("PEER", "CASE", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        peer, name, result = given.one
        return one(peer, next(case for case in CASES if case.name == name), Path(result))

    def write() -> None:
        cases = choose(given.shape)
        if given.join:
            join(given.output, given.join)
        elif not given.table:
            run(given.peer or list(PEERS), cases, given.output, given.limit, given.again)
        write_table(given.page, read_json(given.output))

    return report(given.output, write)


if __name__ == "__main__":
    sys.exit(main())
