# SPDX-License-Identifier: Apache-2.0
"""Devices that an overlay runs on: a board, or an emulated one. pynq is imported on first use."""

from __future__ import annotations

from typing import Any

from batflow.errors import InputError, MissingToolError

CHOICES = ("auto", "emulated", "board")


def open_device(choice: str = "auto") -> tuple[str, Any]:
    """Return ("board" or "emulated", the pynq device).

    ``auto`` is the board where pynq finds one, else the emulated device; the other two are
    never replaced by something else.

    Raises:
        InputError: an unknown choice.
        MissingToolError: no pynq, or no board where a board was asked for.
    """
    if choice not in CHOICES:
        raise InputError(f"device {choice!r} is unknown; choose one of {', '.join(CHOICES)}")
    try:
        from .board import find_board
        from .emulated import instance
    except ImportError as exc:
        raise MissingToolError(
            f"pynq is not usable here ({exc}); boards and the emulated board need it: "
            "pip install batflow[board]"
        ) from exc
    board = None if choice == "emulated" else find_board()
    if choice == "board" and board is None:
        raise MissingToolError("pynq finds no board; run on the board, or choose device='emulated'")
    return ("board", board) if board is not None else ("emulated", instance())
