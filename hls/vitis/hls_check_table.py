# SPDX-License-Identifier: Apache-2.0
"""The HLS pragmas of Vitis HLS 2024.1 to 2025.2: their options, values and places.

What it was held against, pragma by pragma, and where the two sources differ: docs/vitis_hls.md, "The table of
pragmas". Where they differ the narrower one stands here: what one release ignores in silence is a fault.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FUNCTION, LOOP, REGION, ANY, TOP = "function", "loop", "block in braces", "any", "top function"
SWITCH = ("true", "false", "1", "0")
"""What ``off = `` may be; the word alone means true."""

_PARTITION = ("complete", "block", "cyclic")
_MEMORIES = ("ram_1p", "ram_1wnr", "ram_2p", "ram_s2p", "ram_t2p", "rom_1p", "rom_2p", "rom_np")
INTEGER_OPERATIONS = ("mul", "add", "sub")
_OPERATIONS = (
    *INTEGER_OPERATIONS,
    *("fadd", "fsub", "fdiv", "fexp", "flog", "fmul", "frsqrt", "frecip", "fsqrt"),
    *("dadd", "dsub", "ddiv", "dexp", "dlog", "dmul", "drsqrt", "drecip", "dsqrt"),
    *("hadd", "hsub", "hdiv", "hmul", "hsqrt"),
)
STORAGE = {
    "fifo": ("bram", "lutram", "uram", "srl", "memory"),
    "ram_1p": ("auto", "bram", "lutram", "uram"),
    "ram_1wnr": ("auto", "bram", "lutram", "uram"),
    "ram_2p": ("auto", "bram", "lutram", "uram"),
    "ram_s2p": ("bram", "bram_ecc", "lutram", "uram", "uram_ecc"),
    "ram_t2p": ("bram", "uram"),
    "rom_1p": ("auto", "bram", "lutram"),
    "rom_2p": ("auto", "bram", "lutram"),
    "rom_np": ("bram", "lutram"),
}
"""Type of BIND_STORAGE -> what may implement it."""


@dataclass(frozen=True)
class PragmaForm:
    """What one pragma may hold and where it may stand.

    ``values``: option -> the words that it may have (empty: any expression). ``flags``: words without a
    value. ``bare``: option -> words that may also stand without ``option =``. ``needs``: options that must
    be there. ``places``: kinds of block whose body it must stand in directly. ``first``: it must stand
    before every statement of that block. ``order``: options that must come in this order. ``loops``: options
    for loops alone. ``parameter``: what it names must be a parameter of the function.
    """

    places: tuple[str, ...]
    values: dict[str, tuple[str, ...]]
    flags: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    first: bool = False
    order: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()
    parameter: bool = False


def _options(*names: str, **values: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {**dict.fromkeys(names, ()), **values}


_VARIABLE = _options("variable")
_SPLIT = PragmaForm(
    (ANY,),
    _options("variable", "factor", "dim", type=_PARTITION, off=SWITCH),
    ("off",),
    bare=("type",),
    needs=("variable",),
)
_INTERFACE = PragmaForm((TOP,), _options("port", "name"), bare=("mode",), needs=("port", "mode"))
_DIRECT = _options("depth", direct_io=("true", "false"))
_CONTROL = _options(port=("return",))
_AXI_READS = ("num_read_outstanding", "max_read_burst_length", "latency", "max_widen_bitwidth", "channel")
_AXI_WRITES = ("num_write_outstanding", "max_write_burst_length")
_MODES: dict[str, tuple[dict[str, tuple[str, ...]], tuple[str, ...]]] = {
    "m_axi": (_options(*_AXI_READS, *_AXI_WRITES, "bundle", "depth", offset=("slave", "direct", "off")), ()),
    "s_axilite": (_options("bundle", "offset", "clock", "storage_impl"), ("register",)),
    "axis": (_options("depth", register_mode=("forward", "reverse", "both", "off")), ("register",)),
    "ap_memory": (_options("depth", "latency", storage_type=_MEMORIES), ()),
    "bram": (_options("depth", "latency", storage_type=_MEMORIES), ()),
    "ap_fifo": (_options("depth"), ("register",)),
    "ap_none": (_DIRECT, ("register",)),
    "ap_ack": (_DIRECT, ("register",)),
    "ap_ovld": (_DIRECT, ("register",)),
    "ap_vld": ({**_DIRECT, "interrupt": ()}, ("register",)),
    "ap_hs": ({**_DIRECT, "interrupt": ()}, ("register",)),
    "ap_ctrl_none": (_CONTROL, ()),
    "ap_ctrl_hs": (_CONTROL, ()),
    "ap_ctrl_chain": (_CONTROL, ()),
}
INTERFACES: dict[str, PragmaForm] = {
    mode: replace(
        _INTERFACE,
        values={**_INTERFACE.values, **values, "mode": tuple(_MODES)},
        flags=flags,
        bare=("mode", "register_mode") if "register_mode" in values else ("mode",),
        order=("mode", "offset"),  # the tool reads an offset by the mode that it has seen
        parameter=True,
    )
    for mode, (values, flags) in _MODES.items()
}
"""Mode of INTERFACE -> what may stand beside it."""

FORMS: dict[str, PragmaForm] = {
    "aggregate": PragmaForm(
        (ANY,),
        _options("variable", compact=("bit", "byte", "none", "auto")),
        bare=("compact",),
        needs=("variable",),
    ),
    "alias": PragmaForm((TOP,), _options("ports", "distance", "offset"), needs=("ports",), parameter=True),
    "allocation": PragmaForm(
        (ANY,),
        _options("instances", "limit", type=("function", "operation")),
        bare=("type",),
        needs=("type", "instances", "limit"),
        order=("type", "instances"),
    ),
    "array_partition": _SPLIT,
    "array_reshape": replace(_SPLIT, flags=("off", "object")),
    "array_stencil": PragmaForm((LOOP,), _VARIABLE, ("off",), needs=("variable",)),
    "bind_op": PragmaForm(
        (ANY,),
        _options(
            *("variable", "latency"),
            op=_OPERATIONS,
            impl=("fabric", "dsp", "meddsp", "fulldsp", "maxdsp", "primitivedsp"),
        ),
        needs=("variable", "op"),
    ),
    "bind_storage": PragmaForm(
        (ANY,),
        _options(
            *("variable", "latency"),
            type=tuple(STORAGE),
            impl=tuple(sorted({impl for impls in STORAGE.values() for impl in impls})),
        ),
        needs=("variable", "type"),
    ),
    "cache": PragmaForm(
        (TOP,), _options("port", "lines", "depth", "ports", "l2_lines"), needs=("port",), parameter=True
    ),
    "dataflow": PragmaForm((FUNCTION, LOOP), {}, ("disable_start_propagation",), first=True),
    "dependence": PragmaForm(
        (FUNCTION, LOOP),
        _options(
            *("variable", "distance"),
            **{"class": ("array", "pointer")},
            type=("inter", "intra"),
            direction=("raw", "war", "waw"),
            dependent=("true", "false"),
        ),
        bare=("class", "type", "direction", "dependent"),
    ),
    "disaggregate": PragmaForm((ANY,), _VARIABLE, needs=("variable",)),
    "expression_balance": PragmaForm((ANY,), _options(off=SWITCH), ("off",)),
    "function_instantiate": PragmaForm((FUNCTION,), _VARIABLE, needs=("variable",), parameter=True),
    "inline": PragmaForm((FUNCTION,), _options(off=SWITCH), ("off", "recursive"), first=True),
    "interface": replace(  # of no mode yet: what any of them takes
        _INTERFACE,
        values={option: () for form in INTERFACES.values() for option in form.values}
        | {"mode": tuple(_MODES)},
        flags=("register",),
        parameter=True,
    ),
    "latency": PragmaForm((ANY,), _options("min", "max")),
    "loop_flatten": PragmaForm((LOOP,), _options(off=SWITCH), ("off",), first=True),
    "loop_merge": PragmaForm((ANY,), {}, ("force",), first=True),
    "loop_tripcount": PragmaForm((LOOP,), _options("min", "max", "avg"), needs=("max",)),
    "occurrence": PragmaForm((LOOP, REGION), _options("cycle", off=SWITCH), ("off",)),
    "performance": PragmaForm((FUNCTION, LOOP), _options("target_ti", "target_tl", unit=("cycle", "sec"))),
    "pipeline": PragmaForm(
        (FUNCTION, LOOP),
        _options("ii", style=("stp", "flp", "frp"), off=SWITCH, rewind=("true", "false")),
        ("off", "rewind"),
        first=True,
        loops=("rewind",),
    ),
    "protocol": PragmaForm((LOOP, REGION), _options(mode=("floating", "fixed")), bare=("mode",)),
    "reset": PragmaForm((ANY,), _options("variable", off=SWITCH), ("off",), needs=("variable",)),
    "stable": PragmaForm((FUNCTION, LOOP), _VARIABLE, ("off",), needs=("variable",)),
    "stream": PragmaForm(
        (ANY,),
        _options("variable", "depth", type=("fifo", "pipo", "shared", "unsync")),
        needs=("variable",),
    ),
    "top": PragmaForm((FUNCTION,), _options("name"), needs=("name",)),
    "unroll": PragmaForm((LOOP,), _options("factor", off=SWITCH), ("skip_exit_check", "off"), first=True),
}

REPLACED: dict[str, str] = {
    "array_map": "join the arrays in the source",
    "clock": "set the clock in hls_config.cfg",
    "data_pack": "write aggregate",
    "extract": "leave it out",
    "region": "put the statements into a block in braces",
    "resource": "write bind_op or bind_storage; for an argument, interface with storage_type",
    "shared": "write stream with type = shared",
}
"""Pragmas of Vivado HLS that Vitis HLS no longer takes -> what to do."""
REPLACED_OPTIONS: dict[tuple[str, str], str] = {
    ("dataflow", "interval"): "leave it out",
    ("inline", "all"): "write inline in each function",
    ("inline", "region"): "write inline in each function",
    ("inline", "self"): "leave the word out",
    ("interface", "ap_bus"): "write m_axi",
    ("interface", "ap_stable"): "write ap_none, and a stable pragma",
    ("pipeline", "enable_flush"): "write style = flp",
    ("stream", "dim"): "leave it out",
    ("stream", "off"): "write type = pipo",
    ("unroll", "complete"): "leave the word out",
    ("unroll", "partial"): "write factor =",
    ("unroll", "region"): "write unroll in each loop",
}
"""Options that it no longer takes -> what to do."""
