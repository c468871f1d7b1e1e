# SPDX-License-Identifier: Apache-2.0
"""The installed hls4ml: found, of a tested version, kept quiet, and its failures made the user's errors."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import warnings
from collections.abc import Iterator
from typing import Any

from batflow.errors import EngineError, MissingToolError, UserError

TESTED = "1.3."
"""Versions that the fused nodes and the guard were tested with begin like this."""


def require_hls4ml() -> Any:
    """Import and return hls4ml.

    Another version is refused, not warned of: a pass that changes its order can change integers.

    Raises:
        MissingToolError: hls4ml is not installed, or is a version that was not tested.
    """
    try:
        module = importlib.import_module("hls4ml")
        version = importlib.metadata.version("hls4ml")
    except ImportError as exc:
        raise MissingToolError(f"hls4ml cannot be imported ({exc}); pip install 'hls4ml>=1.3,<1.4'") from exc
    if not version.startswith(TESTED):
        raise MissingToolError(
            f"hls4ml {version} is installed; batflow is tested with {TESTED}x; pip install 'hls4ml>=1.3,<1.4'"
        )
    return module


@contextlib.contextmanager
def hls4ml_step(what: str) -> Iterator[None]:
    """Run a step of hls4ml without its prints; ``what`` names the step in the error.

    Raises:
        EngineError: hls4ml failed; the message holds its own, or the compiler's first error.
    """
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    # hls4ml raises bare Exception, IndexError or AssertionError for what a model does wrong.
    except Exception as exc:
        lines = [line for line in text.getvalue().splitlines() if "error" in line.lower()]
        reason = lines[0] if lines else f"{type(exc).__name__}: {first_line(exc)}"
        raise EngineError(f"hls4ml cannot {what}: {reason}") from exc


def first_line(exc: BaseException) -> str:
    """The first line of an exception's text."""
    return (str(exc).strip().splitlines() or ["no message"])[0]
