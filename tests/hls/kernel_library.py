# SPDX-License-Identifier: Apache-2.0
"""The compiled libraries that the kernel and csim tests share: built once, kept in the cache."""

from __future__ import annotations

import ctypes
import functools
import shutil
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


def _need_compiler() -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is absent: csim and kernel tests need it")


@functools.cache
def csim_library(wide: bool = False) -> Path:
    """The csim engine of :data:`ODD` or :data:`WIDE`."""
    _need_compiler()
    return build_csim(WIDE if wide else ODD, STRICT)


@functools.cache
def unit_library() -> ctypes.CDLL:
    """units.cpp for :data:`ODD`."""
    _need_compiler()
    library = ctypes.CDLL(str(compile_library(ODD, [CPP / "units.cpp"], "units", STRICT)))
    library.unit_error.restype = ctypes.c_char_p
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
