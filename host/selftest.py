# SPDX-License-Identifier: Apache-2.0
"""The accelerator's self test: what can be checked without knowing the right answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from batflow.errors import EngineError

from .link import Link

if TYPE_CHECKING:
    from .accelerator import Accelerator

CLOCK_TOLERANCE = 0.01
_HASH_MISMATCH = "HASH_MISMATCH"


def self_test(accelerator: Accelerator, link: Link) -> dict[str, str]:
    """Run all checks; returns what was seen by name of the check.

    Raises:
        EngineError: a check failed; the message names it.
    """
    seen = {
        "clock": _clock(accelerator, link),
        "repeat": _repeat(accelerator),
        "wrong hash": _wrong_hash(accelerator, link),
    }
    seen["after reset"] = _repeat(accelerator)
    return seen


def _clock(accelerator: Accelerator, link: Link) -> str:
    built = accelerator.bundle.manifest.clock_mhz
    if abs(link.clock_mhz - built) > CLOCK_TOLERANCE * built:
        raise EngineError(f"self test, clock: {link.clock_mhz} MHz, but the bundle was built for {built} MHz")
    return f"{link.clock_mhz} MHz"


def _repeat(accelerator: Accelerator) -> str:
    """Lengths 1 to max_len in one batch answer as they do alone."""
    program = accelerator.bundle.program
    rng = np.random.default_rng(1)
    lengths = sorted({1, (program.max_len + 1) // 2, program.max_len})
    rows = [rng.integers(0, len(program.word), size=length) for length in lengths]
    together = accelerator.infer_batch(rows)
    for row, result in zip(rows, together, strict=True):
        alone = accelerator.infer_batch([row])[0]
        if not np.array_equal(alone.logits, result.logits):
            raise EngineError(f"self test, repeat: {len(row)} tokens answer differently alone and in a batch")
    return f"lengths {', '.join(map(str, lengths))} agree"


def _wrong_hash(accelerator: Accelerator, link: Link) -> str:
    wrong = accelerator.bundle.program.hash64 ^ 1
    link.registers.write("PROGRAM_HASH", wrong)
    try:
        accelerator.infer_batch([[0]])
    except EngineError as exc:
        accelerator.reset()
        if _HASH_MISMATCH not in str(exc):
            raise EngineError(f"self test, wrong hash: another error than {_HASH_MISMATCH}: {exc}") from exc
        return f"refused with {_HASH_MISMATCH}"
    accelerator.reset()
    raise EngineError("self test, wrong hash: the engine ran a program that was not asked for")
