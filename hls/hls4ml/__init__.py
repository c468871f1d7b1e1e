# SPDX-License-Identifier: Apache-2.0
"""hls4ml exit: encoder layers as fused nodes of an hls4ml model, with our own HLS kernels."""

from __future__ import annotations

from .encoder import convert, encode, pack_rows, read_program, unpack_rows

__all__ = ["convert", "encode", "pack_rows", "read_program", "unpack_rows"]
