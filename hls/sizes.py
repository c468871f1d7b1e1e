# SPDX-License-Identifier: Apache-2.0
"""Division of whole numbers that rounds up."""

from __future__ import annotations


def ceil_div(count: int, unit: int) -> int:
    """Return how many groups of ``unit`` hold ``count``."""
    return -(-count // unit)
