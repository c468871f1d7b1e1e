# SPDX-License-Identifier: Apache-2.0
"""Build the cosim engine: the Verilated ``bat_accelerator`` of a config behind ``engine_abi.h``.

Built libraries are kept in ``$BATFLOW_CACHE/cosim`` under a hash of all that they depend on.
"""

from __future__ import annotations

import hashlib
import json
import re
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batflow.errors import InputError
from batflow.files import cache_folder

from .config import AcceleratorConfig
from .rtl_compiler import find_rtl_compiler, processor_flags
from .rtl_limits import require_rtl
from .verilator import RTL_FOLDER, Recipe, Verilator, build_tools, cached_library, verilate

TOP = "bat_accelerator"
_HLS = Path(__file__).parent
_CPP = _HLS / "cosim_engine.cpp"
_HEADERS = (
    *("cosim_engine.hpp", "cosim_watch.hpp", "cosim_wave.hpp"),
    *("axi_memory.h", "chance.h", "engine_abi.h", "kernels/byte_queue.hpp", "kernels/registers.hpp"),
)
# `name #(`, `name u_instance (` and `package::`.
_USE = re.compile(r"\b([A-Za-z]\w*)(?:\s*#\s*\(|\s+u\w*\s*\(|::)")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_CFLAGS = "-fPIC -std=gnu++17"
_SPLIT = "40000"
"""Statements of a generated C++ file: keeps the compiler's memory small."""
_SPLIT_FUNCTIONS = "5000"
"""Statements of a generated C++ function: compiles in 0.8 of the time, runs 1.09 times as fast (clang++)."""
WATCHDOG_BITS = 20


@dataclass(frozen=True)
class CosimBuild:
    """How to build, beside the config.

    ``strict``: registers without reset start at random values (tests), else at 0 (faster).
    ``trace``: waveforms on request. ``folders``: searched for modules before ``hls/rtl``.
    ``watchdog_bits``: a run ends after 2^this clocks without movement. ``portable``: for other machines too
    (bundles), without instructions that some processors lack.
    """

    strict: bool = False
    trace: bool = False
    folders: tuple[Path, ...] = ()
    watchdog_bits: int = WATCHDOG_BITS
    portable: bool = False


def rtl_sources(top: str, folders: Sequence[Path], primitives: bool = False) -> list[Path]:
    """Files of ``top`` and of all modules and packages it uses, users after what they use.

    A module lies in a file of its name, in the first of ``folders`` that has one. ``primitives``: with the
    models of AMD's primitives (``DSP48E2.sv``), which a vendor tool has of its own.

    Raises:
        InputError: there is no file for ``top``.
    """
    files = {path.stem: path for folder in reversed(folders) for path in sorted(folder.glob("*.sv"))}
    if top not in files:
        raise InputError(f"no {top}.sv in {', '.join(map(str, folders))}")
    found: dict[str, Path] = {}
    entered: set[str] = set()

    def visit(name: str) -> None:
        entered.add(name)
        for word in sorted(set(_USE.findall(_COMMENT.sub("", files[name].read_text())))):
            if word in files and word not in entered and (primitives or word[0].islower()):
                visit(word)
        found[name] = files[name]

    visit(top)
    return list(found.values())


def rtl_parameters(config: AcceleratorConfig, watchdog_bits: int = WATCHDOG_BITS) -> dict[str, int]:
    """Parameters of ``bat_accelerator`` but for its CONFIG_HASH.

    Raises:
        InputError: see :func:`.rtl_limits.require_rtl`.
    """
    require_rtl(config)
    return {
        "MHA_TOKENS": config.qmm_tokens,
        "FFN_TOKENS": config.ffn_tokens,
        "OUTPUTS": config.qmm_outputs,
        "SIMD": config.qmm_simd_bits,
        "LANES": config.ln_lanes,
        "VU_LANES": config.vu_lanes,
        "QU_LANES": config.result_lanes,
        "SOFTMAX_LANES": config.softmax_lanes,
        "PARTS": config.weight_planes,
        "A_TOKENS": config.activation_tokens,
        "RESULT_TILES": config.result_tiles,
        "V_CHANNELS": config.v_channels,
        "MAX_HEAD": config.head_channels,
        "LUT_WORDS": config.lut_table_words,
        "MAX_BITS": config.max_bits,
        "MAX_LAYERS": config.max_layers,
        "MAX_TOKENS": config.max_tokens,
        "MAX_HIDDEN": config.max_hidden,
        "MAX_HEADS": config.max_heads,
        "MAX_FFN": config.max_ffn,
        "BUS_BITS": config.weight_bus_bits,
        "MAX_IN_FLIGHT": config.sequences_in_flight,
        "WATCHDOG_BITS": watchdog_bits,
    }


def engine_header(config: AcceleratorConfig, strict: bool) -> str:
    """Return ``batflow_cosim.hpp``: the constants of an engine and its info text."""
    info = {
        "kind": "cosim",
        "cycles_source": "cosim",
        "config": config.model_dump(),
        "config_hash": config.config_hash(),
    }
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "// Generated from an accelerator config by hls/cosim_build.py; do not edit.",
        "#ifndef BATFLOW_COSIM_HPP",
        "#define BATFLOW_COSIM_HPP",
        "namespace batflow {",
        f"constexpr int kBusBytes = {config.weight_bus_bits // 8}, kLanes = {config.ln_lanes};",
        f"constexpr int kMemoryLatency = {config.memory_latency_cycles};",
        f"constexpr int kMemoryBytes = {1024 * config.memory_bytes_per_cycle};  // per 1024 clocks",
        f"constexpr bool kStrict = {'true' if strict else 'false'};",
        f'constexpr const char* kEngineInfo = R"json({json.dumps(info, sort_keys=True)})json";',
        "}  // namespace batflow",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _flags(build: CosimBuild) -> list[str]:
    unknown = "unique" if build.strict else "fast"
    flags = ["-Wall", "-O3", "--no-timing", "--x-assign", unknown, "--x-initial", unknown]
    flags += ["--output-split", _SPLIT, "--output-split-cfuncs", _SPLIT_FUNCTIONS, "--threads", "1"]
    return [*flags, "--trace"] if build.trace else flags


def _cflags(build: CosimBuild) -> str:
    # g++ would let all engines of a process share what they define; clang++ has no such thing.
    unique = "" if find_rtl_compiler("the cosim engine").clang else " -fno-gnu-unique"
    return f"{_CFLAGS}{unique} {processor_flags(build.portable)}"


def _key(tool: Verilator, build: CosimBuild, parameters: dict[str, str], header: str) -> str:
    sources = rtl_sources(TOP, (*build.folders, RTL_FOLDER), primitives=True)
    compiler = find_rtl_compiler("the cosim engine")
    facts = (
        tool.version,
        _flags(build),
        _cflags(build),
        compiler,
        sysconfig.get_platform(),
        parameters,
        header,
    )
    digest = hashlib.sha256(repr(facts).encode())
    for path in (*sources, _CPP, *(_HLS / name for name in _HEADERS)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:24]


def build_cosim(config: AcceleratorConfig, build: CosimBuild | None = None) -> Path:
    """Return the cosim engine library of ``config``, built when it is not in the cache.

    The library follows ``hls/engine_abi.h``.

    Raises:
        MissingToolError: no Verilator, C++ compiler or make.
        InputError: the RTL cannot have this config; the message says which value.
        EngineError: the build fails for another reason.
    """
    build = build or CosimBuild()
    tool = build_tools("the cosim engine")
    numbers, header = rtl_parameters(config, build.watchdog_bits), engine_header(config, build.strict)
    parameters = {name: str(value) for name, value in numbers.items()}
    parameters["CONFIG_HASH"] = f"64'h{config.config_hash()}"
    library = cache_folder() / "cosim" / _key(tool, build, parameters, header) / "libbatflow_cosim.so"
    return cached_library(
        library, "batflow_cosim_", lambda folder: _compile(tool, build, parameters, header, folder)
    )


def _compile(
    tool: Verilator, build: CosimBuild, parameters: dict[str, str], header: str, folder: Path
) -> Path:
    (folder / "batflow_cosim.hpp").write_text(header)
    recipe = Recipe(
        TOP,
        tuple(rtl_sources(TOP, (*build.folders, RTL_FOLDER), primitives=True)),
        parameters,
        tuple(_flags(build)),
        f"{_cflags(build)} -I{folder} -I{_HLS}",
        _CPP,
        r"\w+",
        "change the accelerator config",
        "the cosim engine does not build",
    )
    return verilate(tool, recipe, folder)
