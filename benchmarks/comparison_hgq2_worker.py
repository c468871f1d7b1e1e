# SPDX-License-Identifier: Apache-2.0
"""An encoder layer in HGQ2, through hls4ml or da4ml. Runs in .venv-hgq2, which has no batflow.

    .venv-hgq2/bin/python benchmarks/comparison_hgq2_worker.py JOB.json

The layer is HGQ2's nearest to ours: QMultiHeadAttention, residual, two QDense with ReLU, residual. HGQ2 0.1.4
has no LayerNorm, so there is none. Weights are fixed-point numbers of two bits, {-1, 0, 1} times 2^-3; for W1
only the values -1 and 1 occur. Activations are fixed-point numbers of four bits. The result is written to the
job's ``result`` after every stage, so a time limit leaves what was reached.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np

PART = "xczu7ev-ffvc1156-2-e"
SEED = 7
WEIGHT_STEP = 2.0**-3


def scope(overflow: str) -> Any:
    """Four-bit activations, two-bit weights; ``overflow`` of the activations."""
    from hgq.config import QuantizerConfigScope

    return (
        QuantizerConfigScope(q_type="kbi", place="weight", k0=1, b0=1, i0=-2, overflow_mode="SAT_SYM"),
        QuantizerConfigScope(q_type="kif", place="datalane", k0=1, i0=2, f0=1, overflow_mode=overflow),
    )


def build(job: dict[str, Any]) -> Any:
    """The Keras model of the job: a layer, or ``ffn_token``: FFN on one token alone."""
    import keras
    from hgq.layers import QAdd, QDense, QMultiHeadAttention

    hidden, heads, length = job["hidden"], job["heads"], job["length"]
    weights, data = scope("WRAP" if job["tool"] == "da4ml" else "SAT")
    with weights, data:
        if job["part"] == "ffn_token":
            x = inputs = keras.layers.Input((hidden,))
            outputs = QDense(hidden)(QDense(4 * hidden, activation="relu")(x))
        else:
            x = inputs = keras.layers.Input((length, hidden))
            if job["part"] in ("layer", "attention"):
                attended = QMultiHeadAttention(heads, hidden // heads)(x, x)
                x = QAdd()([x, attended])
            if job["part"] == "layer":
                x = QAdd()([x, QDense(hidden)(QDense(4 * hidden, activation="relu")(x))])
            outputs = x
    model = keras.Model(inputs, outputs)
    rng, ternary = np.random.default_rng(SEED), job["weights"] == "ternary"
    for weight in model.weights:
        if weight.name == "kernel":
            values = rng.choice([-1.0, 0.0, 1.0] if ternary else [-1.0, 1.0], weight.shape)
            weight.assign(values.astype(np.float32) * WEIGHT_STEP)
    return model


def inputs_of(model: Any, count: int) -> Any:
    """``count`` random inputs of four bits."""
    shape = model.inputs[0].shape[1:]
    rng = np.random.default_rng(SEED + 1)
    return (rng.integers(-8, 8, (count, *shape)) / 2).astype(np.float32)


def through_hls4ml(model: Any, job: dict[str, Any], tell: Any) -> None:
    """Convert with hls4ml, io_parallel; g++ csim held to Keras."""
    from hls4ml.converters import convert_from_keras_model

    began = time.perf_counter()
    model_config = {"Precision": "fixed<32,16>", "ReuseFactor": 1, "Strategy": "latency"}
    graph = convert_from_keras_model(
        model,
        output_dir=job["folder"],
        backend="Vitis",
        io_type="io_parallel",
        part=PART,
        clock_period=5,
        hls_config={"Model": model_config},
    )
    tell(converts=True, convert_s=round(time.perf_counter() - began, 1))
    graph.compile()
    tell(build_s=round(time.perf_counter() - began, 1))
    given = inputs_of(model, job["samples"])
    want = np.asarray(model.predict(given, verbose=0))
    compare(want, graph.predict(given), tell, "csim of hls4ml and Keras")


def through_da4ml(model: Any, job: dict[str, Any], tell: Any) -> None:
    """Trace with da4ml, write Verilog, Verilator held to Keras."""
    from da4ml.codegen import VerilogModel
    from da4ml.converter import trace_model
    from da4ml.trace import HWConfig, comb_trace

    began = time.perf_counter()
    given, found = trace_model(model, HWConfig(1, -1, -1), {"hard_dc": 2}, inputs_kif=(1, 2, 1))
    solution = comb_trace(given, found)
    tell(converts=True, convert_s=round(time.perf_counter() - began, 1))
    tell(lut=round(float(solution.cost)), area_source="da4ml estimate")
    rtl = VerilogModel(solution, "da_layer", job["folder"], latency_cutoff=5, part_name=PART, clock_period=5)
    rtl.write()
    stages = len(rtl._pipe.solutions)
    tell(
        latency=stages,
        interval=1,
        cycles_source="stages written",
        build_s=round(time.perf_counter() - began, 1),
    )
    data = inputs_of(model, job["samples"])
    want = np.asarray(model.predict(data, verbose=0)).reshape(len(data), -1)
    compare(want, solution.predict(data.reshape(len(data), -1)), tell, "da4ml's program and Keras")
    rtl.compile(nproc=1, openmp=False)
    tell(build_s=round(time.perf_counter() - began, 1))
    compare(want, rtl.predict(data.reshape(len(data), -1)), tell, "Verilator and Keras")
    tell(cycles_source="cosim")


def compare(want: Any, have: Any, tell: Any, of: str) -> None:
    """Record how many numbers differ."""
    have = np.asarray(have, dtype=np.float64).reshape(want.shape)
    tell(mismatches=int((want != have).sum()), values=int(want.size), compared=of)


def main() -> int:
    """Do the job; an error of the tools is recorded, the exit code then 1."""
    job = json.loads(Path(sys.argv[1]).read_text())
    record: dict[str, Any] = {"converts": False}

    def tell(**facts: Any) -> None:
        record.update(facts)
        Path(job["result"]).write_text(json.dumps(record))

    try:
        model = build(job)
        (through_da4ml if job["tool"] == "da4ml" else through_hls4ml)(model, job, tell)
    except Exception as exc:  # whatever a tool raises is its answer
        tell(error=f"{type(exc).__name__}: {exc}".splitlines()[0][:300])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
