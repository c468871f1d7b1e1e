# SPDX-License-Identifier: Apache-2.0
"""The repository's open synthesis (docs/synthesis.md) on any RTL: ours whole, FINN's, da4ml's.

    python -m benchmarks.comparison_synth FOLDER     (called by `synthesize`; FOLDER/job.json says what to do)

Same yosys, same steps, same counting. Only the reading is more liberal, which the peers' sources ask for.
Source: estimate (open synthesis).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batflow.errors import EngineError
from batflow.files import cache_folder, read_json, write_json
from batflow.hls import synth_worker
from batflow.hls.synth import find_yosys
from batflow.hls.synth_report import unit_tree

LIBERTIES = (
    "--keep-hierarchy -D SYNTHESIS -Wno-implicit-port-type-mismatch --allow-use-before-declare "
    "--relax-enum-conversions --ignore-assertions"
)
"""What slang is to accept beyond the standard; Verilator accepts the same."""
COUNTS = ("lut", "ff", "bram36", "uram", "dsp")


def _read(yosys: Any, job: dict[str, Any]) -> None:
    parameters = " ".join(f"-G {name}={value}" for name, value in job["parameters"].items())
    yosys.run(f"read_slang {LIBERTIES} --top {job['top']} {parameters} {' '.join(job['sources'])}")


def synthesize(
    top: str,
    sources: Sequence[Path],
    parameters: Mapping[str, int] | None = None,
    keep: Sequence[str] = (),
) -> dict[str, float]:
    """Counts of module ``top`` of ``sources`` for UltraScale+; ``keep``: modules that are not flattened.

    Raises:
        MissingToolError: pyosys is absent.
        EngineError: yosys failed; the message is its first error.
    """
    job = {
        "top": top,
        "parameters": dict(parameters or {}),
        "sources": [str(Path(path).resolve()) for path in sources],
        "family": "xcup",
        "keep": sorted(keep),
        "black_boxes": [],
        "options": "-uram",
    }
    file = cache_folder() / "comparison" / f"{top}-{_content_hash(job, find_yosys())}.json"
    if not file.is_file():
        write_json(file, _run(job))
    found: dict[str, float] = read_json(file)
    return found


def _content_hash(job: Mapping[str, Any], tool: str) -> str:
    facts = {name: value for name, value in job.items() if name != "sources"}
    digest = hashlib.sha256(json.dumps([tool, LIBERTIES, facts], sort_keys=True).encode())
    for path in job["sources"]:
        digest.update(Path(path).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _run(job: Mapping[str, Any]) -> dict[str, float]:
    top = job["top"]
    with tempfile.TemporaryDirectory(prefix="batflow_comparison_") as scratch:
        folder = Path(scratch)
        (folder / "job.json").write_text(json.dumps(job))
        command = [sys.executable, str(Path(__file__).resolve()), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            said = f"{done.stdout}\n{done.stderr}".splitlines()
            told = [line for line in said if "error:" in line.lower()]
            reason = told[0].strip() if told else f"it ended with {done.returncode}"
            raise EngineError(f"yosys could not synthesize {top}: {reason}")
        tree = unit_tree(json.loads((folder / "netlist.json").read_text()), top, tuple(job["keep"]))
    return {name: getattr(tree.total, name) for name in COUNTS}


def yosys_share() -> Path:
    """Folder of yosys's own libraries of cells."""
    import pyosys

    return Path(pyosys.__path__[0]) / "share"


def main() -> int:
    """Do the job of a folder, as ``hls/synth_worker.py`` does but for the reading."""
    synth_worker._read = _read
    return synth_worker.main()


if __name__ == "__main__":
    sys.exit(main())
