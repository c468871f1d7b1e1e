# SPDX-License-Identifier: Apache-2.0
"""The whole encoder in numpy: the reference that every other engine must equal."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..packing import Int64
from ..program import EncoderProgram, Layer, Matrix
from .host import classify, embed, pool
from .layernorm import layernorm
from .qmm import matmul
from .qu import dyadic_sum, requant, to_format
from .softmax import softmax
from .vu import residual

Taps = dict[str, Int64]


@dataclass
class Outcome:
    """Result of one sentence: final h [l, d], logits [classes], taps by name, saturations by tap."""

    hidden: Int64
    logits: Int64
    taps: Taps
    saturations: dict[str, int] = field(default_factory=dict)


class _Product:
    """A Matrix with its weights unpacked once, ready for exact products."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self.weights = [part.T.astype(np.float64) for part in matrix.parts()]

    def accumulate(self, a: Int64) -> list[Int64]:
        """Accumulators [l, outputs], one per part."""
        return [matmul(a, weight) for weight in self.weights]


class Reference:
    """Runs an EncoderProgram sentence by sentence."""

    def __init__(self, program: EncoderProgram) -> None:
        self.program = program
        self._products = [
            {name: _Product(matrix) for name, matrix in layer.matrices.items()} for layer in program.layers
        ]

    def run(self, ids: npt.ArrayLike, types: npt.ArrayLike | None = None) -> Outcome:
        """Classify token ids [l] (types default to 0).

        Raises:
            InputError: see :func:`batflow.hls.reference.host.embed`.
        """
        ids = np.asarray(ids, dtype=np.int64)
        types = np.zeros_like(ids) if types is None else np.asarray(types, dtype=np.int64)
        h = embed(self.program.host, ids, types)
        outcome = self.encode(h)
        outcome.taps = {"embed": h, **outcome.taps}
        mask = np.ones(len(ids), dtype=np.bool_)
        pooled = pool(outcome.hidden, mask, self.program.host.pooling)
        outcome.logits = classify(self.program.host, pooled)
        outcome.taps |= {"pooled": pooled, "logits": outcome.logits}
        return outcome

    def encode(self, h: Int64) -> Outcome:
        """Run the layers on h [l, d]: what the accelerator does (logits stay empty)."""
        outcome = Outcome(h, np.empty(0, dtype=np.int64), {})
        for index in range(len(self.program.layers)):
            h = self._ffn(index, self._mha(index, h, outcome), outcome)
        outcome.hidden = h
        return outcome

    def _project(self, index: int, name: str, a: Int64) -> Int64:
        layer = self.program.layers[index]
        matrix, site = layer.matrices[name], "ffn_mid" if name == "ffn1" else name
        accs = self._products[index][name].accumulate(a)
        return to_format(dyadic_sum(accs, matrix.M, matrix.C, matrix.shift), layer.formats[site])

    def _add_norm(self, index: int, name: str, norm: str, a: Int64, h: Int64, outcome: Outcome) -> Int64:
        layer, prefix = self.program.layers[index], f"L{index}.{'attn' if name == 'o' else 'ffn'}"
        matrix, constants = layer.matrices[name], layer.norms[norm]
        accs = self._products[index][name].accumulate(a)
        r, changed = residual(h, accs, matrix.M, matrix.C, matrix.shift)
        o, clipped = layernorm(r, constants.gamma, constants.beta, constants.shift, constants.epsilon)
        outcome.taps |= {f"{prefix}_sum": r, f"{prefix}_out": o}
        outcome.saturations |= {f"{prefix}_sum": changed, f"{prefix}_out": clipped}
        return o

    def _mha(self, index: int, h: Int64, outcome: Outcome) -> Int64:
        layer = self.program.layers[index]
        a = _quantize(layer, "attn_in", h)
        q, k, v = (self._project(index, name, a) for name in ("q", "k", "v"))
        heads = [_split(x, self.program.shape.heads) for x in (q, k, v)]
        scores = matmul(heads[0], heads[1].transpose(0, 2, 1))
        p = softmax(scores, layer.softmax, layer.formats["probs"].bits)
        ctx_acc = matmul(p, heads[2]).transpose(1, 0, 2).reshape(h.shape)
        ctx = _quantize(layer, "ctx", ctx_acc)
        names = ("attn_in", "q", "k", "v", "probs", "ctx")
        outcome.taps |= {f"L{index}.{n}": x for n, x in zip(names, (a, q, k, v, p, ctx), strict=True)}
        return self._add_norm(index, "o", "ln1", ctx, h, outcome)

    def _ffn(self, index: int, h: Int64, outcome: Outcome) -> Int64:
        a = _quantize(self.program.layers[index], "ffn_in", h)
        mid = self._project(index, "ffn1", a)
        outcome.taps |= {f"L{index}.ffn_in": a, f"L{index}.ffn_mid": mid}
        return self._add_norm(index, "ffn2", "ln2", mid, h, outcome)


def _quantize(layer: Layer, site: str, values: Int64) -> Int64:
    dyadic = layer.dyadics[site]
    return requant(values, dyadic.M, dyadic.C, dyadic.shift, layer.formats[site])


def _split(x: Int64, heads: int) -> Int64:
    """[l, d] -> [heads, l, d/heads]."""
    return x.reshape(len(x), heads, -1).transpose(1, 0, 2)
