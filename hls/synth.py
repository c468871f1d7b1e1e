# SPDX-License-Identifier: Apache-2.0
"""Open synthesis for UltraScale+: yosys on a SystemVerilog module, as a tree of resources per unit.

yosys runs in a process of its own, so that a crash or a lack of memory there ends only that process.
Results are kept in ``$BATFLOW_CACHE/synth`` under a hash of the sources, parameters and tool. What
the figures mean, and what they leave out, is in ``docs/synthesis.md``. Source: estimate (open synthesis).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from batflow.errors import EngineError, InputError, MissingToolError
from batflow.files import cache_folder, read_json, write_json

from .synth_report import SynthReport, unit_from_json, unit_tree

FAMILIES = ("xcup", "xcu", "xc7")
_WORKER = "batflow.hls.synth_worker"
_CODE = ("synth.py", "synth_worker.py", "synth_merge.py", "synth_split.py", "synth_report.py")

Progress = Callable[[int, int, str], None]
"""Called as ``progress(done, total, stage)``."""


def find_yosys() -> str:
    """Return the name and version of the synthesizer.

    Raises:
        MissingToolError: pyosys is not installed.
    """
    if importlib.util.find_spec("pyosys") is None:
        raise MissingToolError(
            "synthesis needs yosys as the Python package pyosys; pip install 'batflow[synth]'"
        )
    return f"yosys (pyosys {importlib.metadata.version('pyosys')})"


def _job(
    top: str,
    parameters: Mapping[str, int],
    sources: Sequence[Path],
    family: str,
    keep: Sequence[str],
    black_boxes: Sequence[str],
) -> dict[str, Any]:
    if family not in FAMILIES:
        raise InputError(f"family {family!r} is unknown; allowed: {', '.join(FAMILIES)}")
    missing = [str(path) for path in sources if not Path(path).is_file()]
    if missing:
        raise InputError(f"no such source: {', '.join(missing)}")
    return {
        "top": top,
        "parameters": dict(sorted(parameters.items())),
        "sources": [str(Path(path).resolve()) for path in sources],
        "family": family,
        "keep": sorted(keep),
        "black_boxes": sorted(black_boxes),
        "options": "-uram" if family == "xcup" else "",
    }


def content_hash(facts: Sequence[Any], sources: Sequence[Path], code: Sequence[str]) -> str:
    """Hash of JSON values, the sources' content, and the ``code`` of this folder that works on them."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for path in (*sources, *(Path(__file__).parent / name for name in code)):
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def synthesize(
    top: str,
    parameters: Mapping[str, int],
    sources: Sequence[Path],
    family: str = "xcup",
    keep: Sequence[str] = (),
    black_boxes: Sequence[str] = (),
    progress: Progress | None = None,
) -> SynthReport:
    """Synthesize module ``top`` of ``sources`` with ``parameters`` and count its cells per unit.

    ``keep`` names the modules that become nodes of the tree; their hierarchy is kept, all else is
    flattened into its parent. Constants cross the kept borders, other optimization does not.
    Modules of ``black_boxes`` are left empty and count nothing.

    Raises:
        MissingToolError: pyosys is absent.
        InputError: unknown family, absent source, or parameters that the module refuses.
        EngineError: yosys failed, crashed or left cells that are not counted.
    """
    tool = find_yosys()
    job = _job(top, parameters, sources, family, keep, black_boxes)
    facts = {name: value for name, value in job.items() if name != "sources"}
    key = content_hash([tool, facts], list(map(Path, job["sources"])), _CODE)
    file = cache_folder() / "synth" / f"{top}-{key}.json"
    if not file.exists():
        began = time.monotonic()
        netlist = _run(job, progress)
        tree = unit_tree(netlist, top, tuple(keep))
        report = SynthReport(top, job["parameters"], family, tree, tool, time.monotonic() - began)
        write_json(file, report.as_json())
    values = read_json(file)
    return SynthReport(
        top, job["parameters"], family, unit_from_json(values["tree"]), tool, values["seconds"]
    )


def _run(job: Mapping[str, Any], progress: Progress | None) -> dict[str, Any]:
    """Run the worker on ``job``; return its netlist."""
    with tempfile.TemporaryDirectory(prefix="batflow_synth_") as scratch:
        folder = Path(scratch)
        (folder / "job.json").write_text(json.dumps(job))
        run_worker(_WORKER, folder, job["top"], progress)
        netlist: dict[str, Any] = json.loads((folder / "netlist.json").read_text())
        return netlist


def run_worker(worker: str, folder: Path, top: str, progress: Progress | None = None) -> None:
    """Run the module ``worker`` on the job of ``folder``, of which it makes ``netlist.json``.

    Raises:
        InputError: parameters that ``top`` refuses.
        EngineError: yosys failed or crashed.
    """
    with subprocess.Popen(
        [sys.executable, "-m", worker, str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        try:
            told = _follow(process, progress)
        except BaseException:
            process.kill()
            raise
    if process.returncode or not (folder / "netlist.json").is_file():
        raise _failure(top, process.returncode, told)


def _follow(worker: subprocess.Popen[str], progress: Progress | None) -> list[str]:
    """Read the worker's output to its end; return its last lines and its errors."""
    told: list[str] = []
    for line in worker.stdout or ():
        stage = re.match(r"@stage (\d+) (\d+) (\S+)", line)
        if stage and progress:
            progress(int(stage[1]), int(stage[2]), stage[3])
        if re.search(r"\berror:|@error|Error|\$error encountered", line, re.IGNORECASE):
            told.append(line.strip())
    worker.wait()
    return told


def _failure(top: str, code: int, told: Sequence[str]) -> InputError | EngineError:
    for line in told:
        refused = re.search(rf"\$error encountered: ({top}: .*)", line)
        if refused:
            return InputError(f"{refused[1]}; change the configuration")
    if code < 0:
        return EngineError(
            f"yosys was ended by signal {-code} on {top}; give it more memory or a smaller config"
        )
    reason = " | ".join(told[:3]) or f"exit code {code}"
    return EngineError(f"yosys could not synthesize {top}: {reason}")
