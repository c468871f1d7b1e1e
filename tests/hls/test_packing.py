# SPDX-License-Identifier: Apache-2.0
"""The order of weights in an image and in the streams of the QMM engine."""

from __future__ import annotations

import numpy as np
import pytest

from batflow.hls.packing import BLOCK_ROWS, pack_blocks


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 40])
def test_blocks_of_sixteen_rows(rows: int) -> None:
    planes = np.random.default_rng(rows).integers(0, 1 << 63, (2, rows, 3), dtype=np.uint64)
    blocks = pack_blocks(planes)
    assert blocks.shape == (-(-rows // BLOCK_ROWS), 2, 3, BLOCK_ROWS) and blocks.flags.c_contiguous
    for block, plane, word, row in np.ndindex(*blocks.shape):
        place = block * BLOCK_ROWS + row
        expected = planes[plane, place, word] if place < rows else 0
        assert blocks[block, plane, word, row] == expected


def test_order_in_memory() -> None:
    planes = np.arange(2 * 16 * 3, dtype=np.uint64).reshape(2, 16, 3)
    flat = pack_blocks(planes).ravel()
    assert flat[:3].tolist() == [0, 3, 6]  # the same word of the rows 0, 1, 2
    assert flat[16] == 1 and flat[48] == planes[1, 0, 0]
