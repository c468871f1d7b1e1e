# SPDX-License-Identifier: Apache-2.0
"""Area of what the accelerator is made of: popcounts to the cell, memories by geometry. Source: estimate.

`popcount_luts` and `popcount_ffs` repeat ``rtl/column_pkg.sv``. A RAM36 is 72 bits by 512; small memories
are LUTs.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from .sizes import ceil_div

_RAM_WIDTH, _RAM_DEPTH = 72, 512
_LUTS_A_RAM36 = 128
"""What the open synthesis weighs a block RAM with: a memory of fewer LUTs is LUTs."""
_URAM_WIDTH, _URAM_DEPTH = 72, 4096
_URAM_WORTH = 2048
"""Words from which a memory is worth UltraRAM, where the part has some."""


@dataclass(frozen=True)
class Area:
    """Counts of a part of the accelerator."""

    lut: float = 0.0
    ff: float = 0.0
    bram36: float = 0.0
    uram: float = 0.0
    dsp: float = 0.0

    def __add__(self, other: Area) -> Area:
        return Area(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, factor: float) -> Area:
        return Area(*(factor * value for value in astuple(self)))


def _layer(height: int) -> tuple[int, int, int]:
    """(6:3 compressors, full adders, bits passed on) of a column of ``height`` bits."""
    rest = height % 6
    return height // 6 + (rest == 5), int(rest in (3, 4)), 0 if rest == 5 else rest % 3


def popcount_luts(bits: int, pairs: bool) -> int:
    """LUTs of a popcount of ``bits`` (``pairs``: of ANDs of two bits), as ``rtl/column_pkg.sv`` builds it."""
    groups = -(-bits // 3)
    luts, heights = (2 * groups, [groups, groups]) if pairs else (0, [bits])
    heights += [0] * 12
    while max(heights) > 2:
        layers = [_layer(height) for height in heights]
        luts += sum(2 * sixes + threes for sixes, threes, _ in layers)
        heights = [
            sum(layers[c]) + sum(layers[c - 1][:2] if c else ()) + (layers[c - 2][0] if c > 1 else 0)
            for c in range(len(heights))
        ]
    return luts + bits.bit_length()


def popcount_ffs(bits: int, pairs: bool) -> int:
    """Flip-flops of the same popcount: behind its first layer and its sum."""
    columns = [-(-bits // 3)] * 2 if pairs else [bits]
    layers = [_layer(height) for height in columns]
    return sum(3 * sixes + 2 * threes + passed for sixes, threes, passed in layers) + bits.bit_length()


def lut_memory(width: int, depth: int) -> Area:
    """A memory of LUTs, with what chooses between more than 64 words."""
    return Area(lut=8 * ceil_div(width, 14) * ceil_div(depth, 32) + width * ceil_div(depth - 64, 128))


def block_ram(width: int, depth: int) -> Area:
    """A simple dual-port memory in block RAM."""
    halves = -(-width // (_RAM_WIDTH // 2)) * -(-depth // _RAM_DEPTH)
    deep = -(-width // 9) * -(-depth // 4096)
    return Area(bram36=min(halves / 2, deep))


def memory(width: int, depth: int, uram: bool = False) -> Area:
    """A simple dual-port memory of ``depth`` words of ``width`` bits, in what it fits best."""
    if depth <= 1:
        return Area()
    if uram and depth >= _URAM_WORTH:
        return Area(uram=-(-width // _URAM_WIDTH) * -(-depth // _URAM_DEPTH))
    block = block_ram(width, depth)
    # 32 words of 14 bits take 8 LUTs.
    if 8 * width / 14 * -(-depth // 32) < _LUTS_A_RAM36 * block.bram36:
        return Area(lut=8 * -(-width // 14) * -(-depth // 32))
    return block
