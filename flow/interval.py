# SPDX-License-Identifier: Apache-2.0
"""Mean and 95 % interval of a figure that was measured with several seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

# Student's t at 97.5 % for 1, 2, ... degrees of freedom; with more the normal's is near enough.
T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145),
    *(2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048),
    *(2.045, 2.042),
)
NORMAL_975 = 1.960


def mean_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Return (mean, half the width of its 95 % interval); None where one value allows no interval.

    Student's t over the values: what other seeds would give on the same sentences.
    """
    mean = statistics.fmean(values)
    freedom = len(values) - 1
    if freedom < 1:
        return mean, None
    factor = T_975[freedom - 1] if freedom <= len(T_975) else NORMAL_975
    return mean, factor * statistics.stdev(values) / len(values) ** 0.5
