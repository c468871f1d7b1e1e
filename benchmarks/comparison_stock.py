# SPDX-License-Identifier: Apache-2.0
"""hls4ml's stock layers on an encoder layer, behind the guard of ``hls/hls4ml/stock.py``; its PyTorch reader.

The layer is written as an exporter writes it, with the operations of ONNX and QONNX alone and power-of-two
scales. When the whole is refused, smaller parts are tried, so the record says how far hls4ml gets.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from batflow.errors import UserError
from benchmarks.comparison_cases import CASES, Case
from tests.hls.stock_nets import Net

KINDS = {"W1A4": "binary", "W2A4": "ternary"}
SAMPLES = 20
ANSWER = "answer: "


def _shape(net: Net, sizes: tuple[int, ...], order: tuple[int, ...] | None = None) -> Net:
    """Reshape to ``sizes``, then transpose to ``order``."""
    name = net.constant(0)
    net.constants[-1].CopyFrom(_int64(np.array(sizes), name))
    net.add("Reshape", [net.tensor, name])
    return net.add("Transpose", [net.tensor], perm=list(order)) if order else net


def _int64(values: Any, name: str) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(values.astype(np.int64), name)


def _head(net: Net, source: str, case: Case, order: tuple[int, ...]) -> str:
    """One of Q, K, V: product, four bits, heads apart."""
    net.tensor = source
    net.linear(case.hidden, case.hidden, 1.0, KINDS[case.format]).quant(8.0, 4)
    return _shape(net, (1, case.length, case.heads, case.hidden // case.heads), order).tensor


def _norm(net: Net, hidden: int) -> None:
    names = [net.constant(np.full(hidden, value)) for value in (1.0, 0.0)]
    net.add("LayerNormalization", [net.tensor, *names], axis=-1, epsilon=1e-5)


def attention(net: Net, case: Case, norm: bool) -> Net:
    """Multi-head attention with its residual."""
    given = net.tensor
    source = net.quant(0.5, 4).tensor
    q, k, v = (_head(net, source, case, order) for order in ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)))
    net.add("MatMul", [q, k])
    net.add("Mul", [net.tensor, net.constant(2.0**-3)]).add("Softmax", [net.tensor], axis=-1)
    net.quant(2.0**-4, 4, signed=0)
    net.add("MatMul", [net.tensor, v]).add("Transpose", [net.tensor], perm=[0, 2, 1, 3])
    _shape(net, (1, case.length, case.hidden)).quant(4.0, 4)
    net.linear(case.hidden, case.hidden, 1.0, KINDS[case.format]).add("Add", [net.tensor, given])
    if norm:
        _norm(net, case.hidden)
    return net


def ffn(net: Net, case: Case, residual: bool, norm: bool) -> Net:
    """Feed-forward network, four times as wide inside."""
    given, kind = net.tensor, KINDS[case.format]
    net.quant(1.0, 4).linear(case.hidden, 4 * case.hidden, 1.0, kind).add("Relu", [net.tensor])
    net.quant(4.0, 4, signed=0).linear(4 * case.hidden, case.hidden, 1.0, kind)
    if residual:
        net.add("Add", [net.tensor, given])
    if norm:
        _norm(net, case.hidden)
    return net


def parts(case: Case) -> dict[str, Callable[[], Net]]:
    """What is tried, the whole layer first."""
    rows = (1, case.length, case.hidden)
    return {
        "layer": lambda: ffn(attention(Net(rows), case, True), case, True, True),
        "layer without LayerNorm": lambda: ffn(attention(Net(rows), case, False), case, True, False),
        "attention without LayerNorm": lambda: attention(Net(rows), case, False),
        "FFN of a sequence": lambda: ffn(Net(rows), case, False, False),
        "FFN of one token": lambda: ffn(Net((1, case.hidden)), case, False, False),
    }


def run_stock(case: Case, tell: Callable[..., None]) -> None:
    """Try every part through the guard; the outcome is the whole layer's, ``reach`` lists all."""
    reach: dict[str, str] = {}
    for name in parts(case):
        began = time.perf_counter()
        # In a process of its own: a compiled model can bring the process down.
        command = [sys.executable, "-m", "benchmarks.comparison_stock", case.name, name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told = [line for line in done.stdout.splitlines() if line.startswith(ANSWER)]
        reach[name] = told[0].removeprefix(ANSWER) if told else f"ended by signal {-done.returncode}"
        exact = reach["layer"] == "exact"
        tell(converts=exact, error="" if exact else reach["layer"], reach=dict(reach))
        if name == "layer":
            tell(build_s=round(time.perf_counter() - began, 1))


def attempt(case: Case, name: str) -> str:
    """One part through the guard: ``exact``, or the error up to its first semicolon."""
    from batflow.hls.hls4ml import guarded_convert

    with tempfile.TemporaryDirectory(prefix="batflow_comparison_") as folder:
        try:
            guarded_convert(parts(case)[name]().model(), Path(folder) / "project", samples=SAMPLES)
        except UserError as exc:
            return f"{type(exc).__name__}: {' '.join(str(exc).split())}".split(";")[0]
    return "exact"


def run_pytorch(case: Case, tell: Callable[..., None]) -> None:
    """hls4ml's PyTorch reader on ``nn.TransformerEncoderLayer`` in float; its error is the answer."""
    import torch
    from hls4ml.converters import convert_from_pytorch_model
    from hls4ml.utils import config_from_pytorch_model

    layer = torch.nn.TransformerEncoderLayer(
        case.hidden, case.heads, 4 * case.hidden, dropout=0.0, batch_first=True
    ).eval()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="batflow_comparison_") as folder:
        config = config_from_pytorch_model(layer, (case.length, case.hidden), channels_last_conversion="off")
        graph = convert_from_pytorch_model(layer, output_dir=folder, backend="Vitis", hls_config=config)
        tell(converts=True)
        graph.compile()
    tell(build_s=round(time.perf_counter() - began, 1))


if __name__ == "__main__":
    given = next(case for case in CASES if case.name == sys.argv[1])
    print(ANSWER + attempt(given, sys.argv[2]), flush=True)
