# SPDX-License-Identifier: Apache-2.0
"""What the tests of the hls4ml exit need of the machine."""

from __future__ import annotations

import shutil

import pytest

from batflow.errors import MissingToolError
from batflow.hls.hls4ml.tool import require_hls4ml


def need_hls4ml() -> None:
    """Skip the test, naming what is absent: hls4ml of a tested version, or g++."""
    try:
        require_hls4ml()
    except MissingToolError as exc:
        pytest.skip(str(exc))
    if shutil.which("g++") is None:
        pytest.skip("no g++: an hls4ml model cannot be compiled")
