# SPDX-License-Identifier: Apache-2.0
"""A compiled hls4ml model as an engine: built once for each content, run batch by batch."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from batflow.errors import InputError, MissingToolError
from batflow.files import cache_folder

from ..csim import CsimResult
from ..csim_build import ABI_HEADER
from ..kept_build import kept_build
from ..packing import Int64
from ..program import EncoderProgram
from ..program_io import program_hash
from .encoder import Rows, convert, encode, pack_rows, unpack_rows
from .tool import hls4ml_step, require_hls4ml

TAPS = {"mha": "attn_out", "ffn": "ffn_out"}
"""Tap that leaves a node."""


def _compiler_version() -> bytes:
    compiler = shutil.which("g++")
    if compiler is None:
        raise MissingToolError("hls4ml compiles with g++, which is not on PATH; apt install g++")
    return subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout


def _content_key(program: EncoderProgram) -> str:
    """Hash of everything that decides the library."""
    from .layers import kernel_headers

    digest = hashlib.sha256(_compiler_version())
    for text in (program_hash(program), importlib.metadata.version("hls4ml")):
        digest.update(text.encode() + b"\0")
    for path in (*kernel_headers(), ABI_HEADER, *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:24]


def _is_whole(library: Path) -> bool:
    # The library exits the process where a text file of its weights is missing.
    return any((library.parent / "weights").glob("image*.txt"))


def _compile(program: EncoderProgram, project: Path) -> Path:
    graph = convert(program, project)
    with hls4ml_step("compile the encoder"):
        graph.compile()
    stamp = graph.config.get_config_value("Stamp")
    return project / "firmware" / f"{graph.config.get_project_name()}-{stamp}.so"


def build_hls4ml(program: EncoderProgram) -> Path:
    """Convert and compile ``program``; return the library in its project ``$BATFLOW_CACHE/hls4ml/``.

    Raises:
        MissingToolError: no hls4ml, an untested version, or no g++.
        EngineError: the project does not compile; the message is the first error line.
    """
    require_hls4ml()
    record = cache_folder() / "hls4ml" / f"{_content_key(program)}.json"
    known = kept_build(record, lambda project: {"library": str(_compile(program, project))}, _is_whole)
    return Path(known["library"])


class Hls4mlEngine:
    """The library that :func:`build_hls4ml` made of ``program``, behind its ``ModelGraph``."""

    def __init__(self, program: EncoderProgram, library: Path) -> None:
        self.program = program
        self._graph = convert(program, library.parent.parent)
        # hls4ml loads a library only where it has just compiled it.
        self._graph._top_function_lib = ctypes.CDLL(str(library))

    def close(self) -> None:
        """Nothing is held open."""

    def run(self, hidden_rows: Sequence[Rows], trace: bool = False) -> CsimResult:
        """Run a batch of sequences, each int16 [l, d] after the embedding; there are no counters.

        With ``trace`` the model is compiled once more, and gives the taps attn_out and ffn_out.

        Raises:
            InputError: no sequence, or one of a wrong shape.
        """
        if not hidden_rows:
            raise InputError("a batch needs at least one sequence")
        outputs = encode(self._graph, self.program, hidden_rows)
        traces = self._traces(hidden_rows) if trace else []
        return CsimResult(outputs, {}, 0, traces)

    def _traces(self, rows: Sequence[Rows]) -> list[dict[str, Int64]]:
        with tempfile.TemporaryDirectory() as folder:
            graph = convert(self.program, folder)
            with hls4ml_step("trace the encoder"):
                values = graph.trace(pack_rows(self.program, rows))[1]
        taps: list[dict[str, Int64]] = [{} for _ in rows]
        for name, output in values.items():
            layer, _, module = name.partition("_")
            for at, tensor in enumerate(unpack_rows(self.program, output)):
                taps[at][f"{layer}.{TAPS[module]}"] = tensor.astype("int64")
        return taps
