# SPDX-License-Identifier: Apache-2.0
"""Running model.onnx with qonnx, several sentences at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from . import ops  # noqa: F401  # importing registers the domain batflow.bat
from .graph import Graph
from .packing import Int64

INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def rebatch(model: onnx.ModelProto, batch: int) -> onnx.ModelProto:
    """A copy of a batch-1 model for ``batch`` sentences: every activation's first axis, nothing else."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    constants = {tensor.name for tensor in graph.initializer}
    quantized = {node.output[0] for node in graph.node if node.op_type in ("BipolarQuant", "Quant")}
    for info in (*graph.input, *graph.output, *graph.value_info):
        if info.name not in constants | quantized:
            info.type.tensor_type.shape.dim[0].dim_value = batch
    return copy


@contextmanager
def _unsanitized() -> Iterator[None]:
    """Keep qonnx from rounding tensors to their datatypes: that would hide what is no integer."""
    name = "SANITIZE_QUANT_TENSORS"
    before = os.environ.get(name)
    os.environ[name] = "0"
    try:
        yield
    finally:
        os.environ.pop(name) if before is None else os.environ.update({name: before})


class QonnxModel:
    """model.onnx under ``qonnx``, for ``batch`` sentences at a time.

    Raises:
        FormatError: the file is corrupt or foreign (see :class:`~batflow.hls.graph.Graph`).
    """

    def __init__(self, path: Path, batch: int = 16) -> None:
        graph = Graph(path)
        self.batch = batch
        self.max_len = int(graph.config()["max_len"])
        self._wrapper = ModelWrapper(rebatch(graph.model, batch))

    def run(
        self, ids: Int64, types: Int64, mask: Int64, *, taps: bool = False
    ) -> tuple[Int64, dict[str, npt.NDArray[np.generic]]]:
        """Integer logits [n, classes] of padded inputs [n, max_len].

        With ``taps`` also every tensor of the last batch by its name, padded to the batch.
        """
        logits = []
        context: dict[str, npt.NDArray[np.generic]] = {}
        for start in range(0, len(ids), self.batch):
            rows = [array[start : start + self.batch] for array in (ids, types, mask)]
            count = len(rows[0])
            # A short last batch is filled up with copies of its first sentence.
            padded = [np.concatenate([r, np.repeat(r[:1], self.batch - count, axis=0)]) for r in rows]
            feed = dict(zip(INPUTS, (p.astype(np.int64) for p in padded), strict=True))
            with _unsanitized():
                context = execute_onnx(self._wrapper, feed, return_full_exec_context=taps)
            logits.append(np.rint(context["logits"][:count]).astype(np.int64))
        return np.concatenate(logits), context if taps else {}
