# SPDX-License-Identifier: Apache-2.0
"""``batflow run``: one sentence through the bundle, as a user on a board would do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def classify_text(bundle: Path, text: str, second: str | None = None) -> dict[str, Any]:
    """Return label, integer logits, cycles and where they come from.

    ``values`` are the logits as real numbers: exact, since their step is a power of two.

    Raises:
        UserError: a bad sentence, bundle, or engine.
    """
    from batflow.host.accelerator import Accelerator

    with Accelerator(bundle) as accelerator:
        result = accelerator.infer(text, second)
        kind = accelerator.bundle.manifest.kind
        step = 2.0**-accelerator.bundle.program.logit_frac_bits
    values = [int(logit) * step for logit in result.logits]
    return {"text": text, "engine": kind, "values": values, **result.to_json()}


def answer_text(answer: dict[str, Any]) -> str:
    """Return the answer in lines for a terminal."""
    latency = answer["latency"]
    clock = "at the board's" if answer["engine"] == "board" else "at an assumed"
    lines = [
        f"[bold]{answer['label']}[/]",
        f"integer logits  {' '.join(str(value) for value in answer['logits'])}",
        f"as real values  {' '.join(f'{value:.3f}' for value in answer['values'])}",
        f"tokens          {answer['tokens']}, of them unknown {answer['unknown']}",
        f"cycles          {latency['cycles']:,} = {latency['engine_us']:,.0f} us"
        f" {clock} {latency['clock_mhz']:g} MHz (source: {latency['cycles_source']})",
        f"wall time       {latency['wall_us']:,.0f} us on this host (source: host)",
        f"engine          {answer['engine']}",
    ]
    return "\n".join(lines)
