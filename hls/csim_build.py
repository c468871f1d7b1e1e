# SPDX-License-Identifier: Apache-2.0
"""Compile the csim engine of an accelerator config with g++, once for each content."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

from batflow.errors import EngineError, MissingToolError
from batflow.files import atomic_path, cache_folder, write_bytes

from .config import AcceleratorConfig

KERNELS = Path(__file__).parent / "kernels"
ABI_HEADER = Path(__file__).parent / "engine_abi.h"
FLAGS = (
    *("-std=c++17", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Wno-unknown-pragmas"),
    # Libraries of several configs live in one process: their inline statics must stay their own.
    "-fno-gnu-unique",
    # ap_private masks its own storage before the first assignment; g++ sees that through inlining.
    *("-Wno-uninitialized", "-Wno-maybe-uninitialized"),
)
GCC_ONLY = ("-fno-gnu-unique", "-Wno-maybe-uninitialized")
"""Flags that clang does not know; it makes no unique symbols."""
CONFIG_MEMBERS = {
    "kMaxLayers": "max_layers",
    "kMaxHidden": "max_hidden",
    "kMaxHeads": "max_heads",
    "kMaxFfn": "max_ffn",
    "kMaxTokens": "max_tokens",
    "kMaxBits": "max_bits",
    "kTokens": "qmm_tokens",
    "kOutputs": "qmm_outputs",
    "kSimd": "qmm_simd_bits",
    "kVuLanes": "vu_lanes",
    "kLnLanes": "ln_lanes",
    "kSoftmaxLanes": "softmax_lanes",
    "kBusBits": "weight_bus_bits",
}
"""Member of the C++ Config -> field of :class:`AcceleratorConfig`."""


def config_header(config: AcceleratorConfig) -> str:
    """Return ``batflow_config.hpp``: the C++ Config, its hash and the engine's info text."""
    info = {
        "kind": "csim",
        "cycles_source": "estimate",
        "config": config.model_dump(),
        "config_hash": config.config_hash(),
    }
    members = [
        f"  static constexpr int {member} = {getattr(config, field)};"
        for member, field in CONFIG_MEMBERS.items()
    ]
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "// Generated from an accelerator config by hls/csim_build.py; do not edit.",
        "#ifndef BATFLOW_CONFIG_HPP",
        "#define BATFLOW_CONFIG_HPP",
        "#include <cstdint>",
        "namespace bat {",
        "struct Config {",
        *members,
        "};",
        f"constexpr std::uint64_t kConfigHash = 0x{config.config_hash()}ULL;",
        f'constexpr const char* kEngineInfo = R"json({json.dumps(info, sort_keys=True)})json";',
        "}  // namespace bat",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def ap_types_folder() -> Path:
    """Folder of the ``ap_int`` headers (Apache-2.0) in the installed hls4ml package.

    Raises:
        MissingToolError: hls4ml is not installed.
    """
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        raise MissingToolError(
            "csim needs the ap_int headers of the hls4ml package; pip install 'batflow[train]'"
        )
    return Path(spec.origin).parent / "templates" / "vivado" / "ap_types"


def find_compiler() -> str:
    """Path of the C++ compiler: ``$CXX`` (g++ or clang++), else ``g++``.

    Raises:
        MissingToolError: there is none.
    """
    name = os.environ.get("CXX") or "g++"
    found = shutil.which(name)
    if found is None:
        raise MissingToolError(f"csim needs the C++ compiler {name} (g++ 9 or newer); apt install g++")
    return found


@functools.cache
def _version(compiler: str) -> bytes:
    return subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout


def _compiler_flags(compiler: str) -> list[str]:
    popcount = ["-mpopcnt"] if platform.machine() in ("x86_64", "AMD64") else []
    left_out = GCC_ONLY if b"clang" in _version(compiler) else ()
    return [*(flag for flag in FLAGS if flag not in left_out), *popcount]


def _content_key(sources: list[Path], header: str, flags: list[str], compiler: str) -> str:
    digest = hashlib.sha256()
    for part in (_version(compiler), platform.machine().encode(), header.encode(), "\0".join(flags).encode()):
        digest.update(len(part).to_bytes(8, "big") + part)
    folders = {KERNELS, *(source.parent for source in sources)}
    inputs = {path for folder in folders for path in folder.glob("*.[ch]pp")} | {ABI_HEADER}
    for path in sorted(inputs):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    digest.update("\0".join(source.name for source in sources).encode())
    return digest.hexdigest()[:24]


def _first_error(text: str) -> str:
    lines = text.strip().splitlines() or ["the compiler gave no message"]
    # collect2 only repeats that the linker failed; the linker's own line stands before it.
    lines = [line for line in lines if not line.startswith("collect2:")] or lines
    return next((line for line in lines if "error:" in line), lines[0])


def compile_library(
    config: AcceleratorConfig,
    sources: list[Path],
    name: str,
    extra_flags: tuple[str, ...] = (),
    compiler: str | None = None,
) -> Path:
    """Compile ``sources`` for ``config`` to a cached shared library called ``name``.

    ``compiler`` g++ or clang++; none: that of :func:`find_compiler`.

    Returns its path ``$BATFLOW_CACHE/csim/<content hash>/<name>.so``; the file appears whole or
    not at all.

    Raises:
        MissingToolError: no compiler or no ap_int headers.
        EngineError: a source does not compile; the message is the first error line.
    """
    compiler = compiler or find_compiler()
    flags = [*_compiler_flags(compiler), *extra_flags]
    header = config_header(config)
    folder = cache_folder() / "csim" / _content_key(sources, header, flags, compiler)
    library = folder / f"{name}.so"
    if library.is_file():
        return library
    include = ["-I", str(folder), "-I", str(KERNELS), "-isystem", str(ap_types_folder())]
    write_bytes(folder / "batflow_config.hpp", header.encode())
    with atomic_path(library) as temporary:
        command = [compiler, *flags, *include, *map(str, sources), "-o", str(temporary)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise EngineError(f"csim does not compile: {_first_error(result.stderr)}")
    return library


def build_csim(config: AcceleratorConfig, extra_flags: tuple[str, ...] = ()) -> Path:
    """Return the csim engine library of ``config``, compiled when it is not in the cache.

    The library follows ``hls/engine_abi.h``. Raises: see :func:`compile_library`.
    """
    return compile_library(config, [KERNELS / "csim_abi.cpp"], "libbatflow_csim", extra_flags)
