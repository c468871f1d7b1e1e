# SPDX-License-Identifier: Apache-2.0
"""Integer constants of a trained classifier: every number that deployment and export need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from batflow.errors import InputError

from .brevitas_bridge import elastic_of, weight_of, weight_quant_of
from .classifier import BmtClassifier, Embeddings
from .config import UNSIGNED_SITES, BmtConfig, bounds
from .dyadic import (
    affine,
    fraction_bits,
    layernorm_epsilon,
    requant,
    round_half_up,
    softmax_reciprocal,
    softmax_scale,
)
from .encoder import QuantLayer
from .layernorm import LayerNormConstants
from .softmax import SoftmaxConstants
from .word_table import WordTable, store_words

IntArray = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class RequantConstants:
    """``(sum of acc_p * M[p] + C) >> shift``, clipped to the site.

    ``M`` int64 [parts, n], ``C`` int64 [n]; n is the number of channels, or 1.
    """

    M: IntArray
    C: IntArray
    shift: int
    bits: int
    signed: bool


@dataclass(frozen=True)
class ResidualConstants:
    """``sat16(h + ((sum of acc_p * M[p] + C) >> shift))``; shapes as in RequantConstants."""

    M: IntArray
    C: IntArray
    shift: int


@dataclass(frozen=True)
class LayerConstants:
    """One layer. ``weight[name]`` int8 [parts, out, in] of -1, 0, +1; ``requant`` by site."""

    weight: dict[str, NDArray[np.int8]]
    requant: dict[str, RequantConstants]
    residual: dict[str, ResidualConstants]
    softmax: SoftmaxConstants
    norm: dict[str, LayerNormConstants]


@dataclass(frozen=True)
class ModelConstants:
    """The whole classifier in integers. ``head_weight`` int16 [classes, d], bias int64."""

    config: BmtConfig
    frac_bits: list[int]
    frac_bits_table: int
    frac_bits_logits: int
    word: WordTable
    position: NDArray[np.int16]
    kind: NDArray[np.int16]
    embed_norm: LayerNormConstants
    layers: list[LayerConstants]
    head_weight: NDArray[np.int16]
    head_bias: IntArray


def _f64(tensor: Tensor) -> Array:
    result: Array = tensor.detach().cpu().numpy().astype(np.float64)
    return result


class _LayerBuilder:
    """Turns one trained layer into integers; ``f_in``, ``f_mid``, ``f_out`` of its three h."""

    def __init__(self, layer: QuantLayer, f: tuple[int, int, int], name: str) -> None:
        self.layer, self.f, self.name = layer, f, name
        sites = {site: elastic_of(module) for site, module in layer.site.items()}
        self.alpha = {site: float(q.alpha.detach()) for site, q in sites.items()}
        self.beta = {site: float(q.beta.detach()) for site, q in sites.items()}
        self.weight: dict[str, NDArray[np.int8]] = {}
        self.scale: dict[str, Array] = {}
        self.bias: dict[str, Array] = {}
        for linear, module in layer.linear.items():
            self._split(linear, module)

    def _split(self, name: str, module: Any) -> None:
        """Store signs with negative coefficients folded in, and |c| per part and channel."""
        quantizer = weight_quant_of(module)
        with torch.no_grad():
            patterns = [_f64(p) for p in quantizer.patterns(weight_of(module))]
        outputs = patterns[0].shape[0]
        signs, scales = [], []
        for coefficient, pattern in zip(quantizer.coefficients(), patterns, strict=True):
            c = np.broadcast_to(_f64(coefficient), (outputs, 1))
            signs.append(np.where(c < 0, -pattern, pattern).astype(np.int8))
            scales.append(np.abs(c[:, 0]))
        self.weight[name], self.scale[name] = np.stack(signs), np.stack(scales)
        self.bias[name] = _f64(module.bias)

    def _linear(self, linear: str, source: str) -> tuple[Array, Array]:
        """Return (scale [parts, out], offset [out]) of the product of ``linear`` with a site."""
        sums = self.weight[linear].sum(axis=2, dtype=np.int64).astype(np.float64)
        offset = self.bias[linear] + (self.scale[linear] * self.beta[source] * sums).sum(axis=0)
        return self.scale[linear] * self.alpha[source], offset

    def requant(self, site: str, scale: Array, offset: Array) -> RequantConstants:
        bits, signed = self.layer.config.bits[site], site not in UNSIGNED_SITES
        M, C, shift = requant(
            scale,
            offset,
            self.alpha[site],
            self.beta[site],
            half=not (bits == 1 and signed),
            where=f"{self.name}.{site}",
        )
        return RequantConstants(np.atleast_2d(M), C, shift, bits, signed)

    def residual(self, linear: str, source: str, frac_bits: int) -> ResidualConstants:
        scale, offset = self._linear(linear, source)
        step = 2.0**frac_bits
        M, C, shift = affine(scale * step, offset * step + 0.5, f"{self.name}.{linear}")
        return ResidualConstants(M, C, shift)

    def build(self) -> LayerConstants:
        a, f_in, f_mid = self.alpha, *self.f[:2]
        none = np.zeros(1)
        requants = {
            "attn_in": self.requant("attn_in", np.array([[2.0**-f_in]]), none),
            "ctx": self.requant("ctx", np.array([[a["probs"] * a["v"]]]), none),
            "ffn_in": self.requant("ffn_in", np.array([[2.0**-f_mid]]), none),
            "ffn_mid": self.requant("ffn_mid", *self._linear("ffn1", "ffn_in")),
        }
        requants |= {s: self.requant(s, *self._linear(s, "attn_in")) for s in ("q", "k", "v")}
        config = self.layer.config
        step = a["q"] * a["k"] / math.sqrt(config.head_size)
        softmax = SoftmaxConstants(
            *softmax_scale(step, f"{self.name}.softmax"),
            *softmax_reciprocal(a["probs"], f"{self.name}.probs"),
            config.bits["probs"],
        )
        return LayerConstants(
            self.weight,
            requants,
            {"o": self.residual("o", "ctx", f_in), "ffn2": self.residual("ffn2", "ffn_mid", f_mid)},
            softmax,
            {
                "ln1": norm_constants(self.layer.ln1, f_in, f_mid, f"{self.name}.ln1"),
                "ln2": norm_constants(self.layer.ln2, f_mid, self.f[2], f"{self.name}.ln2"),
            },
        )


def norm_constants(norm: torch.nn.LayerNorm, frac_in: int, frac_out: int, where: str) -> LayerNormConstants:
    """Return the integers of a LayerNorm whose input has ``frac_in`` fraction bits."""
    gamma, beta = _f64(norm.weight), _f64(norm.bias)
    step = 2.0**frac_out
    G, B, shift = affine(gamma * step / 4096.0, beta * step + 0.5, where)
    epsilon = layernorm_epsilon(norm.eps, gamma.shape[0], frac_in)
    return LayerNormConstants(torch.from_numpy(G), torch.from_numpy(B), shift, epsilon)


Tables = tuple[WordTable, NDArray[np.int16], NDArray[np.int16]]


def integer_tables(embeddings: Embeddings) -> Tables:
    """Return the word, position and type tables in steps of 2^-frac_bits of ``embeddings``."""
    scale = 2.0**embeddings.frac_bits
    position, kind = (
        round_half_up(_f64(t) * scale).astype(np.int16) for t in (embeddings.position, embeddings.kind)
    )
    if embeddings.words is not None:
        return embeddings.words, position, kind
    return store_words(round_half_up(_f64(embeddings.word) * scale), "int16"), position, kind


def build_constants(model: BmtClassifier, tables: Tables | None = None) -> ModelConstants:
    """Return all integers of a trained and calibrated classifier.

    ``tables`` are its :func:`integer_tables`, for callers that build constants at every step.

    Raises:
        InputError: the activations are a baseline's, the residual stream is not calibrated, or a
            constant does not fit.
    """
    config, f = model.config, model.frac_bits
    config.require_deployable()
    if len(f) != 2 * config.layers + 1:
        raise InputError("the model has no fraction bits; calibrate its residual stream first")
    embeddings = model.embeddings
    word, position, kind = integer_tables(embeddings) if tables is None else tables
    layers = [
        _LayerBuilder(layer, (f[2 * i], f[2 * i + 1], f[2 * i + 2]), f"L{i}").build()
        for i, layer in enumerate(model.encoder.quant_layers())
    ]
    head = _f64(model.head.linear.weight)
    f_head = fraction_bits(float(np.abs(head).max()), headroom=1.0)
    f_logits = f[-1] + f_head
    return ModelConstants(
        config,
        list(f),
        embeddings.frac_bits,
        f_logits,
        word,
        position,
        kind,
        norm_constants(embeddings.norm, embeddings.frac_bits, f[0], "embed.ln"),
        layers,
        round_half_up(head * 2.0**f_head).astype(np.int16),
        round_half_up(_f64(model.head.linear.bias) * 2.0**f_logits),
    )


def site_bounds(constants: RequantConstants) -> tuple[int, int]:
    """Return the least and greatest output of a Requant."""
    return bounds(constants.bits, signed=constants.signed)
