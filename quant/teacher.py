# SPDX-License-Identifier: Apache-2.0
"""The full-precision teacher: the same encoder with its own activation, float weights, no quantizer."""

from __future__ import annotations

import math
from pathlib import Path

from torch import Tensor, nn

from .classifier import Embeddings, Head, copy_layer
from .config import LINEARS, BmtConfig
from .parameters import read_parameters, refused_as, save_parameters
from .precision import PreciseLinear
from .pretrained import PretrainedEncoder
from .softmax import float_softmax


class TeacherLayer(nn.Module):
    """One encoder layer in full precision, post-LN as in BERT; ``recorded`` as in QuantLayer.

    ``activation`` is that of the pretrained encoder: ``gelu`` or ``relu``.
    """

    def __init__(self, config: BmtConfig, activation: str = "gelu") -> None:
        super().__init__()
        self.activation = nn.functional.relu if activation == "relu" else nn.functional.gelu
        self.heads = config.heads
        self.linear = nn.ModuleDict({n: PreciseLinear(*config.linear_shape(n)) for n in LINEARS})
        self.ln1 = nn.LayerNorm(config.hidden, eps=config.layernorm_eps)
        self.ln2 = nn.LayerNorm(config.hidden, eps=config.layernorm_eps)
        self.recorded: list[Tensor] | None = None

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        """Map [B, L, d] to [B, L, d]; ``mask`` [B, L] is true on tokens."""
        q, k, v = (self._heads(self.linear[n](h)) for n in ("q", "k", "v"))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if self.recorded is not None:
            self.recorded.append(scores)
        probs = float_softmax(scores, mask)
        context = (probs @ v).transpose(1, 2).reshape(h.shape)
        h = self.ln1(h + self.linear["o"](context))
        middle = self.activation(self.linear["ffn1"](h))
        out: Tensor = self.ln2(h + self.linear["ffn2"](middle))
        return out


class TeacherClassifier(nn.Module):
    """Frozen embeddings, float encoder, pooling and head."""

    def __init__(self, config: BmtConfig, pretrained: PretrainedEncoder) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config, pretrained)
        self.layers = nn.ModuleList(
            [TeacherLayer(config, pretrained.config.activation) for _ in range(config.layers)]
        )
        self.head = Head(config)
        for layer, source in zip(self.layers, pretrained.layers, strict=True):
            copy_layer(layer, source)

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return (logits [B, classes], residual stream after each layer)."""
        h = self.embeddings(ids, types)
        states = []
        for layer in self.layers:
            h = layer(h, mask)
            states.append(h)
        return self.head(h, mask), states

    def project(self) -> None:
        """Nothing to keep in range; present so that one training loop serves both models."""


def save_teacher(model: TeacherClassifier, path: Path) -> None:
    """Write the trained parameters (not the frozen embeddings) as safetensors."""
    save_parameters(model, model.config, path, {})


def load_teacher(path: Path, pretrained: PretrainedEncoder) -> TeacherClassifier:
    """Read a teacher written by :func:`save_teacher`.

    Raises:
        FormatError: the file is absent, corrupt or of another shape.
    """
    with refused_as(path, "a teacher file", "train the teacher again"):
        config, _, state = read_parameters(path)
        model = TeacherClassifier(config, pretrained)
        model.load_state_dict(state)
    return model.eval()
