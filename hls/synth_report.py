# SPDX-License-Identifier: Apache-2.0
"""What open synthesis says of a unit: a tree of LUT, LC, FF, CARRY, BRAM, URAM and DSP per instance.

Counts are cells after mapping for UltraScale+, before placement. All figures have source
"estimate (open synthesis)". Equal instances side by side are one node with a count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from batflow.errors import EngineError, FormatError

SOURCE = "estimate (open synthesis)"

# LUTs of a memory or shift-register cell (AMD UG574: a LUT holds 64 x 1 or 32 x 2 bits; a SRL one LUT).
_LUT_MEMORY = {
    "RAM32M16": 8, "RAM64M8": 8, "RAM32M": 4, "RAM64M": 4, "RAM64X8SW": 8, "RAM32X16DR8": 8,
    "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8,
    "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8,
    "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1,
}  # fmt: skip
_FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE", "LDCE", "LDPE")
_BLOCK_RAM = {"RAMB36E2": 1.0, "RAMB18E2": 0.5}
_OTHERS = ("INV", "LUT6_2", "CARRY4", "CARRY8", "URAM288", "DSP48E2")
_FREE = ("MUXF7", "MUXF8", "MUXF9", "BUFG", "GND", "VCC")
_LUTS = tuple(f"LUT{inputs}" for inputs in range(1, 7))


@dataclass(frozen=True)
class Resources:
    """Counts. ``lut`` are LUT1 to LUT6 cells, inverters, and the LUTs that serve as memory.

    ``lut_memory`` is that last part of ``lut``. ``lc`` estimates the LUT sites after two small LUTs share
    one (yosys's rule on counts, memory added). ``carry`` are CARRY4 cells; a CARRY8 holds two at most.
    """

    lut: float = 0
    lut_memory: float = 0
    lc: float = 0
    ff: float = 0
    carry: float = 0
    bram36: float = 0
    uram: float = 0
    dsp: float = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(a + b for a, b in zip(self.values(), other.values(), strict=True)))

    def __mul__(self, factor: float) -> Resources:
        return Resources(*(factor * value for value in self.values()))

    def values(self) -> tuple[float, ...]:
        """The counts in the order of the fields."""
        return tuple(getattr(self, item.name) for item in fields(self))

    def as_json(self) -> dict[str, float]:
        """The counts by name; whole numbers as integers."""
        return {name: int(v) if float(v).is_integer() else v for name, v in asdict(self).items()}


def logic_cells(luts: Mapping[int, int]) -> int:
    """LUT sites for ``luts`` (cells by number of inputs), where small ones share a site in pairs.

    The rule of yosys's ``stat -tech xilinx``: a LUT1 beside a LUT5 or LUT4, a LUT2 beside a LUT4 or
    LUT3, two LUT3, two LUT2. It looks at counts alone, so it is neither a bound above nor below.
    """
    left = {inputs: luts.get(inputs, 0) for inputs in range(1, 7)}
    sites = left[6]
    for large, partners in ((5, (1,)), (4, (1, 2)), (3, (1, 2))):
        sites += left[large]
        for small in partners:
            paired = min(left[large], left[small])
            left[large] -= paired
            left[small] -= paired
    sites -= left[3] // 2
    return sites + (left[2] + left[1] + 1) // 2


def counted_cells() -> tuple[str, ...]:
    """Types of the device's cells that `resources_of` takes."""
    return (*_LUTS, *_LUT_MEMORY, *_FLIP_FLOPS, *_BLOCK_RAM, *_FREE, *_OTHERS)


def resources_of(cells: Mapping[str, int]) -> Resources:
    """Count mapped ``cells`` (by type).

    Raises:
        EngineError: a cell that is none of the device's; it would be missing from the figures.
    """
    luts = {n: cells.get(f"LUT{n}", 0) for n in range(1, 7)}
    luts[1] += cells.get("INV", 0)
    luts[6] += cells.get("LUT6_2", 0)  # two outputs of one site
    memory = sum(cells.get(kind, 0) * each for kind, each in _LUT_MEMORY.items())
    unknown = sorted(set(cells) - set(counted_cells()))
    if unknown:
        raise EngineError(f"synthesis left cells that are not counted: {', '.join(unknown[:5])}")
    return Resources(
        lut=sum(luts.values()) + memory,
        lut_memory=memory,
        lc=logic_cells(luts) + memory,
        ff=sum(cells.get(kind, 0) for kind in _FLIP_FLOPS),
        carry=cells.get("CARRY4", 0) + 2 * cells.get("CARRY8", 0),
        bram36=sum(cells.get(kind, 0) * each for kind, each in _BLOCK_RAM.items()),
        uram=cells.get("URAM288", 0),
        dsp=cells.get("DSP48E2", 0),
    )


@dataclass(frozen=True)
class Unit:
    """A module instance, or ``count`` equal ones side by side.

    ``count`` and ``total`` are those of the whole design, ``total`` with the children's.
    """

    name: str
    module: str
    count: int
    total: Resources
    children: tuple[Unit, ...] = ()

    def times(self, number: int) -> Unit:
        """``number`` of this side by side."""
        children = tuple(child.times(number) for child in self.children)
        return Unit(self.name, self.module, self.count * number, self.total * number, children)

    def walk(self, path: str = "") -> Iterator[tuple[str, Unit]]:
        """This node and all below it, each with its path."""
        here = f"{path}/{self.name}" if path else self.name
        yield here, self
        for child in self.children:
            yield from child.walk(here)

    def as_json(self) -> dict[str, Any]:
        """The tree as JSON values."""
        return {
            "name": self.name,
            "module": self.module,
            "count": self.count,
            **self.total.as_json(),
            "children": [child.as_json() for child in self.children],
        }


@dataclass(frozen=True)
class SynthReport:
    """One synthesis: what was asked, the tree, the tool and the seconds it took.

    ``scaled`` is empty for a figure that was synthesized as it stands, else the formula it comes from.
    """

    top: str
    parameters: dict[str, int]
    family: str
    tree: Unit
    tool: str
    seconds: float
    scaled: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def total(self) -> Resources:
        """Counts of the whole."""
        return self.tree.total

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values, labelled with its source."""
        return {
            "source": SOURCE,
            "top": self.top,
            "parameters": self.parameters,
            "family": self.family,
            "tool": self.tool,
            "seconds": round(self.seconds, 2),
            "scaled": bool(self.scaled),
            "formula": self.scaled or None,
            "notes": list(self.notes),
            "tree": self.tree.as_json(),
        }


def unit_from_json(values: Mapping[str, Any]) -> Unit:
    """Read a tree that `Unit.as_json` wrote.

    Raises:
        FormatError: a name is missing.
    """
    try:
        counts = {item.name: values[item.name] for item in fields(Resources)}
        children = tuple(unit_from_json(child) for child in values["children"])
        return Unit(values["name"], values["module"], values["count"], Resources(**counts), children)
    except KeyError as exc:
        raise FormatError(f"the synthesis report has no {exc}; write it again") from exc


def _pattern(name: str) -> str:
    return re.sub(r"\[\d+\]", "[*]", name)


def unit_tree(netlist: Mapping[str, Any], top: str, keep: tuple[str, ...]) -> Unit:
    """Make the tree of ``top`` out of the worker's netlist; others than ``keep`` count to their parent."""
    shown: dict[str, Unit] = {}

    def gather(module: str) -> tuple[Counter[str], Counter[tuple[str, str]]]:
        """Cells and shown instances (module, name pattern) of a body, hidden modules dissolved."""
        cells = Counter(netlist[module]["cells"])
        instances: Counter[tuple[str, str]] = Counter()
        for name, child in netlist[module]["instances"]:
            if child.split("$")[0] in keep:
                instances[child, _pattern(name)] += 1
            else:
                inner, below = gather(child)
                cells += inner
                instances.update({(kind, f"{name}.{path}"): n for (kind, path), n in below.items()})
        return cells, instances

    def body(module: str) -> Unit:
        if module not in shown:
            cells, instances = gather(module)
            children = []
            for (kind, name), count in instances.items():
                one = Unit(name, kind.split("$")[0], 1, body(kind).total, body(kind).children)
                children.append(one.times(count))
            total = sum((child.total for child in children), resources_of(cells))
            shown[module] = Unit(module, module.split("$")[0], 1, total, tuple(children))
        return shown[module]

    return body(top)
