"""What the benches share: the design's description, clock and reset, and the host at the registers."""

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

FOLDER = Path(os.environ["DESIGN_FOLDER"])
DESIGN = json.loads((FOLDER / "design.json").read_text())
REGISTERS = {register["name"]: register for register in DESIGN["registers"]}

START, SOFT_RESET, IRQ_ENABLE = 1, 2, 4
BUSY, DONE, ERROR = 1, 2, 4


def words(register):
    """Byte offset, bits in use and reset value of each 32-bit word of a register."""
    width = max(field["low"] + field["width"] for field in register["fields"])
    reset = sum(field["reset"] << field["low"] for field in register["fields"])
    for word in range(register["bits"] // 32):
        mask = (1 << min(32, width - 32 * word)) - 1
        yield register["offset"] + 4 * word, mask, (reset >> (32 * word)) & 0xFFFFFFFF


def pauses(probability, seed):
    """An endless random pattern of pauses."""
    rng = random.Random(seed)
    while True:
        yield rng.random() < probability


class Host:
    """The AXI4-Lite master."""

    def __init__(self, dut):
        self.dut = dut
        self.reset = getattr(dut, DESIGN["reset"])
        self.active = 0 if DESIGN["reset_active_low"] else 1
        bus = AxiLiteBus.from_prefix(dut, "s_axil")
        self.lite = AxiLiteMaster(bus, dut.clk, self.reset, reset_active_level=bool(self.active))

    async def start_clock(self):
        """Clock, and a reset of some cycles."""
        cocotb.start_soon(Clock(self.dut.clk, 2, units="ns").start())
        self.reset.value = self.active
        await ClockCycles(self.dut.clk, 5)
        self.reset.value = 1 - self.active
        await ClockCycles(self.dut.clk, 2)

    def stall(self, probability, seed):
        """Random pauses on all five channels."""
        write, read = self.lite.write_if, self.lite.read_if
        channels = [write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel]
        for i, channel in enumerate(channels):
            channel.set_pause_generator(pauses(probability, seed + i))

    async def write(self, offset, value, expected=AxiResp.OKAY):
        answer = await self.lite.write(offset, value.to_bytes(4, "little"))
        assert answer.resp == expected, f"write of {value:#x} to {offset:#x}: {answer.resp!r}"

    async def write_byte(self, address, value):
        """One byte, by its strobe."""
        answer = await self.lite.write(address, bytes([value]))
        assert answer.resp == AxiResp.OKAY

    async def read(self, offset, expected=AxiResp.OKAY):
        answer = await self.lite.read(offset, 4)
        assert answer.resp == expected, f"read of {offset:#x}: {answer.resp!r}"
        return int.from_bytes(answer.data, "little")

    async def get(self, name):
        """A register of 32 or 64 bits by name."""
        value = 0
        for i, (offset, _, _) in enumerate(words(REGISTERS[name])):
            value |= await self.read(offset) << (32 * i)
        return value

    async def control(self, value, expected=AxiResp.OKAY):
        await self.write(REGISTERS["CTRL"]["offset"], value, expected)

    async def clear(self):
        await self.write(REGISTERS["STATUS"]["offset"], DONE | ERROR)

    async def interrupt(self, cycles):
        """Waits for the interrupt at most so many cycles."""
        for _ in range(cycles):
            if self.dut.irq.value == 1:
                return
            await RisingEdge(self.dut.clk)
        raise AssertionError(f"no interrupt in {cycles} cycles, STATUS = {await self.get('STATUS'):#x}")
