# SPDX-License-Identifier: Apache-2.0
"""What every command prints with, and what Ctrl-C does to one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console

console = Console()
errors = Console(stderr=True, soft_wrap=True, highlight=False)


@contextlib.contextmanager
def resumable(command: str) -> Iterator[None]:
    """Turn Ctrl-C into exit code 2 and a line that says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        errors.print(f"interrupted; what is finished is kept. Go on with: {command}", markup=False)
        raise SystemExit(2) from None
