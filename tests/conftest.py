# SPDX-License-Identifier: Apache-2.0
"""Settings and fixtures shared by all rooms' tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread a test process: pytest-xdist already uses every core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root folder."""
    return Path(__file__).resolve().parent.parent
