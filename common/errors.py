# SPDX-License-Identifier: Apache-2.0
"""The error family shared by every room.

A ``UserError`` says what was given, what is allowed and what to do next. The command line
prints it in one line and exits with code 2; anything else is a defect and keeps its traceback.
"""

from __future__ import annotations


class UserError(Exception):
    """Base of all errors that a user can cause and can mend. Exit code 2 on the command line."""


class InputError(UserError):
    """A value, sentence, token, shape or bit width that batflow does not support."""


class FormatError(UserError):
    """A file that is corrupt, truncated, hand-edited, or of another version."""


class MissingToolError(UserError):
    """A compiler, simulator, library or device that the step needs is absent."""


class EngineError(UserError):
    """An engine (csim, cosim or board) refused to start, failed or timed out."""


class MismatchError(UserError):
    """Two engines gave different integers."""
