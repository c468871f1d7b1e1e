# SPDX-License-Identifier: Apache-2.0
"""hls/kernels/stream.hpp: bounded, blocking, and every fault named."""

from __future__ import annotations

import ctypes

from .kernel_library import stream_library


def outcome(name: str, *arguments: int) -> str:
    function = getattr(stream_library(), name)
    function.restype = ctypes.c_char_p
    return bytes(function(*arguments)).decode()


def test_full_stream_blocks_its_writer_and_keeps_order() -> None:
    assert outcome("stream_order") == "most 3 wrong 0"


def test_deadlock_names_both_streams_depths_and_sides() -> None:
    assert outcome("stream_deadlock") == (
        "Deadlock: deadlock: cross.a waits to read from empty stream left (depth 1); "
        "cross.b waits to read from empty stream right (depth 7); unwound 2"
    )


def test_too_shallow_stream_is_a_deadlock_with_the_writing_side() -> None:
    text = outcome("stream_shallow")
    assert "fork.fork waits to write to full stream skip (depth 4)" in text
    assert "fork.join waits to read from empty stream main (depth 4)" in text


def test_data_left_at_the_end_of_a_region_is_an_error() -> None:
    assert outcome("stream_leftover") == "Leftover: region left ended with 2 values left in stream rest"


def test_empty_read_outside_a_region_is_an_error_and_not_a_zero() -> None:
    assert (
        outcome("stream_outside") == "Deadlock: stream alone (depth 2) is read while empty outside a region"
    )


def test_inner_region_waits_for_the_outer_one() -> None:
    assert outcome("stream_nested", 10) == "sum 45"


def test_deadlock_inside_an_inner_region_is_named() -> None:
    text = outcome("stream_nested", 9)
    assert "inside.pass waits to read from empty stream outer (depth 2)" in text
    assert "inside.sum waits to read from empty stream inner (depth 1)" in text


def test_error_in_one_process_ends_the_region_and_unwinds_the_rest() -> None:
    assert outcome("stream_error") == "error: a fault; unwound 1"
