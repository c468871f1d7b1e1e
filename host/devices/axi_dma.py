# SPDX-License-Identifier: Apache-2.0
"""Model of the AXI DMA 7.1 in simple (direct register) mode. Source: Xilinx PG021, tables 2-7 to 2-20."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from batflow.errors import EngineError

CR_RUN = 1 << 0
CR_RESET = 1 << 2
CR_RESET_VALUE = 0x0001_0002
CR_WRITABLE = 0xFFFF_7001

SR_HALTED = 1 << 0
SR_IDLE = 1 << 1
SR_INTERNAL_ERROR = 1 << 4
SR_SLAVE_ERROR = 1 << 5
SR_DECODE_ERROR = 1 << 6
SR_ERRORS = SR_INTERNAL_ERROR | SR_SLAVE_ERROR | SR_DECODE_ERROR
SR_IOC = 1 << 12
SR_ERROR_IRQ = 1 << 14
SR_INTERRUPTS = SR_IOC | 1 << 13 | SR_ERROR_IRQ

CONTROL, STATUS, ADDRESS, ADDRESS_MSB, LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
S2MM = 0x30
"""Offset of the second channel's registers."""
CHUNK = 1 << 16
"""Bytes moved at most in one step of a channel, so that a poll returns soon."""


class Memory(Protocol):
    """Bus access of the DMA; both raise :class:`BusDecodeError` where no memory answers."""

    def read_bus(self, address: int, size: int) -> bytes:
        """Read ``size`` bytes."""
        ...

    def write_bus(self, address: int, data: bytes) -> None:
        """Write ``data``."""
        ...


class Stream(Protocol):
    """The two AXI4-Stream ports of the accelerator."""

    def push(self, data: bytes, last: bool) -> int:
        """Offer bytes; returns how many were taken."""
        ...

    def pop(self, capacity: int) -> tuple[bytes, bool]:
        """Take up to ``capacity`` bytes; True where they end with TLAST."""
        ...


class BusDecodeError(EngineError):
    """No memory answers at the address."""


@dataclass
class Channel:
    """Registers and progress of one channel."""

    control: int = CR_RESET_VALUE
    status: int = SR_HALTED
    address: int = 0
    length: int = 0
    moved: int = 0
    active: bool = False

    def write(self, offset: int, value: int) -> None:
        """Write one of the channel's registers, except the reset bit."""
        if offset == CONTROL:
            self._control(value)
        elif offset == STATUS:
            self.status &= ~(value & SR_INTERRUPTS)
        elif offset == ADDRESS:
            self.address = self.address & ~0xFFFF_FFFF | value
        elif offset == ADDRESS_MSB:
            self.address = self.address & 0xFFFF_FFFF | value << 32
        elif offset == LENGTH:
            self._start(value)

    def read(self, offset: int) -> int:
        """Read one of the channel's registers."""
        return {
            CONTROL: self.control,
            STATUS: self.status,
            ADDRESS: self.address & 0xFFFF_FFFF,
            ADDRESS_MSB: self.address >> 32,
            LENGTH: self.length,
        }.get(offset, 0)

    def _control(self, value: int) -> None:
        self.control = value & CR_WRITABLE | 0x2
        if not value & CR_RUN:
            self.active = False
            self.status = self.status & ~SR_IDLE | SR_HALTED
        elif not self.status & SR_ERRORS:
            # A channel that met an error stays halted until it is reset.
            self.status &= ~SR_HALTED

    def _start(self, value: int) -> None:
        if self.status & SR_HALTED:
            return
        self.length, self.moved = value, 0
        self.status &= ~SR_IDLE
        self.active = True
        if value == 0:
            self.fail(SR_INTERNAL_ERROR)

    def fail(self, bits: int) -> None:
        """Halt with the error ``bits``."""
        self.active = False
        self.status |= bits | SR_HALTED | SR_ERROR_IRQ
        self.control &= ~CR_RUN

    def complete(self) -> None:
        """Finish the transfer: idle, and interrupt on completion."""
        self.active = False
        self.status |= SR_IDLE | SR_IOC


class AxiDma:
    """The DMA's register window of 64 KiB, its memory port and its two streams."""

    def __init__(self, memory: Memory, stream: Stream, length_bits: int = 26) -> None:
        self._memory = memory
        self._stream = stream
        self._length_mask = (1 << length_bits) - 1
        self._reset()

    def _reset(self) -> None:
        self.mm2s, self.s2mm = Channel(), Channel()

    def _channel(self, offset: int) -> tuple[Channel, int]:
        return (self.s2mm, offset - S2MM) if offset >= S2MM else (self.mm2s, offset)

    def read(self, offset: int) -> int:
        """Read a register."""
        channel, local = self._channel(offset)
        return channel.read(local)

    def write(self, offset: int, value: int) -> None:
        """Write a register; the reset bit of either channel resets both."""
        channel, local = self._channel(offset)
        if local == CONTROL and value & CR_RESET:
            self._reset()
            return
        channel.write(local, value & self._length_mask if local == LENGTH else value)

    def step(self) -> None:
        """Move what the stream will take and what it has ready."""
        for channel, move in ((self.mm2s, self._move_out), (self.s2mm, self._move_in)):
            while channel.active and move(channel):
                pass

    def _move_out(self, channel: Channel) -> bool:
        size = min(CHUNK, channel.length - channel.moved)
        try:
            data = self._memory.read_bus(channel.address + channel.moved, size)
        except BusDecodeError:
            channel.fail(SR_DECODE_ERROR)
            return False
        taken = self._stream.push(data, channel.moved + size == channel.length)
        channel.moved += taken
        if channel.moved == channel.length:
            channel.complete()
        return taken > 0

    def _move_in(self, channel: Channel) -> bool:
        room = channel.length - channel.moved
        data, last = self._stream.pop(min(CHUNK, room))
        if not data:
            return False
        try:
            self._memory.write_bus(channel.address + channel.moved, data)
        except BusDecodeError:
            channel.fail(SR_DECODE_ERROR)
            return False
        channel.moved += len(data)
        if last:
            channel.length = channel.moved
            channel.complete()
        elif channel.moved == channel.length:
            # The packet is longer than the buffer: PG021 calls this an internal error.
            channel.fail(SR_INTERNAL_ERROR)
        return True
