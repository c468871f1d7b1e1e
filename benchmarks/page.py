# SPDX-License-Identifier: Apache-2.0
"""Text between two marks of a page of docs/."""

from __future__ import annotations

from pathlib import Path

from batflow.errors import FormatError
from batflow.files import write_bytes


def write_between(page: Path, begin: str, end: str, text: str) -> None:
    """Put ``text`` between the marks ``begin`` and ``end`` of ``page``.

    Raises:
        FormatError: the page cannot be read, or has not each mark once and in order.
    """
    try:
        whole = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise FormatError(f"{page} cannot be read ({exc}); give a page of markdown") from exc
    before, begun, rest = whole.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended or begin in rest or end in after or end in before:
        raise FormatError(f"{page} needs the lines {begin} and {end} once each; add them")
    write_bytes(page, f"{before}{begin}\n{text}{end}{after}".encode())
