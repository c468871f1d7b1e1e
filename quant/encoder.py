# SPDX-License-Identifier: Apache-2.0
"""The BMT encoder in training mode: binary linears, elastic activations, float softmax and LN.

With the taps of deploy mode at hand, each value is the deployed one (quant/rounding.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from .brevitas_bridge import activation_site, elastic_of, quant_linear, weight_of, weight_quant_of
from .config import LINEARS, SITES, BmtConfig
from .rounding import LayerTaps, substitute
from .softmax import float_softmax


class QuantLayer(nn.Module):
    """One encoder layer. ``site`` holds the eight quantizers, ``linear`` the six products.

    Attention scores [B, H, L, L] are appended to ``recorded`` while that is a list.
    """

    def __init__(self, config: BmtConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.ModuleDict({name: quant_linear(config, name) for name in LINEARS})
        self.site = nn.ModuleDict({name: activation_site(config, name) for name in SITES})
        self.ln1 = nn.LayerNorm(config.hidden, eps=config.layernorm_eps)
        self.ln2 = nn.LayerNorm(config.hidden, eps=config.layernorm_eps)
        self.peak: dict[str, float] = {}
        self.observing = False
        self.recorded: list[Tensor] | None = None

    def _heads(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        return x.view(batch, length, self.config.heads, -1).transpose(1, 2)

    def _quantized(self, name: str, x: Tensor, exact: LayerTaps | None) -> Tensor:
        value: Tensor = self.site[name](x)
        if exact is None:
            return value
        elastic = elastic_of(self.site[name])
        return substitute(value, exact.taps[name], elastic.alpha, elastic.beta)

    def attention(self, h: Tensor, mask: Tensor, exact: LayerTaps | None = None) -> Tensor:
        """Return the output of the attention block before the residual addition."""
        a = self._quantized("attn_in", h, exact)
        q, k, v = (self._heads(self._quantized(n, self.linear[n](a), exact)) for n in ("q", "k", "v"))
        scores = q @ k.transpose(-1, -2) * (1.0 / math.sqrt(self.config.head_size))
        if self.recorded is not None:
            self.recorded.append(scores)
        probs = self._quantized("probs", float_softmax(scores, mask), exact)
        context = (probs @ v).transpose(1, 2).reshape(h.shape)
        out: Tensor = self.linear["o"](self._quantized("ctx", context, exact))
        return out

    def ffn(self, h: Tensor, exact: LayerTaps | None = None) -> Tensor:
        """Return the output of the FFN block before the residual addition."""
        wide = self.linear["ffn1"](self._quantized("ffn_in", h, exact))
        middle = self._quantized("ffn_mid", wide, exact)
        out: Tensor = self.linear["ffn2"](middle)
        return out

    def _observe(self, name: str, value: Tensor, mask: Tensor) -> None:
        if self.observing:
            largest = float(value.detach().abs().amax(-1).masked_fill(~mask, 0).max())
            self.peak[name] = max(self.peak.get(name, 0.0), largest)

    def forward(self, h: Tensor, mask: Tensor, exact: LayerTaps | None = None) -> Tensor:
        """Map the residual stream [B, L, d] to the next; ``mask`` [B, L] is true on tokens.

        ``exact`` holds the layer's taps in deploy mode, whose values take the float ones' places.
        """

        def residual(name: str, value: Tensor) -> Tensor:
            return value if exact is None else exact.residual(name, value)

        attn_sum = residual("attn_sum", h + self.attention(h, mask, exact))
        attn_out = residual("attn_out", self.ln1(attn_sum))
        ffn_sum = residual("ffn_sum", attn_out + self.ffn(attn_out, exact))
        ffn_out = residual("ffn_out", self.ln2(ffn_sum))
        named = {"h": h, "attn_sum": attn_sum, "attn_out": attn_out}
        for name, value in (named | {"ffn_sum": ffn_sum, "ffn_out": ffn_out}).items():
            self._observe(name, value, mask)
        return ffn_out

    @torch.no_grad()
    def start_weights(self) -> None:
        """Centre the latent weights and set their coefficients; once, after copying a teacher."""
        for linear in self.linear.values():
            weight_quant_of(linear).start(weight_of(linear))

    def project(self) -> None:
        """Keep every alpha positive."""
        for site in self.site.values():
            elastic_of(site).project()


class BmtEncoder(nn.Module):
    """A stack of :class:`QuantLayer`."""

    def __init__(self, config: BmtConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList([QuantLayer(config) for _ in range(config.layers)])

    def quant_layers(self) -> list[QuantLayer]:
        """Return the layers with their type."""
        return cast(list[QuantLayer], list(self.layers))

    def forward(self, h: Tensor, mask: Tensor, exact: Sequence[LayerTaps] | None = None) -> list[Tensor]:
        """Return the residual stream after each layer, [B, L, d] each; ``exact`` has one item per layer."""
        states = []
        for index, layer in enumerate(self.layers):
            h = layer(h, mask) if exact is None else layer(h, mask, exact[index])
            states.append(h)
        return states
