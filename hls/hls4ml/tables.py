# SPDX-License-Identifier: Apache-2.0
"""What each fused node carries: its scalars by descriptor field, and its part of image.bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..image import DESCRIPTOR_FIELDS, DESCRIPTOR_WORDS, HEADER_WORDS, build_image
from ..packing import Words
from ..program import EncoderProgram
from ..program_io import program_hash

Module = Literal["mha", "ffn"]
MODULES: tuple[Module, ...] = ("mha", "ffn")

_FFN_FIELDS = ("ffn", "ln2")
"""How the names of FFN's descriptor fields begin; the others are MHA's."""


@dataclass(frozen=True)
class NodeTable:
    """One module of one layer.

    ``fields``: value by name of :data:`~batflow.hls.image.DESCRIPTOR_FIELDS`; offsets are bytes into
    ``words``. ``words``: uint64 weights and channel constants, sections on 64-byte boundaries.
    """

    module: Module
    layer: int
    fields: dict[str, int]
    words: Words

    @property
    def name(self) -> str:
        """Name of the node, and of the tap that leaves it but for the ending."""
        return f"L{self.layer}_{self.module}"


def _is_offset(field: str) -> bool:
    return field.endswith(("_weight", "_constants"))


def _table(module: Module, layer: int, descriptor: dict[str, int], image: Words) -> NodeTable:
    """Cut the sections of ``module`` out of ``image`` and lay them side by side."""
    starts = sorted(value for field, value in descriptor.items() if _is_offset(field))
    ends = dict(zip(starts, [*starts[1:], image.size * 8], strict=True))
    fields: dict[str, int] = {}
    parts: list[Words] = []
    at = 0
    for field, value in descriptor.items():
        if field.startswith(_FFN_FIELDS) != (module == "ffn"):
            continue
        fields[field] = at if _is_offset(field) else value
        if _is_offset(field):
            parts.append(image[value // 8 : ends[value] // 8])
            at += ends[value] - value
    return NodeTable(module, layer, fields, np.concatenate(parts))


def node_tables(program: EncoderProgram) -> list[NodeTable]:
    """Return the nodes of ``program`` in data flow order: MHA and FFN of layer 0, of layer 1, ..."""
    image = np.frombuffer(build_image(program, program_hash(program)), dtype="<u8").astype(np.uint64)
    count = len(DESCRIPTOR_FIELDS)
    rows = [HEADER_WORDS + DESCRIPTOR_WORDS * index for index in range(program.shape.layers)]
    descriptors = [
        dict(zip(DESCRIPTOR_FIELDS, image[row : row + count].astype(np.int64).tolist(), strict=True))
        for row in rows
    ]
    # A layer's last section ends where the next layer's first one begins.
    bounds = [min(v for f, v in d.items() if _is_offset(f)) // 8 for d in descriptors] + [image.size]
    return [
        _table(module, index, descriptor, image[: bounds[index + 1]])
        for index, descriptor in enumerate(descriptors)
        for module in MODULES
    ]
