# SPDX-License-Identifier: Apache-2.0
"""Finding Vitis HLS of a version that the scripts are written for, and running a project's steps."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from batflow.errors import EngineError, FormatError, InputError, MissingToolError

from .project import MARK
from .steps import COMMANDS, NEWEST_YEAR, OLDEST, REMEDY, STEPS, TOOLS, Flow

VERSION_SECONDS = 120
_VERSION = re.compile(r"(?<![0-9a-z])v(20\d\d)\.(\d+)(?:\.\d+)?")
_TELLING = ("FAIL", "ERROR", "CRITICAL")


def tool_version(program: str, option: str) -> str:
    """Version that ``program`` prints, such as 2024.2.

    Raises:
        MissingToolError: it prints none, or one outside 2024.1 to 2025.x.
    """
    try:
        result = subprocess.run(
            [program, option], capture_output=True, text=True, check=False, timeout=VERSION_SECONDS
        )
        found = _VERSION.search(result.stdout + result.stderr)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise MissingToolError(f"{program} {option} does not run ({exc}); {REMEDY}") from exc
    if not found:
        raise MissingToolError(f"{program} {option} prints no version; {REMEDY}")
    year, minor = int(found[1]), int(found[2])
    if (year, minor) < OLDEST or year > NEWEST_YEAR:
        raise MissingToolError(
            f"{Path(program).name} has version {found[0][1:]}; these scripts are written for "
            f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST_YEAR}.x; {REMEDY}"
        )
    return found[0][1:]


def find_tools(asked: Flow | None = None) -> tuple[Flow, str]:
    """The flow whose programs are all on PATH (``asked``, else unified before tcl), and their version.

    Raises:
        MissingToolError: a program is absent or of another version, or the programs' versions differ.
        InputError: ``asked`` is no flow.
    """
    if asked is not None and asked not in TOOLS:
        raise InputError(f"tool {asked!r} is unknown; allowed: {', '.join(TOOLS)}")
    absent = {
        flow: [name for name in programs if shutil.which(name) is None] for flow, programs in TOOLS.items()
    }
    flow = asked or next((name for name, missing in absent.items() if not missing), None)
    if flow is None or absent[flow]:
        missing = absent[asked] if asked else [name for names in absent.values() for name in names]
        raise MissingToolError(
            f"Vitis HLS is not on PATH ({', '.join(missing)} not found); {REMEDY}. "
            "Without it, make gxx in the project runs its testbench with g++"
        )
    versions = {name: tool_version(name, option) for name, option in TOOLS[flow].items()}
    if len(set(versions.values())) > 1:
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        raise MissingToolError(f"the programs on PATH are of several installations ({told}); {REMEDY}")
    return flow, next(iter(versions.values()))


def steps_to(last: str) -> tuple[str, ...]:
    """The steps up to ``last``.

    Raises:
        InputError: there is no such step.
    """
    if last not in STEPS:
        raise InputError(f"step {last!r} is unknown; allowed: {', '.join(STEPS)}")
    return STEPS[: STEPS.index(last) + 1]


def run_steps(
    folder: Path, flow: Flow, steps: tuple[str, ...], tell: Callable[[str], None] = lambda text: None
) -> None:
    """Run ``steps`` in the project, each with its output in ``logs/STEP.log``.

    Raises:
        FormatError: ``folder`` is no project.
        EngineError: a step failed; the message has its first telling line.
    """
    if not (folder / MARK).is_file():
        raise FormatError(f"{folder} is no Vitis HLS project; write one with batflow build --flow vitis-hls")
    (folder / "logs").mkdir(exist_ok=True)
    for step in steps:
        log = folder / "logs" / f"{step}.log"
        tell(f"{step}: {log}")
        with log.open("w", encoding="utf-8") as output:
            for words in COMMANDS[flow][step]:
                output.write(f"$ {' '.join(words)}\n")
                output.flush()
                _run(words, folder, output.fileno(), step, log)


def _run(words: list[str], folder: Path, output: int, step: str, log: Path) -> None:
    try:
        code = subprocess.run(words, cwd=folder, stdout=output, stderr=output, check=False).returncode
    except OSError as exc:
        raise MissingToolError(f"{words[0]} does not start ({exc.strerror}); {REMEDY}") from exc
    if code:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = next((line for line in lines if line.lstrip().startswith(_TELLING)), "no message")
        raise EngineError(f"{step} failed: {words[0]} ended with {code}: {told.strip()}; all of it: {log}")
