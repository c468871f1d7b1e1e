# SPDX-License-Identifier: Apache-2.0
"""The BMT classifier: frozen embeddings, quantized encoder, pooling and head."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from batflow.errors import InputError

from .config import LINEARS, BmtConfig
from .dyadic import fraction_bits, round_half_up
from .encoder import BmtEncoder
from .pretrained import PretrainedEncoder
from .rounding import Rounding
from .word_table import WordTable, store_words

if TYPE_CHECKING:
    from .deploy import IntegerModel
    from .teacher import TeacherClassifier, TeacherLayer


class Embeddings(nn.Module):
    """Word, position and type tables (frozen, not saved with the model) and a trained LN.

    Args:
        config, pretrained: shape and source.
        stepped: round the tables to the int16 step of deployment, so that training sees exactly
            the tables that the host will add; ``words`` is then the word table as stored.

    Raises:
        InputError: the tables do not fit the config.
    """

    word: Tensor
    position: Tensor
    kind: Tensor

    def __init__(self, config: BmtConfig, pretrained: PretrainedEncoder, *, stepped: bool = False) -> None:
        super().__init__()
        word, position, kind = pretrained.word, pretrained.position, pretrained.type
        expected = (config.vocab_size, config.hidden)
        if word.shape != expected:
            raise InputError(
                f"pretrained word embeddings are {word.shape}, the config asks for {expected};"
                " use the vocabulary and width of the pretrained encoder"
            )
        if position.shape[0] < config.max_len:
            raise InputError(
                f"max_len {config.max_len} exceeds the {position.shape[0]} positions of the"
                " pretrained encoder; lower max_len"
            )
        tables = [np.asarray(t, np.float64) for t in (word, position[: config.max_len], kind)]
        # One step for all tables, small enough that no sum of three rows leaves int16.
        self.frac_bits = fraction_bits(sum(float(np.abs(t).max()) for t in tables), headroom=1.001)
        step = 2.0**-self.frac_bits
        self.words: WordTable | None = None
        if stepped and config.embedding != "int16":
            self.words = store_words(round_half_up(tables[0] / step), config.embedding)
            tables[0] = self.words.rows(slice(None)) * step
        for name, table in zip(("word", "position", "kind"), tables, strict=True):
            value = round_half_up(table / step) * step if stepped else table
            self.register_buffer(name, torch.tensor(value.astype(np.float32)), persistent=False)
        self.norm = nn.LayerNorm(config.hidden, eps=config.layernorm_eps)
        with torch.no_grad():
            self.norm.weight.copy_(torch.as_tensor(pretrained.ln_gamma))
            self.norm.bias.copy_(torch.as_tensor(pretrained.ln_beta))

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        """Return h [B, L, d] for token ids and types [B, L]."""
        x = nn.functional.embedding(ids, self.word) + self.position[: ids.shape[1]]
        out: Tensor = self.norm(x + nn.functional.embedding(types, self.kind))
        return out


class Head(nn.Module):
    """Pooling over true tokens (mean, or the first token) and one linear layer."""

    def __init__(self, config: BmtConfig) -> None:
        super().__init__()
        self.pooling = config.pooling
        self.linear = nn.Linear(config.hidden, config.classes)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def pool(self, h: Tensor, mask: Tensor) -> Tensor:
        """Return one row per sequence [B, d] from h [B, L, d]."""
        if self.pooling == "cls":
            return h[:, 0]
        weights = mask.to(h.dtype) / mask.sum(1, keepdim=True)
        return torch.bmm(weights[:, None], h)[:, 0]

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        """Return logits [B, classes] from h [B, L, d]."""
        logits: Tensor = self.linear(self.pool(h, mask))
        return logits


class BmtClassifier(nn.Module):
    """The student. ``frac_bits`` (embed, then two per layer) is set by calibration.

    While ``rounding`` is set, the forward pass gives the values of deploy mode.

    Args:
        config: shape and number formats.
        pretrained: source of the embeddings, or another student's embeddings, which are copied.
    """

    def __init__(self, config: BmtConfig, pretrained: PretrainedEncoder | Embeddings) -> None:
        super().__init__()
        self.config = config
        if isinstance(pretrained, Embeddings):
            self.embeddings = copy.deepcopy(pretrained).requires_grad_(True)
        else:
            self.embeddings = Embeddings(config, pretrained, stepped=True)
        self.encoder = BmtEncoder(config)
        self.head = Head(config)
        self.frac_bits: list[int] = []
        self.rounding: Rounding | None = None

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return (logits [B, classes], residual stream after each layer)."""
        if self.rounding is not None:
            return self.rounding.forward(self, ids, types, mask)
        states = self.encoder(self.embeddings(ids, types), mask)
        return self.head(states[-1], mask), states

    @torch.no_grad()
    def start_from(self, teacher: TeacherClassifier) -> None:
        """Copy a teacher of the same shape, then centre the weights and set coefficients."""
        sources = cast(list["TeacherLayer"], list(teacher.layers))
        for own, source in zip(self.encoder.quant_layers(), sources, strict=True):
            for name in LINEARS:
                target, given = cast(Any, own.linear[name]), cast(Any, source.linear[name])
                target.weight.copy_(given.weight)
                target.bias.copy_(given.bias)
            own.ln1.load_state_dict(source.ln1.state_dict())
            own.ln2.load_state_dict(source.ln2.state_dict())
            own.start_weights()
        self.head.load_state_dict(teacher.head.state_dict())
        self.embeddings.norm.load_state_dict(teacher.embeddings.norm.state_dict())

    def deploy(self, *, debug: bool = False) -> IntegerModel:
        """Return the exact integer model of the present parameters.

        Args:
            debug: count saturations of the residual stream.

        Raises:
            InputError: the residual stream is not calibrated, or a constant does not fit.
        """
        from .constants import build_constants
        from .deploy import IntegerModel

        return IntegerModel(build_constants(self), debug=debug)

    def project(self) -> None:
        """Keep every alpha positive; called after each optimizer step."""
        for layer in self.encoder.quant_layers():
            layer.project()


@torch.no_grad()
def copy_layer(layer: Any, source: Mapping[str, NDArray[np.float32]]) -> None:
    """Fill the linears and norms of a layer from arrays such as ``q.weight``, ``ln1.gamma``."""
    for name in LINEARS:
        layer.linear[name].weight.copy_(torch.as_tensor(source[f"{name}.weight"]))
        layer.linear[name].bias.copy_(torch.as_tensor(source[f"{name}.bias"]))
    for name in ("ln1", "ln2"):
        norm = getattr(layer, name)
        norm.weight.copy_(torch.as_tensor(source[f"{name}.gamma"]))
        norm.bias.copy_(torch.as_tensor(source[f"{name}.beta"]))
