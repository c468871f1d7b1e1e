# SPDX-License-Identifier: Apache-2.0
"""The FINN environment: is it here, and how finn-plus is set up outside of its command line.

finn-plus needs numpy 2.4 and its own virtual environment (``make finn-env``). Without Vivado its builder does
not import, because it asks for the XSI simulator; :func:`prepare` puts placeholders there, and nothing here
calls them.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from batflow.errors import MissingToolError

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".venv-finn"
TESTED = "1.6.1"
"""Another finn-plus is refused: nodes, attributes and RTL of this one are what the graphs are written for."""
DEFAULT_PART = "xczu7ev-ffvc1156-2-e"
CLOCK_NS = 5.0
NO_VIVADO = "/no-vivado"
"""Stands in reports as the tool's version where there is no Vivado."""
_REMEDY = "run `make finn-env`, which makes .venv-finn, and use .venv-finn/bin/python"


def is_here() -> bool:
    """Whether this interpreter has finn-plus."""
    spec = importlib.util.find_spec("finn")
    return spec is not None and bool(spec.submodule_search_locations)


def other_python() -> Path | None:
    """The interpreter of ``.venv-finn``, where it exists and is not this one."""
    program = ENVIRONMENT / "bin" / "python"
    same = Path(sys.prefix).resolve() == ENVIRONMENT.resolve()
    return program if program.is_file() and not same else None


def has_vivado() -> bool:
    """Whether the vendor's tools are set up in this shell."""
    return os.environ.get("XILINX_VIVADO", NO_VIVADO) != NO_VIVADO


def prepare(scratch: Path | None = None) -> None:
    """Set finn-plus up in this process; generated code goes below ``scratch`` (default: a folder
    that goes when the process ends).

    Importing :mod:`batflow.hls.finn.units` is only possible afterwards. A second call only moves the folder.

    Raises:
        MissingToolError: finn-plus is not installed here, or is a version that was not tested.
    """
    if not is_here():
        raise MissingToolError(f"the FINN flow needs finn-plus, which {sys.executable} has not; {_REMEDY}")
    version = importlib.metadata.version("finn-plus")
    if version != TESTED:
        raise MissingToolError(
            f"finn-plus {version} is installed; batflow is tested with {TESTED}; {_REMEDY}"
        )
    folder = (Path(tempfile.mkdtemp(prefix="batflow_finn_")) if scratch is None else Path(scratch)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if scratch is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["FINN_BUILD_DIR"] = str(folder)
    os.environ.setdefault("FINN_SETTINGS", str(folder / "no-settings.yaml"))
    os.environ.setdefault("XILINX_VIVADO", NO_VIVADO)
    import finn.util.settings as settings

    settings.initialize_dummy_settings()
    settings.get_settings().finn_build_dir = folder
    if not has_vivado():
        import finn.xsi

        for name in finn.xsi._LAZY_NAMES:
            setattr(finn.xsi, name, None)
