# SPDX-License-Identifier: Apache-2.0
"""Random programs for the tests."""

from __future__ import annotations

from batflow.hls.random_program import random_ids, random_program, random_words

__all__ = ["random_ids", "random_program", "random_words"]
