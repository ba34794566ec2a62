"""The register block by itself: what an integrator's AXI4-Lite master sees, and what the core would."""

import random

import cocotb
from bench import BUSY, DESIGN, DONE, ERROR, IRQ_ENABLE, REGISTERS, SOFT_RESET, START, Host, words
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiResp

OFFSETS = {offset: register for register in DESIGN["registers"] for offset, _, _ in words(register)}
CONFIGURATION = [register for register in DESIGN["registers"] if register["access"] == "configuration"]
INCREMENTS = [register["name"] for register in DESIGN["registers"] if register["access"] == "counter"]


async def begin(dut, stalls=0.0):
    for name in ["busy", "done_set", "error_set", "error_cause"]:
        getattr(dut, name).value = 0
    for name in INCREMENTS:
        getattr(dut, f"inc_{name.lower()}").value = 0
    for name in ["block_lo", "block_hi"]:
        if hasattr(dut, name):
            getattr(dut, name).value = 0
    host = Host(dut)
    await host.start_clock()
    if stalls:
        host.stall(stalls, 7)
    return host


async def pulse(dut, name, value=1):
    """One cycle of an input."""
    getattr(dut, name).value = value
    await RisingEdge(dut.clk)
    getattr(dut, name).value = 0
    await ClockCycles(dut.clk, 2)


class Pulses:
    """Counts the cycles in which a signal is on."""

    def __init__(self, dut, signal):
        self.count = 0
        cocotb.start_soon(self.watch(dut, signal))

    async def watch(self, dut, signal):
        while True:
            await RisingEdge(dut.clk)
            self.count += int(signal.value)


@cocotb.test()
async def reset_values(dut):
    host = await begin(dut)
    for register in DESIGN["registers"]:
        for offset, _, reset in words(register):
            assert await host.read(offset) == reset, register["name"]


@cocotb.test()
async def configuration_reads_back(dut):
    host = await begin(dut)
    rng = random.Random(3)
    for stalls in [0.0, 0.6]:
        host.stall(stalls, 7)
        for register in CONFIGURATION:
            value = 0
            for i, (offset, mask, _) in enumerate(words(register)):
                word, byte = rng.getrandbits(32), rng.randrange(4)
                await host.write(offset, word)
                await host.write_byte(offset + byte, 0x5A)
                word = word & ~(0xFF << 8 * byte) | 0x5A << 8 * byte
                assert await host.read(offset) == word & mask, register["name"]
                value |= (word & mask) << (32 * i)
            assert getattr(dut, f"cfg_{register['name'].lower()}").value == value


@cocotb.test()
async def refusals(dut):
    host = await begin(dut)
    for offset in [offset for offset in range(0, 4096, 36) if offset not in OFFSETS]:
        await host.write(offset, 1, AxiResp.SLVERR)
        await host.read(offset, AxiResp.SLVERR)
    for offset, register in OFFSETS.items():
        if register["access"] in ["constant", "live", "counter"]:
            await host.write(offset, 0xFFFFFFFF, AxiResp.SLVERR)
    dut.busy.value = 1
    for register in CONFIGURATION:
        for offset, _, reset in words(register):
            await host.write(offset, 0xFFFFFFFF, AxiResp.SLVERR)
            assert await host.read(offset) == reset, register["name"]
    await host.control(START, AxiResp.SLVERR)


@cocotb.test()
async def starts_and_resets(dut):
    host = await begin(dut)
    starts, resets = Pulses(dut, dut.start), Pulses(dut, dut.soft_reset)
    await host.control(START)
    await ClockCycles(dut.clk, 3)
    assert (starts.count, resets.count) == (1, 0)
    dut.busy.value = 1
    await host.control(SOFT_RESET | START)
    await ClockCycles(dut.clk, 3)
    assert (starts.count, resets.count) == (1, 1)
    assert await host.get("STATUS") == BUSY


@cocotb.test()
async def interrupts(dut):
    host = await begin(dut, 0.4)
    await pulse(dut, "done_set")
    assert await host.get("STATUS") == DONE
    assert dut.irq.value == 0
    await host.control(IRQ_ENABLE)
    await host.interrupt(5)
    await host.write(REGISTERS["STATUS"]["offset"], ERROR)
    assert dut.irq.value == 1
    await host.write(REGISTERS["STATUS"]["offset"], DONE)
    await ClockCycles(dut.clk, 2)
    assert dut.irq.value == 0
    dut.error_cause.value = 9
    await pulse(dut, "error_set")
    assert dut.irq.value == 1
    assert await host.get("STATUS") == ERROR | 9 << 8
    await host.control(START | IRQ_ENABLE)
    await ClockCycles(dut.clk, 2)
    assert dut.irq.value == 0
    assert await host.get("STATUS") == 0


@cocotb.test()
async def counters(dut):
    host = await begin(dut)
    for i, name in enumerate(INCREMENTS):
        getattr(dut, f"inc_{name.lower()}").value = 1
        await ClockCycles(dut.clk, 10 + i)
        getattr(dut, f"inc_{name.lower()}").value = 0
        await ClockCycles(dut.clk, 3)
        assert await host.get(name) == 10 + i, name
    await host.control(START)
    await ClockCycles(dut.clk, 3)
    for name in INCREMENTS:
        assert await host.get(name) == 0, name
