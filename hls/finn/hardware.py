# SPDX-License-Identifier: Apache-2.0
"""Encoder graph to FINN hardware nodes: RTL form, folding, width converters, FIFOs, generated code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy

from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO
from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from finn.util.basic import get_dsp_block
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from batflow.errors import InputError

from .environment import DEFAULT_PART
from .stream_op import DOMAIN

_PART = re.compile(r"xc(zu|ku|vu|k26|u\d)[0-9a-z]*-[a-zA-Z0-9-]+")


def check_part(part: str) -> None:
    """Refuse a part for which the graph has no all-RTL form.

    Raises:
        InputError: no UltraScale or UltraScale+ part number.
    """
    if not _PART.fullmatch(part) or get_dsp_block(part) != "DSP48E2":
        raise InputError(
            f"FINN part {part!r} is not known here; give the full number of an UltraScale or UltraScale+ "
            f"part, such as {DEFAULT_PART} (FINN's RTL MVAU needs DSP48E2 for these weights)"
        )


def unconverted(model: ModelWrapper) -> list[str]:
    """Nodes that are not FINN dataflow nodes with an RTL form, by name."""
    return [node.name for node in model.graph.node if node.domain != f"{DOMAIN}.rtl"]


def specialize(model: ModelWrapper, part: str) -> ModelWrapper:
    """The RTL form of every node.

    Raises:
        InputError: an unknown part, or a node that FINN has no RTL for.
    """
    check_part(part)
    chosen = model.transform(SpecializeLayers(part))
    rename(chosen)
    left = unconverted(chosen)
    if left:
        raise InputError(f"FINN has no RTL on {part} for {', '.join(left)}; use another part or other widths")
    return chosen


def rename(model: ModelWrapper) -> None:
    """Name nodes after their first output; converters, FIFOs and their tensors after what they follow."""
    ends = {value.name for value in model.graph.output}
    for node in model.graph.node:
        suffix = next((s for k, s in _FOLLOWERS.items() if node.op_type.startswith(k)), "")
        node.name = node.input[0] + suffix if suffix else node.output[0]
        if suffix and node.output[0] not in ends:
            model.rename_tensor(node.output[0], node.name)


_FOLLOWERS = {"StreamingDataWidthConverter": "_dwc", "StreamingFIFO": "_fifo"}
RESULT = "result"
"""Name of the output of a connected graph."""


def connect(model: ModelWrapper, part: str, depths: Mapping[str, int], default: int) -> ModelWrapper:
    """Width converters and FIFOs between all nodes and at both ends; FIFO ``depths`` by name."""
    wired = ModelWrapper(deepcopy(model.model)).transform(InsertDWC()).transform(SpecializeLayers(part))
    wired = wired.transform(InsertFIFO(create_shallow_fifos=True)).transform(SpecializeLayers(part))
    last = wired.graph.output[0].name
    inner = wired.find_producer(last).input[0]  # FINN made a new name for what goes into the last FIFO
    wired.rename_tensor(last, RESULT)
    wired.rename_tensor(inner, last)
    rename(wired)
    for node in wired.get_nodes_by_op_type("StreamingFIFO_rtl"):
        getCustomOp(node).set_nodeattr("depth", max(2, depths.get(node.name, default)))
    return wired


def generate(model: ModelWrapper, part: str, clock_ns: float) -> ModelWrapper:
    """Write every node's RTL below FINN's build folder."""
    return model.transform(PrepareIP(part, clock_ns))
