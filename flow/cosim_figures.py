# SPDX-License-Identifier: Apache-2.0
"""What the counters of an RTL run mean: shares, latency, overhead; and their table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from batflow.hls.config import AcceleratorConfig
from batflow.hls.csim import CsimResult
from batflow.hls.matrix_work import sentence_work
from batflow.hls.program import EncoderProgram

SHARES = {
    "mha_busy_share": "CYCLES_MHA_BUSY",
    "ffn_busy_share": "CYCLES_FFN_BUSY",
    "mha_qmm_share": "CYCLES_MHA_QMM",
    "ffn_qmm_share": "CYCLES_FFN_QMM",
    "weight_wait_share": "CYCLES_WEIGHT_WAIT",
    "input_wait_share": "CYCLES_INPUT_WAIT",
    "softmax_stall_share": "STALL_SOFTMAX",
    "ln_stall_share": "STALL_LN",
}
"""Figure -> the counter whose share of CYCLES_TOTAL it is."""


def _figures(result: CsimResult, ideal: int, macs: int) -> dict[str, Any]:
    counters, total = result.counters, result.counters["CYCLES_TOTAL"]
    return {
        "cycles": total,
        "ideal_cycles": ideal,
        "binary_macs": macs,
        "binary_macs_per_cycle": macs / total,
        **{name: counters[counter] / total for name, counter in SHARES.items()},
        "saturations": result.saturations,
        "counters": counters,
    }


def single_figures(
    program: EncoderProgram, config: AcceleratorConfig, length: int, result: CsimResult
) -> dict[str, Any]:
    """Figures of one sentence alone.

    ``ideal_cycles`` are the steps of both engines, one after the other; ``overhead`` is cycles by
    these. ``latency_us`` is at the config's clock, which is assumed.
    """
    work = sentence_work(program, config, length)
    figures = _figures(result, work.steps, work.binary_macs)
    return {
        "tokens": length,
        "latency_us": figures["cycles"] / config.clock_mhz,
        "clock_mhz": config.clock_mhz,
        "clock_source": "assumed",
        "overhead": figures["cycles"] / work.steps,
        **figures,
    }


def batch_figures(
    program: EncoderProgram,
    config: AcceleratorConfig,
    lengths: Sequence[int],
    result: CsimResult,
    runs: int = 1,
) -> dict[str, Any]:
    """Figures of all sentences in one run, or in ``runs`` whose clocks ``result`` adds up.

    Filling and draining of each run are included. ``ideal_cycles`` are the steps of the module that has
    more of them.
    """
    works = [sentence_work(program, config, length) for length in lengths]
    most = max(sum(work.mha_steps for work in works), sum(work.ffn_steps for work in works))
    figures = _figures(result, most, sum(work.binary_macs for work in works))
    return {
        "sequences": len(lengths),
        "runs": runs,
        "in_flight": config.sequences_in_flight,
        "cycles_per_sequence": figures["cycles"] / len(lengths),
        "sequences_per_s": 1e6 * config.clock_mhz * len(lengths) / figures["cycles"],
        **figures,
    }


def batch_runs(record: Mapping[str, Any]) -> int:
    """In how many runs all sentences of cosim.json went; files of earlier versions tell none and mean one."""
    return int(record["batch"].get("runs", 1))


def batch_title(record: Mapping[str, Any]) -> str:
    """What the figures of all sentences of cosim.json are of."""
    runs = batch_runs(record)
    return "all in one run" if runs == 1 else f"all in {runs} runs, clocks added"


def figure_rows(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Rows (figure, one sentence alone, all of them) of cosim.json as text."""
    one, all_ = record["single"], record["batch"]
    return [
        ("sequences, tokens", f"1, {one['tokens']}", f"{all_['sequences']}, {sum(record['tokens'])}"),
        ("cycles", f"{one['cycles']:,}", f"{all_['cycles']:,}"),
        (f"at {one['clock_mhz']:g} MHz (assumed)", f"{one['latency_us']:,.1f} us", ""),
        ("sum of ideal matrix cycles", f"{one['ideal_cycles']:,}", ""),
        ("overhead against it", f"{one['overhead']:.3f}", ""),
        ("sequences/s at that clock", "", f"{all_['sequences_per_s']:,.0f}"),
        *((name.replace("_", " "), f"{one[name]:.1%}", f"{all_[name]:.1%}") for name in SHARES),
        ("saturations", str(one["saturations"]), str(all_["saturations"])),
    ]


def figure_table(record: Mapping[str, Any]) -> Table:
    """cosim.json as a table for a terminal."""
    title = (
        f"{record['sentences']} sentences on RTL, {record['mismatches']} wrong integers (source: cosim); "
        f"{record['cycles_per_s']:,.0f} clocks/s, {record['binary_macs_per_s']:,.0f} binary MACs/s simulated"
    )
    table = Table("figure", "one sentence alone", batch_title(record), title=title)
    for row in figure_rows(record):
        table.add_row(*row)
    return table
