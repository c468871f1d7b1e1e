# SPDX-License-Identifier: Apache-2.0
"""Clock registers of a Zynq UltraScale+ (CRL_APB, CRF_APB) as plain words. Source: UG1087.

``pynq.Overlay`` sets PL clocks by reading the PLL's multiplier and writing two divisors.
"""

from __future__ import annotations

CRL_APB = 0xFF5E_0000
CRF_APB = 0xFD1A_0000
WINDOW = 0x1_0000
_FBDIV = 8
_DIVISOR0, _DIVISOR1, _ACTIVE = 8, 16, 24
_PLL_45 = 45 << _FBDIV
"""33.333 MHz times 45 is 1500 MHz, the usual IOPLL of the boards."""
_PL_100 = 1 << _ACTIVE | 1 << _DIVISOR1 | 15 << _DIVISOR0


class Words:
    """A window of read-write 32-bit words with reset values by offset."""

    def __init__(self, values: dict[int, int]) -> None:
        self._values = dict(values)

    def read(self, offset: int) -> int:
        """Read a word; 0 where none was written."""
        return self._values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a word."""
        self._values[offset] = value


def crl_apb() -> Words:
    """IOPLL and RPLL at 1500 MHz, four PL clocks at 100 MHz."""
    return Words({0x20: _PLL_45, 0x30: _PLL_45, **dict.fromkeys(range(0xC0, 0xD0, 4), _PL_100)})


def crf_apb() -> Words:
    """APLL, DPLL and VPLL at 1500 MHz, the processor at 1500 MHz."""
    return Words({0x20: _PLL_45, 0x2C: _PLL_45, 0x38: _PLL_45, 0x60: 1 << 8})
