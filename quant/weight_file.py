# SPDX-License-Identifier: Apache-2.0
"""The tensors of a pretrained encoder's weight file, by BERT's names, checked and as float32."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from batflow.errors import FormatError

from .source_config import PretrainedConfig

Array = npt.NDArray[np.float32]

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
PREFIXES = ("", "bert.", "encoder.", "model.", "distilbert.")
"""What may stand before the names, such as the name of the model inside a classifier's file."""

_WORD = "embeddings.word_embeddings.weight"
_DISTIL_PARTS = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
_FAULTS = (
    *(OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError, EOFError),
    *(IndexError, struct.error, pickle.UnpicklingError, zipfile.BadZipFile),
)


def distil_name(name: str) -> str:
    """Return DistilBERT's name of the tensor that BERT calls ``name``."""
    if not name.startswith("encoder.layer."):
        return name
    _, _, index, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    return f"transformer.layer.{index}.{_DISTIL_PARTS[part]}.{kind}"


class WeightFile:
    """The tensors of one file, found by BERT's names whatever stands before them.

    Args:
        data: content of the file.
        name: one of ``WEIGHT_FILES``.
        source: the folder, for messages.
        config: whose ``model_type`` says how the layers' tensors are called.

    Raises:
        FormatError: the file is damaged, no plain file of tensors, or of another kind of model.
    """

    def __init__(self, data: bytes, name: str, source: str, config: PretrainedConfig) -> None:
        self.name, self.source = name, source
        self._rename: Callable[[str], str] = distil_name if config.model_type == "distilbert" else str
        self.tensors = self._read(data)
        self.prefix = self._find_prefix()

    def _read(self, data: bytes) -> dict[str, torch.Tensor]:
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            if self.name.endswith(".safetensors"):
                tensors: dict[str, torch.Tensor] = load(data)
                return tensors
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except (*_FAULTS, SafetensorError) as exc:
            reason = " ".join(str(exc).split())[:120]
            raise FormatError(
                f"{self.source}: {self.name} cannot be read as plain tensors ({reason});"
                " fetch it again, or save it as model.safetensors"
            ) from exc
        if not isinstance(found, dict) or not all(isinstance(t, torch.Tensor) for t in found.values()):
            raise FormatError(
                f"{self.source}: {self.name} holds more than named tensors; save the state_dict alone"
            )
        return {str(key): tensor for key, tensor in found.items()}

    def _find_prefix(self) -> str:
        for prefix in PREFIXES:
            if prefix + _WORD in self.tensors:
                return prefix
        others = [key.removesuffix(_WORD) for key in self.tensors if key.endswith(_WORD)]
        if others:
            raise FormatError(
                f"{self.source}: the tensors of {self.name} are called {others[0]}..., which is not"
                f" supported; give a model whose names begin with {', '.join(filter(None, PREFIXES))}"
                " or embeddings."
            )
        raise FormatError(
            f"{self.source}: {self.name} lacks the tensor {_WORD}; give a BERT or DistilBERT encoder"
        )

    def get(self, name: str, *shape: int) -> Array:
        """Return the tensor that BERT calls ``name`` as float32.

        Raises:
            FormatError: it is absent, of another shape, or not all finite floats.
        """
        own = self._rename(name)
        found = self.tensors.get(self.prefix + own)
        if found is None:
            raise FormatError(
                f"{self.source}: {self.name} lacks the tensor {self.prefix}{own}; fetch it again,"
                " or give the config.json that belongs to it"
            )
        if tuple(found.shape) != shape:
            raise FormatError(
                f"{self.source}: {own} has shape {tuple(found.shape)}, config.json says {shape};"
                " give the config.json that belongs to the weights"
            )
        if not (found.is_floating_point() and bool(torch.isfinite(found).all())):
            raise FormatError(
                f"{self.source}: {own} is not all finite floats; save the weights as float32, float16"
                " or bfloat16"
            )
        array: Array = found.float().contiguous().numpy()
        return array

    def norm(self, name: str, kind: str, size: int) -> Array:
        """Return gamma (``weight``) or beta (``bias``) of a LayerNorm, under its new or old name."""
        old = f"{name}.{'gamma' if kind == 'weight' else 'beta'}"
        return self.get(old if self.prefix + self._rename(old) in self.tensors else f"{name}.{kind}", size)
