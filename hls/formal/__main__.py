# SPDX-License-Identifier: Apache-2.0
"""``python -m batflow.hls.formal``: run every proof, the wider ones too, and print one line each."""

from __future__ import annotations

import sys

from batflow.errors import UserError

from .proofs import PROOFS, WIDER
from .runner import prove


def main() -> int:
    """Return the number of proofs that do not hold."""
    failed = 0
    for proof in (*PROOFS, *WIDER):
        result = prove(proof)
        verdict = "holds" if result.holds else f"FAILS: {result.failure}"
        sys.stdout.write(f"{proof.name}: {verdict}; {proof.method}; {result.seconds:.1f} s\n")
        failed += not result.holds
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as exc:
        sys.exit(f"error: {exc}")
