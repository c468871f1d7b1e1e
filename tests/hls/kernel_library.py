# SPDX-License-Identifier: Apache-2.0
"""The compiled libraries that the kernel and csim tests share: built once, kept in the cache."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from batflow.hls.config import AcceleratorConfig
from batflow.hls.csim_build import build_csim, compile_library

CPP = Path(__file__).parent / "cpp"

# Sizes that divide nothing evenly, so that every partial tile and word occurs.
ODD = AcceleratorConfig(
    max_layers=3,
    max_hidden=160,
    max_heads=8,
    max_ffn=224,
    max_tokens=24,
    max_bits=8,
    qmm_tokens=3,
    qmm_outputs=5,
    qmm_simd_bits=32,
    vu_lanes=4,
    ln_lanes=4,
    softmax_lanes=2,
    weight_bus_bits=64,
    clock_mhz=100.0,
)
STRICT = ("-Werror",)
WIDE = ODD.model_copy(update={"qmm_tokens": 4, "qmm_outputs": 8, "qmm_simd_bits": 128})


def _odd(tokens: int, outputs: int, simd: int, vu: int, ln: int, softmax: int, bus: int) -> AcceleratorConfig:
    """:data:`ODD` with other parallelism."""
    names = ("qmm_tokens", "qmm_outputs", "qmm_simd_bits", "vu_lanes", "ln_lanes", "softmax_lanes")
    values = dict(zip(names, (tokens, outputs, simd, vu, ln, softmax), strict=True))
    return ODD.model_copy(update={**values, "weight_bus_bits": bus})


@dataclass(frozen=True)
class Build:
    """How the kernels are compiled for a test: sizes, compiler, flags beside those of csim."""

    config: AcceleratorConfig
    compiler: str = "g++"
    flags: tuple[str, ...] = (*STRICT, "-O1")

    @property
    def sanitized(self) -> bool:
        """Whether the address and undefined-behaviour sanitizers are in it."""
        return any(flag.startswith("-fsanitize=") for flag in self.flags)


# ap_private shifts negative numbers left throughout.
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-sanitize=shift")
BUILDS = {
    "odd": Build(ODD),
    "narrow": Build(_odd(1, 1, 8, 1, 1, 1, 64), "clang++"),
    "deep": Build(_odd(2, 3, 512, 8, 16, 4, 1024), "clang++"),
    "sanitized": Build(_odd(7, 16, 64, 3, 5, 8, 256), flags=(*STRICT, "-O1", *SANITIZE)),
}
BUILD_VARIABLE = "BATFLOW_KERNEL_BUILD"
"""Environment variable that names the build which the kernel tests of a process use."""
BUILD = BUILDS[os.environ.get(BUILD_VARIABLE, "odd")]
CONFIG = BUILD.config


def _need_compiler(name: str = "g++") -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is absent: csim and kernel tests need it")


@functools.cache
def csim_library(wide: bool = False) -> Path:
    """The csim engine of :data:`ODD` or :data:`WIDE`."""
    _need_compiler()
    return build_csim(WIDE if wide else ODD, STRICT)


def compile_units(build: Build) -> Path:
    """units.cpp and modules.cpp (with top.cpp) as one library."""
    _need_compiler(build.compiler)
    sources = [CPP / name for name in ("units.cpp", "modules.cpp")]
    return compile_library(build.config, sources, "units", build.flags, build.compiler)


@functools.cache
def unit_library() -> ctypes.CDLL:
    """The library of :data:`BUILD`."""
    library = ctypes.CDLL(str(compile_units(BUILD)))
    for name in ("unit_error", "top_error"):
        getattr(library, name).restype = ctypes.c_char_p
    for name in ("module_mha", "module_ffn", "module_walk", "run_top"):
        getattr(library, name).restype = ctypes.c_int64
    return library


@functools.cache
def stream_library() -> ctypes.CDLL:
    """streams.cpp, whose functions return text."""
    _need_compiler()
    return ctypes.CDLL(str(compile_library(ODD, [CPP / "streams.cpp"], "streams", STRICT)))


def pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    """Address of a C-contiguous array."""
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def check(status: int) -> None:
    """Fail with the unit's own message."""
    assert status == 0, unit_library().unit_error().decode()


def int32(values: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """A C-contiguous int32 copy."""
    return np.ascontiguousarray(values, dtype=np.int32)
