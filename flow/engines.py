# SPDX-License-Identifier: Apache-2.0
"""The rungs of the equality ladder: thin adapters from each room's engine to ``verify.Engine``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from batflow.hls.cosim import CosimEngine
from batflow.hls.csim import CsimEngine, CsimResult
from batflow.hls.finn.engine import FinnEngine, FinnRtlEngine
from batflow.hls.hls4ml.engine import Hls4mlEngine
from batflow.hls.packing import Int64
from batflow.hls.program import EncoderProgram
from batflow.hls.reference.encoder import Reference
from batflow.hls.reference.host import classify, embed, pool

from .sentences import padded
from .verify import Sentence, Taps, is_tap


def true_part(tap: str, value: Any, length: int) -> Int64:
    """Cut one sentence's padded tap to its ``length`` tokens: shapes of docs/contracts.md."""
    array: Int64 = np.rint(np.asarray(value)).astype(np.int64)
    if tap in ("pooled", "logits"):
        return array
    return array[:, :length, :length] if tap.endswith(".probs") else array[:length]


class DeployRung:
    """Deploy mode of the trained student in torch."""

    name, source = "deploy", "trained"

    def __init__(self, checkpoint: Path) -> None:
        from batflow.quant.checkpoint import load_student

        student, _, _ = load_student(checkpoint)
        self._model = student.deploy()
        self._width = student.config.max_len

    def logits(self, sentences: Sequence[Sentence]) -> Int64:
        """Integer logits [n, classes]."""
        import torch

        ids, types, mask = (torch.from_numpy(a) for a in padded(sentences, self._width))
        logits: Int64 = self._model.logits(ids, types, mask).numpy()
        return logits

    def taps(self, sentence: Sentence) -> Taps:
        """Every tap."""
        return self._model.trace(sentence.ids, sentence.types)


class QonnxRung:
    """model.onnx executed node by node by qonnx."""

    name, source = "qonnx", "host"

    def __init__(self, model: Path) -> None:
        from batflow.hls.qonnx_runner import QonnxModel

        self._model = QonnxModel(model)

    def logits(self, sentences: Sequence[Sentence]) -> Int64:
        """Integer logits [n, classes]."""
        return self._model.run(*padded(sentences, self._model.max_len))[0]

    def taps(self, sentence: Sentence) -> Taps:
        """Every tap that is a tensor of the graph."""
        _, tensors = self._model.run(*padded([sentence], self._model.max_len), taps=True)
        length = len(sentence.ids)
        return {name: true_part(name, value[0], length) for name, value in tensors.items() if is_tap(name)}


class ReferenceRung:
    """The numpy reference over the lowered program."""

    name, source = "reference", "host"

    def __init__(self, program: EncoderProgram) -> None:
        self._reference = Reference(program)

    def logits(self, sentences: Sequence[Sentence]) -> Int64:
        """Integer logits [n, classes]."""
        return np.stack([self._reference.run(s.ids, s.types).logits for s in sentences])

    def taps(self, sentence: Sentence) -> Taps:
        """Every tap."""
        return self._reference.run(sentence.ids, sentence.types).taps


class LayersEngine(Protocol):
    """What runs the encoder's layers of a batch: int16 rows [l, d] in and out."""

    def run(self, hidden_rows: list[npt.NDArray[np.int16]], trace: bool = False) -> CsimResult:
        """Run a batch; with ``trace``, give the taps that the engine shows."""


class LayersRung:
    """An engine of the layers; embedding and classifier as in the reference.

    ``counters`` sums cycle counters and saturations over everything run so far.
    """

    name: str
    source: str

    def __init__(self, program: EncoderProgram, engine: LayersEngine) -> None:
        self._program, self._engine = program, engine
        self.counters: dict[str, int] = {}

    def _embedded(self, sentences: Sequence[Sentence]) -> list[npt.NDArray[np.int16]]:
        host = self._program.host
        return [embed(host, np.array(s.ids), np.array(s.types)).astype(np.int16) for s in sentences]

    def _finish(self, rows: npt.NDArray[np.int16]) -> tuple[Int64, Int64]:
        host, h = self._program.host, rows.astype(np.int64)
        pooled = pool(h, np.ones(len(h), dtype=np.bool_), host.pooling)
        return pooled, classify(host, pooled)

    def logits(self, sentences: Sequence[Sentence]) -> Int64:
        """Integer logits [n, classes]; the sentences are one batch."""
        result = self._engine.run(self._embedded(sentences))
        for name, value in {**result.counters, "SATURATIONS": result.saturations}.items():
            self.counters[name] = self.counters.get(name, 0) + value
        return np.stack([self._finish(rows)[1] for rows in result.outputs])

    def taps(self, sentence: Sentence) -> Taps:
        """Every tap, those of the layers from the engine's own trace."""
        rows = self._embedded([sentence])
        result = self._engine.run(rows, trace=True)
        pooled, logits = self._finish(result.outputs[0])
        return {"embed": rows[0], **result.traces[0], "pooled": pooled, "logits": logits}


class CsimRung(LayersRung):
    """The HLS C++ kernels compiled with g++."""

    name, source = "csim", "csim"

    def __init__(self, program: EncoderProgram, library: Path) -> None:
        super().__init__(program, CsimEngine(program, library))


class CosimRung(LayersRung):
    """The RTL under Verilator; of the layers it shows the taps attn_out and ffn_out."""

    name, source = "cosim", "cosim"

    def __init__(self, program: EncoderProgram, library: Path) -> None:
        super().__init__(program, CosimEngine(program, library))


class Hls4mlRung(LayersRung):
    """The hls4ml project of the encoder compiled with g++; it shows the taps attn_out and ffn_out."""

    name, source = "hls4ml", "csim"

    def __init__(self, program: EncoderProgram, library: Path) -> None:
        super().__init__(program, Hls4mlEngine(program, library))


class FinnRung(LayersRung):
    """The FINN graph of the encoder in FINN's Python execution."""

    name, source = "finn", "host"

    def __init__(self, program: EncoderProgram) -> None:
        super().__init__(program, FinnEngine(program))


class FinnRtlRung(LayersRung):
    """Layer 0 as FINN's stitched RTL in Verilator, further layers by the reference; it shows L0.ffn_out."""

    name, source = "finn-rtl", "cosim"

    def __init__(self, program: EncoderProgram) -> None:
        super().__init__(program, FinnRtlEngine(program))


class OverlayRung:
    """The bundle behind PYNQ's own classes on the emulated device, host code and all.

    Sentences go in as the user's ids; a pair's token types need the layer below, which the
    same driver offers.
    """

    name, source = "overlay", "csim"

    def __init__(self, bundle: Path, program: EncoderProgram) -> None:
        self._bundle, self._program = bundle, program

    def logits(self, sentences: Sequence[Sentence]) -> Int64:
        """Integer logits [n, classes]."""
        from batflow.host.accelerator import Accelerator
        from batflow.host.classifier import classify as host_classify
        from batflow.host.embedding import embed as host_embed

        with Accelerator(self._bundle) as accelerator:
            if not any(any(s.types) for s in sentences):
                results = accelerator.infer_batch([np.array(s.ids) for s in sentences])
                return np.stack([result.logits for result in results])
            program = accelerator.bundle.program
            rows = accelerator.encode_stream([host_embed(program, s.ids, s.types) for s in sentences])
            return np.stack([host_classify(program, h) for h in rows])

    def taps(self, sentence: Sentence) -> Taps:
        """The taps of the bundle's engine library, opened without PYNQ: the driver keeps none."""
        return CsimRung(self._program, self._bundle / "batflow.bit").taps(sentence)
