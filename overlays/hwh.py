# SPDX-License-Identifier: Apache-2.0
"""The hardware handoff (.hwh) that pynq reads: processing system, AXI DMA, accelerator.

Vivado writes such a file for a block design; this one holds the part of it that pynqmetadata
parses, with every register and field of the register table. Source: ours, after the form of
Vivado's files.
"""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from batflow.hls.registers.table import REGISTERS, Register

from .board import Board

ACCELERATOR_VLNV = "xilinx.com:hls:bat_top:1.0"
ACCELERATOR_NAME = "bat_top_0"
DMA_VLNV = "xilinx.com:ip:axi_dma:7.1"
DMA_NAME = "axi_dma_0"
PS_VLNV = "xilinx.com:ip:zynq_ultra_ps_e:3.5"
PS_NAME = "zynq_ultra_ps_e_0"
WINDOW = 0x1_0000
PL_CLOCKS = 4
STREAM_BITS = 64

_ACCESS = {"rw": "read-write", "ro": "read-only"}
_DMA_REGISTERS = (
    ("MM2S_DMACR", 0x00),
    ("MM2S_DMASR", 0x04),
    ("MM2S_SA", 0x18),
    ("MM2S_SA_MSB", 0x1C),
    ("MM2S_LENGTH", 0x28),
    ("S2MM_DMACR", 0x30),
    ("S2MM_DMASR", 0x34),
    ("S2MM_DA", 0x48),
    ("S2MM_DA_MSB", 0x4C),
    ("S2MM_LENGTH", 0x58),
)


def _property(parent: Xml.Element, name: str, value: object) -> None:
    Xml.SubElement(parent, "PROPERTY", NAME=name, VALUE=str(value))


def _register(parent: Xml.Element, name: str, offset: int, access: str, text: str = "") -> Xml.Element:
    """Add one 32-bit register; returns the element that holds its fields."""
    register = Xml.SubElement(parent, "REGISTER", NAME=name)
    for key, value in (
        ("DESCRIPTION", text),
        ("ADDRESS_OFFSET", offset),
        ("SIZE", 32),
        ("ACCESS", access),
        ("IS_ENABLED", "true"),
    ):
        _property(register, key, value)
    return Xml.SubElement(register, "FIELDS")


def _table_register(parent: Xml.Element, register: Register) -> None:
    """Add a register of the table: its words of 32 bits (``_LO``, ``_HI`` where two) and fields."""
    suffixes = ("",) if register.words == 1 else ("_LO", "_HI")
    for word, suffix in enumerate(suffixes):
        name, offset = register.name + suffix, register.offset + 4 * word
        fields = _register(parent, name, offset, _ACCESS[register.access], register.text)
        for field in register.fields:
            element = Xml.SubElement(fields, "FIELD", NAME=field.name)
            _property(element, "DESCRIPTION", field.text)
            _property(element, "BIT_OFFSET", field.lsb)
            _property(element, "BIT_WIDTH", field.width)
            _property(element, "ACCESS", _ACCESS[field.access])


def _module(
    parent: Xml.Element, name: str, vlnv: str, parameters: dict[str, object], programmable: bool = True
) -> Xml.Element:
    module = Xml.SubElement(
        parent,
        "MODULE",
        FULLNAME=f"/{name}",
        HWVERSION=vlnv.rpartition(":")[2],
        INSTANCE=name,
        IPTYPE="PERIPHERAL" if programmable else "PROCESSOR",
        IS_ENABLE="1",
        IS_PL="TRUE" if programmable else "FALSE",
        MODCLASS="PERIPHERAL" if programmable else "PROCESSOR",
        MODTYPE=vlnv.split(":")[2],
        VLNV=vlnv,
    )
    Xml.SubElement(module, "ADDRESSBLOCKS")
    listed = Xml.SubElement(module, "PARAMETERS")
    for key, value in parameters.items():
        Xml.SubElement(listed, "PARAMETER", NAME=key, VALUE=str(value))
    Xml.SubElement(module, "PORTS")
    Xml.SubElement(module, "BUSINTERFACES")
    return module


def _part(module: Xml.Element, name: str) -> Xml.Element:
    element = module.find(name)
    if element is None:
        raise KeyError(name)
    return element


def _bus(module: Xml.Element, name: str, kind: str, net: str, protocol: str = "aximm") -> None:
    bus = Xml.SubElement(
        _part(module, "BUSINTERFACES"),
        "BUSINTERFACE",
        BUSNAME=net,
        NAME=name,
        TYPE=kind,
        VLNV=f"xilinx.com:interface:{protocol}:1.0",
    )
    Xml.SubElement(bus, "PORTMAPS")


def _register_block(module: Xml.Element, interface: str) -> Xml.Element:
    block = Xml.SubElement(
        _part(module, "ADDRESSBLOCKS"),
        "ADDRESSBLOCK",
        ACCESS="read-write",
        INTERFACE=interface,
        NAME="Reg",
        RANGE=str(WINDOW),
        USAGE="register",
    )
    return Xml.SubElement(block, "REGISTERS")


def _dma(modules: Xml.Element) -> None:
    # pynq reads these names in lower case only; without them a channel is None.
    parameters: dict[str, object] = {
        "c_include_sg": 0,
        "c_micro_dma": 0,
        "c_sg_length_width": 26,
        "c_addr_width": 40,
    }
    for way in ("mm2s", "s2mm"):
        parameters |= {
            f"c_include_{way}": 1,
            f"c_include_{way}_dre": 0,
            f"c_m_axi_{way}_data_width": STREAM_BITS,
            f"c_{way}_burst_size": 16,
        }
    module = _module(modules, DMA_NAME, DMA_VLNV, parameters)
    registers = _register_block(module, "S_AXI_LITE")
    for name, offset in _DMA_REGISTERS:
        _register(registers, name, offset, "read-write")
    _bus(module, "S_AXI_LITE", "SLAVE", "control_dma")
    _bus(module, "M_AXI_MM2S", "MASTER", "memory_mm2s")
    _bus(module, "M_AXI_S2MM", "MASTER", "memory_s2mm")
    _bus(module, "M_AXIS_MM2S", "INITIATOR", "stream_in", "axis")
    _bus(module, "S_AXIS_S2MM", "TARGET", "stream_out", "axis")


def _accelerator(modules: Xml.Element) -> None:
    module = _module(modules, ACCELERATOR_NAME, ACCELERATOR_VLNV, {})
    registers = _register_block(module, "s_axi_control")
    for register in REGISTERS:
        _table_register(registers, register)
    _bus(module, "s_axi_control", "SLAVE", "control_accelerator")
    _bus(module, "m_axi_gmem", "MASTER", "memory_weights")
    _bus(module, "s_axis_in", "TARGET", "stream_in", "axis")
    _bus(module, "m_axis_out", "INITIATOR", "stream_out", "axis")


def _clock_parameters(board: Board, clock_mhz: float) -> dict[str, object]:
    """All four PL clocks: pynq fails where one lacks its source. Only clock 0 is on."""
    divisor, real_mhz = board.divide_clock(clock_mhz)
    parameters: dict[str, object] = {}
    for index in range(PL_CLOCKS):
        control = f"PSU__CRL_APB__PL{index}_REF_CTRL"
        parameters |= {
            f"{control}__DIVISOR0": divisor,
            f"{control}__DIVISOR1": 1,
            f"{control}__SRCSEL": "IOPLL",
            f"{control}__ACT_FREQMHZ": f"{real_mhz:.6f}",
            f"{control}__FREQMHZ": f"{clock_mhz:.6f}",
            f"PSU__FPGA_PL{index}_ENABLE": int(index == 0),
        }
    return parameters


def _processing_system(modules: Xml.Element, board: Board, clock_mhz: float) -> None:
    module = _module(modules, PS_NAME, PS_VLNV, _clock_parameters(board, clock_mhz), programmable=False)
    for net in ("control_dma", "control_accelerator"):
        _bus(module, "M_AXI_HPM0_FPD", "MASTER", net)
    _bus(module, "S_AXI_HP0_FPD", "SLAVE", "memory_weights")
    _bus(module, "S_AXI_HP1_FPD", "SLAVE", "memory_mm2s")
    ranges = Xml.SubElement(module, "MEMORYMAP")
    for name, interface, base in (
        (DMA_NAME, "S_AXI_LITE", board.dma_address),
        (ACCELERATOR_NAME, "s_axi_control", board.accelerator_address),
    ):
        Xml.SubElement(
            ranges,
            "MEMRANGE",
            ADDRESSBLOCK="Reg",
            BASENAME="C_BASEADDR",
            BASEVALUE=f"0x{base:010X}",
            HIGHNAME="C_HIGHADDR",
            HIGHVALUE=f"0x{base + WINDOW - 1:010X}",
            INSTANCE=name,
            IS_DATA="TRUE",
            IS_INSTRUCTION="TRUE",
            MASTERBUSINTERFACE="M_AXI_HPM0_FPD",
            MEMTYPE="REGISTER",
            SLAVEBUSINTERFACE=interface,
        )


def build_hwh(board: Board, clock_mhz: float) -> bytes:
    """Return the text of ``batflow.hwh`` for ``board`` at ``clock_mhz``."""
    root = Xml.Element("EDKSYSTEM", EDWVERSION="1.2", TIMESTAMP="batflow", VIVADOVERSION="2025.2")
    device, _, package = board.part.partition("-")
    Xml.SubElement(
        root,
        "SYSTEMINFO",
        ARCH="zynquplus",
        BOARD=board.name,
        DEVICE=device,
        NAME="batflow",
        PACKAGE=package.partition("-")[0],
    )
    Xml.SubElement(root, "EXTERNALPORTS")
    Xml.SubElement(root, "EXTERNALINTERFACES")
    modules = Xml.SubElement(root, "MODULES")
    _dma(modules)
    _accelerator(modules)
    _processing_system(modules, board, clock_mhz)
    Xml.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n' + Xml.tostring(root) + b"\n"
