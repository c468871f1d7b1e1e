# SPDX-License-Identifier: Apache-2.0
"""Folding: the least parallelism of every node that meets a target of clocks a frame.

FINN's SetFolding passes over operators that it does not know, and does not see that the weights of a
dynamic MVAU must be loaded within the frame too. This search covers every node of our graphs. Factors are
powers of two.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

_WIDEST = 4096
"""Bits of a weight stream at most."""


@dataclass(frozen=True)
class Folding:
    """What was reached: clocks a frame of the slowest node, its name, and every node's clocks."""

    target: int
    interval: int
    slowest: str
    cycles: dict[str, int]

    @property
    def met(self) -> bool:
        """Whether the target was reached."""
        return self.interval <= self.target


def node_cycles(operator: Any) -> int:
    """Clocks a frame of a node, the loading of a dynamic MVAU's weights included. Source: estimate."""
    compute = int(operator.get_exp_cycles())
    if not operator.onnx_node.op_type.startswith("MVAU"):
        return compute
    if operator.get_nodeattr("mem_mode") != "dynamic":
        return compute
    batches = math.prod(int(size) for size in list(operator.get_nodeattr("numInputVectors"))[:-1])
    words = int(operator.get_nodeattr("MH")) // int(operator.get_nodeattr("PE"))
    return max(compute, batches * int(operator.get_nodeattr("MW")) * words)


def fold(model: ModelWrapper, target: int, part: str) -> Folding:
    """Set PE and SIMD of every node in place for ``target`` clocks a frame.

    Where a node cannot reach the target, the others are folded for what that node reaches.
    """
    operators = [getCustomOp(node) for node in model.graph.node]
    slowest = max(_fold_node(operator, target, part) for operator in operators)
    if slowest > target:
        for operator in operators:
            _fold_node(operator, slowest, part)
    return measure(model, target)


def measure(model: ModelWrapper, target: int = 0) -> Folding:
    """Clocks of a model as it is folded."""
    cycles = {node.name: node_cycles(getCustomOp(node)) for node in model.graph.node}
    slowest = max(cycles, key=lambda name: cycles[name])
    return Folding(target, cycles[slowest], slowest, cycles)


def _fold_node(operator: Any, target: int, part: str) -> int:
    """Fold one node as little as the target allows; return its clocks."""
    best: tuple[Any, ...] | None = None
    for factors in _choices(operator):
        for name, value in factors.items():
            operator.set_nodeattr(name, value)
        cycles = node_cycles(operator)
        missed = max(0, cycles - target)
        work = math.prod(factors.values())
        rank = (missed, int(operator.dsp_estimation(part)), work, factors.get("PE", 0))
        if best is None or rank < best[0]:
            best = (rank, factors, cycles)
    assert best is not None  # every choice list has the factor 1
    for name, value in best[1].items():
        operator.set_nodeattr(name, value)
    return int(best[2])


def _choices(operator: Any) -> Iterator[dict[str, int]]:
    kind = operator.onnx_node.op_type
    if kind.startswith("MVAU"):
        bits = operator.get_input_datatype(1).bitwidth()
        for simd in _factors(operator.get_nodeattr("MW")):
            for pe in _factors(operator.get_nodeattr("MH")):
                if pe * simd * bits <= _WIDEST:
                    yield {"PE": pe, "SIMD": simd}
    elif kind.startswith("Thresholding"):
        for pe in _factors(operator.get_nodeattr("NumChannels")):
            yield {"PE": pe}
    elif kind.startswith("Bat"):
        streams = [*operator.inputs(), *operator.outputs()]
        widths = [stream.shape[-1] for stream in streams]
        for simd in _factors(min(widths)):
            # Our units need a row of more than one beat.
            if all(width % simd == 0 and width > simd for width in widths) or simd == 1:
                yield {"SIMD": simd}
    else:
        yield {}


def _factors(size: int) -> Iterator[int]:
    """Powers of two that divide ``size``."""
    factor = 1
    while size % factor == 0:
        yield factor
        factor *= 2
