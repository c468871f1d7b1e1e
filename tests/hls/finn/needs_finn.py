# SPDX-License-Identifier: Apache-2.0
"""Skips a module visibly in an environment without finn-plus, and sets finn-plus up in one that has it."""

from __future__ import annotations

import pytest

from batflow.hls.finn.environment import is_here, prepare

if not is_here():
    pytest.skip("finn-plus is not in this environment: make pytest-finn", allow_module_level=True)
prepare()
