# SPDX-License-Identifier: Apache-2.0
"""A Vitis HLS project of an accelerator config: kernels, testbench with golden vectors, scripts, Makefile.

Its testbench runs here under g++. No Vitis HLS is at hand: the scripts run against stubbed tools in the
tests (docs/vitis_hls.md).
"""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from batflow.errors import FormatError, MissingToolError
from batflow.files import atomic_path, write_json

from ..config import AcceleratorConfig
from ..csim_build import CONFIG_MEMBERS, ap_types_folder, config_header
from ..program import EncoderProgram
from ..vendor import check_folder, check_part, check_vlnv, project_mark
from .golden import golden_vectors
from .hls_check import require_synthesizable
from .hls_sources import synthesizable_sources
from .readme import readme_text
from .settings import NOTE, TOP, VitisTarget, config_text, makefile_text, settings_text
from .steps import CONFIG_FILE

HERE = Path(__file__).parent
MARK = "project.json"
"""Names a folder as written here, and keeps the config for reading the reports."""
_IMAGE_PORT = "m_axi port = image "


def write_vitis_project(
    config: AcceleratorConfig, target: VitisTarget, program: EncoderProgram, folder: Path
) -> bool:
    """Write the project into ``folder`` whole or not at all; return whether `hls_check` saw the kernels.

    It looks for what Vitis HLS cannot synthesize, and needs libclang. A project that is there already is
    replaced, with all that the tools made in it.

    Raises:
        InputError: the part is unknown, the program does not fit the config, or ``folder`` holds something
            that is no project.
        SynthesisRuleError: a kernel breaks a rule of Vitis HLS; the message names file and line.
        MissingToolError: the ap_int headers are not installed.
        UserError: the folder cannot be written.
    """
    folder = Path(folder)
    check_part(target.part, target.board)
    check_vlnv(target.vlnv, TOP)
    check_folder(folder, MARK, "Vitis HLS")
    config.require(program)
    sources = tuple(synthesizable_sources())
    checked = _checked(sources)
    golden = golden_vectors(program)
    data = {f"data/{name}": content for name, content in golden.files().items()}
    texts = {
        "src/batflow_config.hpp": config_header(config),
        CONFIG_FILE: config_text(target, list(data)),
        "tcl/settings.tcl": settings_text(target, list(data)),
        "Makefile": makefile_text(),
        "README.md": readme_text(target),
    }
    with atomic_path(folder) as temporary:
        _copy_sources(temporary, sources, len(golden.image) // 8)
        (temporary / "data").mkdir()
        for name, content in data.items():
            (temporary / name).write_bytes(content)
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8")
        parameters = {member: getattr(config, field) for member, field in CONFIG_MEMBERS.items()}
        mark = project_mark(NOTE, TOP, target, parameters, config)
        write_json(temporary / MARK, mark | {"program_hash": golden.program_hash, "checked": checked})
    return checked


@functools.cache
def _checked(sources: tuple[Path, ...]) -> bool:
    """Whether the sources were checked for what Vitis HLS can synthesize: not without libclang."""
    try:
        require_synthesizable(sources)
    except MissingToolError:
        return False
    return True


def _copy_sources(folder: Path, sources: tuple[Path, ...], image_words: int) -> None:
    for name in ("src", "gxx", "tcl"):
        shutil.copytree(HERE / name, folder / name)
    # The Apache-2.0 headers of ap_int, for g++ alone; streams have a stand-in of their own.
    shutil.copytree(
        ap_types_folder(), folder / "gxx" / "ap_types", ignore=shutil.ignore_patterns("hls_stream.h")
    )
    for path in sources:
        text = path.read_text(encoding="utf-8")
        if path.name == "bat_top.cpp":
            text = _with_depth(text, image_words)
        (folder / "src" / path.name).write_text(text, encoding="utf-8")


def _with_depth(text: str, words: int) -> str:
    """``bat_top.cpp`` with the number of words behind the pointer, which co-simulation needs to know.

    Raises:
        FormatError: the pragma of the port is not there.
    """
    if text.count(_IMAGE_PORT) != 1:
        raise FormatError(f"bat_top.cpp has not one pragma with {_IMAGE_PORT!r}; install batflow again")
    return text.replace(_IMAGE_PORT, f"{_IMAGE_PORT}depth = {words} ")
