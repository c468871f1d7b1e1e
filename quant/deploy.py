# SPDX-License-Identifier: Apache-2.0
"""The classifier in exact integers (docs/numerics.md), the origin of every other engine.

Elementwise work is int64. Matrix products run in float64, exact because every sum of products
stays far below 2^53, or in float32 where it stays below 2^24. Nothing here reads a float parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from batflow.errors import InputError

from .constants import ModelConstants, RequantConstants, ResidualConstants, site_bounds
from .dyadic import reciprocal_table
from .layernorm import integer_layernorm, sat16
from .softmax import integer_softmax

Taps = dict[str, Tensor]


def exact_matmul(a: Tensor, b: Tensor) -> Tensor:
    """Return the int64 product of int64 operands whose sums stay below 2^53."""
    return (a.double() @ b.double()).to(torch.int64)


def _affine(accs: Sequence[Tensor], constants: RequantConstants | ResidualConstants) -> Tensor:
    first, *others = zip(accs, constants.M, strict=True)
    total = (first[0] * torch.from_numpy(first[1])).add_(torch.from_numpy(constants.C))
    for acc, M in others:
        total.add_(acc * torch.from_numpy(M))
    return total.bitwise_right_shift_(constants.shift)


def apply_requant(accs: Sequence[Tensor], constants: RequantConstants) -> Tensor:
    """Return q of int64 accumulators [..., n], one for each weight part."""
    y = _affine(accs, constants)
    if constants.signed and constants.bits == 1:
        return torch.where(y >= 0, 1, -1)
    lo, hi = site_bounds(constants)
    return y.clamp(lo, hi)


@dataclass
class Saturations:
    """Values changed by sat16, by tensor name, over true tokens."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, wide: Tensor, mask: Tensor) -> None:
        """Count the elements of ``wide`` [B, L, d] outside 16 bits on true tokens."""
        outside = ((wide > 32767) | (wide < -32768)) & mask[:, :, None]
        self.counts[name] = self.counts.get(name, 0) + int(outside.sum())


class IntegerModel:
    """Deploy mode of a classifier.

    Args:
        constants: from ``build_constants``.
        debug: count saturations in ``saturations``.
    """

    def __init__(self, constants: ModelConstants, *, debug: bool = False) -> None:
        self.constants = constants
        self.config = constants.config
        self.saturations = Saturations() if debug else None
        # No partial sum exceeds inputs * 255, so the order of summation does not matter either.
        narrow = 255 * max(self.config.hidden, self.config.ffn) < 1 << 24
        self._product_type = torch.float32 if narrow else torch.float64
        self._weights = [
            {
                name: [torch.from_numpy(p).to(self._product_type).T for p in parts]
                for name, parts in layer.weight.items()
            }
            for layer in constants.layers
        ]
        self._reciprocals = torch.from_numpy(reciprocal_table(self.config.max_len))
        word = constants.word
        self._word = {"values": torch.from_numpy(word.values), "scale": torch.from_numpy(word.scale)}
        self._position, self._kind = torch.from_numpy(constants.position), torch.from_numpy(constants.kind)

    def _product(self, layer: int, name: str, a: Tensor) -> list[Tensor]:
        values = a.to(self._product_type)
        parts = self._weights[layer][name]
        return self._accumulated(layer, name, [(values @ part).to(torch.int64) for part in parts])

    def _accumulated(self, layer: int, site: str, accs: list[Tensor]) -> list[Tensor]:
        """Return the accumulators of a product as its unit reads them; a fault model changes them.

        ``site`` is a linear layer, ``scores`` or ``context``; one int64 tensor for each weight part.
        """
        return accs

    def _count(self, name: str, wide: Tensor, mask: Tensor) -> None:
        if self.saturations is not None:
            self.saturations.add(name, wide, mask)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.config.heads, -1).transpose(1, 2)

    def _residual(
        self, name: str, h: Tensor, accs: list[Tensor], c: ResidualConstants, mask: Tensor
    ) -> Tensor:
        wide = h + _affine(accs, c)
        self._count(name, wide, mask)
        return sat16(wide)

    def _layer(self, index: int, h: Tensor, mask: Tensor, taps: Taps) -> Tensor:
        c, prefix = self.constants.layers[index], f"L{index}."
        t: Taps = {"attn_in": apply_requant([h], c.requant["attn_in"])}
        for name in ("q", "k", "v"):
            t[name] = apply_requant(self._product(index, name, t["attn_in"]), c.requant[name])
        t["probs"], t["ctx"] = self._attention(index, t, mask)
        accs = self._product(index, "o", t["ctx"])
        t["attn_sum"] = self._residual(prefix + "attn_sum", h, accs, c.residual["o"], mask)
        t["attn_out"], wide = integer_layernorm(t["attn_sum"], c.norm["ln1"])
        self._count(prefix + "attn_out", wide, mask)
        t["ffn_in"] = apply_requant([t["attn_out"]], c.requant["ffn_in"])
        accs = self._product(index, "ffn1", t["ffn_in"])
        t["ffn_mid"] = apply_requant(accs, c.requant["ffn_mid"])
        accs = self._product(index, "ffn2", t["ffn_mid"])
        residual = c.residual["ffn2"]
        t["ffn_sum"] = self._residual(prefix + "ffn_sum", t["attn_out"], accs, residual, mask)
        t["ffn_out"], wide = integer_layernorm(t["ffn_sum"], c.norm["ln2"])
        self._count(prefix + "ffn_out", wide, mask)
        taps.update({prefix + name: value for name, value in t.items()})
        return t["ffn_out"]

    def _attention(self, index: int, t: Taps, mask: Tensor) -> tuple[Tensor, Tensor]:
        c = self.constants.layers[index]
        q, k, v = (self._heads(t[name]) for name in ("q", "k", "v"))
        scores = self._accumulated(index, "scores", [exact_matmul(q, k.transpose(-1, -2))])
        probs = integer_softmax(scores[0], mask, c.softmax)
        context = exact_matmul(probs, v).transpose(1, 2).reshape(t["q"].shape)
        return probs, apply_requant(self._accumulated(index, "context", [context]), c.requant["ctx"])

    def _embedding_sum(self, ids: Tensor, types: Tensor) -> Tensor:
        """Return the int64 sum of the three table rows [B, L, d], steps of 2^-frac_bits_table."""
        return self._words(ids) + self._position[: ids.shape[1]].long() + self._kind[types].long()

    def _words(self, ids: Tensor) -> Tensor:
        """Return the word rows int64 [B, L, d] from their storage."""
        values, table = self._word["values"][ids].long(), self.constants.word
        if table.kind == "int16":
            return values
        product = values * self._word["scale"][ids].long()[..., None]
        return (product + ((1 << table.shift) >> 1)) >> table.shift

    def _embed(self, ids: Tensor, types: Tensor) -> Tensor:
        return integer_layernorm(self._embedding_sum(ids, types), self.constants.embed_norm)[0]

    def _pool(self, h: Tensor, mask: Tensor) -> Tensor:
        if self.config.pooling == "cls":
            return h[:, 0]
        total = (h * mask[:, :, None]).sum(1)
        return (total * self._reciprocals[mask.sum(1)][:, None] + (1 << 19)) >> 20

    @torch.no_grad()
    def run(self, ids: Tensor, types: Tensor, mask: Tensor) -> Taps:
        """Return every tap of a batch as int64, padded rows included.

        Args:
            ids: token numbers [B, L], L at most max_len.
            types: token types [B, L], 0 or 1.
            mask: true on tokens [B, L]; true tokens come first, at least one in each row.

        Raises:
            InputError: a shape, token number or mask that the model cannot take.
        """
        mask = mask.bool()
        self._check(ids, types, mask)
        taps: Taps = {}
        h = taps["embed"] = self._embed(ids, types)
        for index in range(self.config.layers):
            h = self._layer(index, h, mask, taps)
        pooled = taps["pooled"] = self._pool(h, mask)
        weight = torch.from_numpy(self.constants.head_weight).long()
        taps["logits"] = exact_matmul(pooled, weight.T) + torch.from_numpy(self.constants.head_bias)
        return taps

    def _check(self, ids: Tensor, types: Tensor, mask: Tensor) -> None:
        if ids.ndim != 2 or ids.shape != types.shape or ids.shape != mask.shape:
            raise InputError("ids, types and mask must have one shape [batch, length]")
        if not 1 <= ids.shape[1] <= self.config.max_len:
            raise InputError(f"length {ids.shape[1]} is outside 1 to {self.config.max_len}")
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < self.config.vocab_size:
            raise InputError(f"a token number is outside 0 to {self.config.vocab_size - 1}")
        if types.numel() and not 0 <= int(types.min()) <= int(types.max()) <= 1:
            raise InputError("a token type is outside 0 to 1")
        if not bool(mask[:, 0].all()) or bool((mask[:, 1:] & ~mask[:, :-1]).any()):
            raise InputError("each sequence needs at least one token, and padding at its end only")

    def logits(self, ids: Tensor, types: Tensor, mask: Tensor) -> Tensor:
        """Return integer logits [B, classes]; real value times 2^frac_bits_logits."""
        return self.run(ids, types, mask)["logits"]

    def trace(self, ids: Sequence[int], types: Sequence[int] | None = None) -> dict[str, NDArray[np.int64]]:
        """Return every tap of one sentence without padding, shapes as in docs/contracts.md."""
        kinds = [0] * len(ids) if types is None else list(types)
        if not len(ids):
            raise InputError("an empty sequence has no answer; give at least one token")
        row = torch.tensor([list(ids)], dtype=torch.int64)
        taps = self.run(row, torch.tensor([kinds], dtype=torch.int64), torch.ones_like(row).bool())
        return {name: value[0].numpy() for name, value in taps.items()}
