# SPDX-License-Identifier: Apache-2.0
"""The DMA model, the memory model, and plain pynq code on the emulated device."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from batflow.errors import EngineError, FormatError
from batflow.host.devices.axi_dma import AxiDma
from batflow.host.devices.memory import PAGE, Ddr

RUN, RESET = 1, 4
HALTED, IDLE, INTERNAL, DECODE, IOC = 1, 2, 0x10, 0x40, 0x1000


class Loop:
    """A stream that gives back what it took, with random backpressure; TLAST every ``packet`` bytes."""

    def __init__(self, seed: int = 0, packet: int | None = None) -> None:
        self.random = random.Random(seed)
        self.data = b""
        self.ends: list[int] = []
        self.packet = packet
        self.lasts: list[bool] = []

    def push(self, data: bytes, last: bool) -> int:
        taken = self.random.randint(0, len(data))
        self.data += data[:taken]
        if taken == len(data):
            self.lasts.append(last)
        return taken

    def pop(self, capacity: int) -> tuple[bytes, bool]:
        count = min(capacity, self.random.randint(0, 50), len(self.data))
        out, self.data = self.data[:count], self.data[count:]
        return out, bool(out) and not self.data and bool(self.lasts and self.lasts[-1])


def small_ddr() -> Ddr:
    return Ddr(base=0x4000_0000, size=1 << 16)


def transfer(dma: AxiDma, channel: int, address: int, size: int) -> None:
    dma.write(channel, RUN)
    dma.write(channel + 0x18, address & 0xFFFFFFFF)
    dma.write(channel + 0x1C, address >> 32)
    dma.write(channel + 0x28, size)


@pytest.mark.parametrize("size", [8, 1000, 70_000])
def test_dma_moves_bytes_under_backpressure(size: int) -> None:
    ddr, stream = Ddr(base=1 << 33, size=1 << 18), Loop(seed=size)
    dma = AxiDma(ddr, stream)
    data = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    ddr.cells[:size] = data
    transfer(dma, 0, ddr.base, size)
    transfer(dma, 0x30, ddr.base + (1 << 17), size + 64)
    assert not dma.read(0x04) & IDLE
    for _ in range(200_000):
        dma.step()
        if dma.read(0x04) & IDLE and dma.read(0x34) & IDLE:
            break
    assert dma.read(0x34) & (IOC | IDLE) == IOC | IDLE
    assert dma.read(0x58) == size
    assert np.array_equal(ddr.cells[1 << 17 :][:size], data)
    assert not ddr.cells[(1 << 17) + size :][:64].any()
    dma.write(0x34, IOC)
    assert not dma.read(0x34) & IOC


def test_dma_registers_follow_pg021() -> None:
    dma = AxiDma(small_ddr(), Loop())
    assert (dma.read(0x00), dma.read(0x04)) == (0x0001_0002, HALTED)
    dma.write(0x28, 64)
    assert dma.read(0x04) == HALTED
    dma.write(0x00, RUN)
    assert dma.read(0x04) == 0
    dma.write(0x00, 0)
    assert dma.read(0x04) == HALTED
    assert dma.read(0x70) == 0


@pytest.mark.parametrize("channel", [0, 0x30])
@pytest.mark.parametrize(
    ("address", "size", "bit"),
    [(0x1000, 64, DECODE), (0x4000_FFF0, 64, DECODE), (0x4000_0000, 0, INTERNAL)],
)
def test_dma_error_halts_until_reset(channel: int, address: int, size: int, bit: int) -> None:
    stream = Loop()
    stream.data = b"x" * 4096
    dma = AxiDma(small_ddr(), stream)
    transfer(dma, channel, address, size)
    for _ in range(50):
        dma.step()
    status = dma.read(channel + 4)
    assert status & bit
    assert status & HALTED
    dma.write(channel, RUN)
    assert dma.read(channel + 4) & HALTED
    dma.write(0, RESET)
    assert dma.read(channel + 4) == HALTED
    dma.write(channel, RUN)
    assert dma.read(channel + 4) == 0


def test_dma_packet_longer_than_the_buffer() -> None:
    stream = Loop()
    stream.data = b"y" * 100
    dma = AxiDma(small_ddr(), stream)
    transfer(dma, 0x30, 0x4000_0000, 64)
    for _ in range(50):
        dma.step()
    assert dma.read(0x34) & (INTERNAL | HALTED) == INTERNAL | HALTED


def test_memory_regions_are_separate_and_come_back() -> None:
    ddr = small_ddr()
    rng = random.Random(2)
    held: dict[int, int] = {}
    for _ in range(300):
        if held and rng.random() < 0.5:
            offset = rng.choice(list(held))
            held.pop(offset)
            ddr.give(offset)
        else:
            size = rng.randint(1, 3 * PAGE)
            try:
                offset = ddr.take(size)
            except EngineError:
                continue
            rounded = -(-size // PAGE) * PAGE
            assert all(offset + rounded <= o or o + s <= offset for o, s in held.items())
            held[offset] = rounded
        assert ddr.used == sum(held.values())
    for offset in list(held):
        ddr.give(offset)
    assert ddr.take(1 << 16) == 0
    with pytest.raises(EngineError, match="close buffers"):
        ddr.take(1)


pynq = pytest.importorskip("pynq", reason="pynq is not installed: pip install batflow[board]")


def test_plain_pynq_code(bundle_dir: Path, mode: pytest.MonkeyPatch) -> None:
    """What a user without batflow would write: Overlay, allocate, DMA, MMIO, register_map, Clocks."""
    from batflow.host.devices.emulated import instance

    overlay = pynq.Overlay(str(bundle_dir / "batflow.bit"), device=instance())
    assert overlay.is_loaded()
    assert set(overlay.ip_dict) >= {"axi_dma_0", "bat_top_0"}
    assert overlay.ip_dict["bat_top_0"]["type"] == "xilinx.com:hls:bat_top:1.0"
    assert isinstance(overlay.axi_dma_0, pynq.lib.dma.DMA)
    registers = overlay.bat_top_0.register_map
    assert int(registers.VERSION) >> 16 == 1
    assert registers.CTRL.AP_IDLE == 1
    registers.BATCH = 5
    assert overlay.bat_top_0.read(0x30) == 5
    mmio = pynq.MMIO(0xA001_0000, 0x10000, device=instance())
    assert mmio.read(0x50) == int(registers.VERSION)
    assert pynq.Clocks.fclk0_mhz == pytest.approx(249.9975)
    source = pynq.allocate((256,), "u2", target=instance())
    assert source.physical_address % PAGE == 0
    assert not np.asarray(source).any()
    source[:] = 7
    assert instance().ddr.read_bus(source.physical_address, 2) != b"\7\0"
    source.flush()
    assert instance().ddr.read_bus(source.physical_address, 2) == b"\7\0"
    part = source[16:32]
    part[:] = 9
    part.sync_to_device()
    assert instance().ddr.read_bus(source.physical_address + 30, 4) == b"\7\0\t\0"


def test_a_device_that_pynq_finds_by_itself(bundle_dir: Path) -> None:
    from batflow.host.devices.emulated import EmulatedDevice, instance

    assert instance() is instance()
    assert EmulatedDevice._probe_() == [instance()]
    assert type(pynq.Device).__name__ == "DeviceMeta"
    assert EmulatedDevice in type(pynq.Device)._subclasses.values()


def test_access_outside_every_peripheral(bundle_dir: Path) -> None:
    from batflow.host.devices.emulated import instance

    with pytest.raises(EngineError, match="nothing answers at 0xb0000000"):
        pynq.MMIO(0xB000_0000, 16, device=instance()).read(0)


def test_bitstream_that_is_no_library(bundle_copy: Path) -> None:
    from batflow.host.devices.emulated import instance

    for content, text in [
        (b"\0\t\x0f\xf0bitstream", "no shared library"),
        (b"\x7fELF123", "no engine library"),
    ]:
        (bundle_copy / "batflow.bit").write_bytes(content)
        with pytest.raises(FormatError, match=text):
            pynq.Overlay(str(bundle_copy / "batflow.bit"), device=instance())
    (bundle_copy / "batflow.hwh").unlink()
    with pytest.raises(FormatError, match=r"batflow\.hwh is missing"):
        pynq.Overlay(str(bundle_copy / "batflow.bit"), device=instance())
