# SPDX-License-Identifier: Apache-2.0
"""Progress bars that appear only when a step takes longer than two seconds."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

SHOW_AFTER_S = 2.0

Advance = Callable[[int, int], None]
"""Called as ``advance(done, total)`` by a step's action."""


def silent(done: int, total: int) -> None:
    """An :data:`Advance` that shows nothing."""


@contextlib.contextmanager
def progress_bar(console: Console, text: str, *, draw: bool = True) -> Iterator[Advance]:
    """Yield an :data:`Advance`; after :data:`SHOW_AFTER_S` seconds a bar called ``text`` appears.

    The bar pulses until a total is known. Without ``draw``, or on a console that is no terminal,
    nothing is drawn.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(text, total=None)
    timer = threading.Timer(SHOW_AFTER_S, bar.start)
    timer.daemon = True

    def advance(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    if draw and console.is_terminal:
        timer.start()
    try:
        yield advance
    finally:
        timer.cancel()
        if timer.is_alive():
            timer.join()
        if bar.live.is_started:
            bar.stop()
