# SPDX-License-Identifier: Apache-2.0
"""hls4ml exit: encoder layers as fused nodes of an hls4ml model, with our own HLS kernels.

:func:`convert` takes a model.onnx to a ``ModelGraph``; :func:`encode` runs sentences through it;
:func:`seal` readies a graph made by hand. :func:`guarded_convert` takes other QONNX models through
hls4ml's own layers, and refuses those that hls4ml changes (docs/hls4ml.md).
"""

from __future__ import annotations

from typing import Any

from .encoder import convert, encode, pack_rows, read_program, seal, unpack_rows

__all__ = [
    "check_stock",
    "convert",
    "encode",
    "guarded_convert",
    "pack_rows",
    "read_program",
    "seal",
    "unpack_rows",
]


def __getattr__(name: str) -> Any:
    """Import the guard only where it is used: it brings onnx and qonnx."""
    if name in ("check_stock", "guarded_convert"):
        from . import stock

        return getattr(stock, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
