# SPDX-License-Identifier: Apache-2.0
"""A Vivado project of an accelerator config: sources, IP packaging, block design, Makefile.

Nothing of it was run here: no Vivado is at hand. Its scripts are executed against stubbed commands
by the tests (docs/vivado.md).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from batflow.files import atomic_path, write_json

from ..config import AcceleratorConfig
from ..cosim_build import TOP, rtl_sources
from ..vendor import check_folder, check_part, check_vlnv, project_mark
from ..verilator import RTL_FOLDER
from .settings import NOTE, Target, clock_text, makefile_text, settings_text, wrapper_header
from .wrapper import WRAPPER, parameter_texts, wrapper_text

TCL_FOLDER = Path(__file__).parent / "tcl"
MARK = "project.json"
"""Names a folder as written here, and keeps the config for reading the reports."""


def write_vivado_project(config: AcceleratorConfig, target: Target, folder: Path) -> list[Path]:
    """Write the project into ``folder`` whole or not at all; return the RTL files in compile order.

    A project that is there already is replaced, with all that Vivado made in it.

    Raises:
        InputError: the target has no part, the RTL cannot have the config, or ``folder`` holds
            something that is no project.
        UserError: the folder cannot be written.
    """
    folder = Path(folder)
    check_part(target.part, target.board)
    check_vlnv(target.vlnv, WRAPPER)
    check_folder(folder, MARK, "Vivado")
    sources = rtl_sources(TOP, (RTL_FOLDER,))
    parameters = parameter_texts(config)
    names = [f"rtl/{path.name}" for path in sources]
    texts = {
        "settings.tcl": settings_text(config, target, names, parameters),
        f"{WRAPPER}.v": wrapper_text(parameters, wrapper_header()),
        "clock.xdc": clock_text(target.clock_mhz),
        "Makefile": makefile_text(),
    }
    with atomic_path(folder) as temporary:
        (temporary / "rtl").mkdir(parents=True)
        for path in sources:
            shutil.copyfile(path, temporary / "rtl" / path.name)
        for path in sorted(TCL_FOLDER.glob("*.tcl")):
            shutil.copyfile(path, temporary / path.name)
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8")
        write_json(temporary / MARK, project_mark(NOTE, TOP, target, parameters, config))
    return [folder / name for name in names]
