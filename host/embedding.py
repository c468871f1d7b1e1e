# SPDX-License-Identifier: Apache-2.0
"""Embedding on the host: three tables and an integer LayerNorm (docs/numerics.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from batflow.errors import InputError

from .integers import layernorm
from .program import HostProgram, Int16, Int64

Ids = Sequence[int] | npt.NDArray[np.integer[Any]]


def _as_ids(values: Ids, what: str) -> Int64:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise InputError(
            f"{what} must be one row of integers; got {array.dtype} of shape {array.shape}; "
            "give one sequence at a time"
        )
    return array.astype(np.int64)


def check_ids(program: HostProgram, ids: Ids, types: Ids | None) -> tuple[Int64, Int64]:
    """Return ``ids`` and ``types`` as int64 [l]; types default to 0.

    Raises:
        InputError: empty, longer than max_len, an id outside the vocabulary, a type not 0 or 1.
    """
    rows = _as_ids(ids, "token ids")
    limit, vocabulary = program.max_len, len(program.word)
    if not 1 <= len(rows) <= limit:
        raise InputError(f"a sequence has 1 to {limit} tokens; this one has {len(rows)}; shorten it")
    outside = rows[(rows < 0) | (rows >= vocabulary)]
    if outside.size:
        raise InputError(f"token ids lie in 0..{vocabulary - 1}; got {outside[0]}; check the vocabulary")
    kinds = np.zeros_like(rows) if types is None else _as_ids(types, "token types")
    if kinds.shape != rows.shape:
        raise InputError(f"{len(rows)} token ids but {len(kinds)} token types; give one type for each id")
    if not np.isin(kinds, (0, 1)).all():
        raise InputError(f"token types are 0 or 1; got {kinds.min()}..{kinds.max()}")
    return rows, kinds


def embed(program: HostProgram, ids: Ids, types: Ids | None = None) -> Int16:
    """Residual stream h int16 [l, d] of token ids [l] and token types [l].

    Raises:
        InputError: as :func:`check_ids`.
    """
    rows, kinds = check_ids(program, ids, types)
    total = program.word.rows(rows)
    total += program.position[: len(rows)]
    total += program.type[kinds]
    norm = program.norm
    return layernorm(total, norm.gamma, norm.beta, norm.shift, norm.epsilon).astype(np.int16)
