"""The whole accelerator with memory behind AXI4, as an integrator would have it.

What a job leaves in memory and what it counts comes from the functional model, through the files that `design.json` names.
"""

import cocotb
from bench import BUSY, DESIGN, DONE, ERROR, FOLDER, IRQ_ENABLE, REGISTERS, SOFT_RESET, START, Host, pauses
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiResp, AxiSlave
from cocotbext.axi.sparse_memory import SparseMemory

JOBS = DESIGN["jobs"]
LEGAL = [job for job in JOBS if job["error"] is None]
READ_SLAVE_ERROR, WRITE_SLAVE_ERROR = 9, 11


class Memory:
    """Memory some of whose accesses fail."""

    def __init__(self):
        self.memory = SparseMemory(2**40)
        self.failing_read = None
        self.failing_write = None

    async def read(self, address, length, **_):
        if self.failing_read == 0:
            self.failing_read = None
            raise OSError("a read that is to fail")
        if self.failing_read is not None:
            self.failing_read -= 1
        return bytes(self.memory.read(address, length))

    async def write(self, address, data, **_):
        if self.failing_write == 0:
            self.failing_write = None
            raise OSError("a write that is to fail")
        if self.failing_write is not None:
            self.failing_write -= 1
        self.memory.write(address, data)


class System:
    """The accelerator, its host, and its memory."""

    def __init__(self, dut):
        self.dut, self.host, self.memory = dut, Host(dut), Memory()
        active = bool(self.host.active)
        bus = AxiBus.from_prefix(dut, "m_axi")
        self.axi = AxiSlave(bus, dut.clk, self.host.reset, target=self.memory, reset_active_level=active)

    def stall(self, probability, seed):
        write, read = self.axi.write_if, self.axi.read_if
        channels = [read.ar_channel, read.r_channel, write.aw_channel, write.w_channel, write.b_channel]
        for i, channel in enumerate(channels):
            channel.set_pause_generator(pauses(probability, seed + i))
        self.host.stall(probability, seed + 10)

    async def start(self, job):
        self.memory.memory.write(job["base"], (FOLDER / job["before"]).read_bytes())
        for offset, value in job["setup"]:
            await self.host.write(offset, value)
        await self.host.control(START | IRQ_ENABLE)

    async def run(self, job):
        """Runs a job to its interrupt; its STATUS."""
        await self.start(job)
        await self.host.interrupt(job["cycles"])
        status = await self.host.get("STATUS")
        assert status & BUSY == 0
        await self.host.clear()
        await ClockCycles(self.dut.clk, 2)
        assert self.dut.irq.value == 0
        return status

    async def check(self, job):
        """Runs a job; memory, counts and status are those of the functional model."""
        status = await self.run(job)
        if job["error"] is not None:
            assert status == ERROR | job["error"] << 8, f"{job['name']}: STATUS = {status:#x}"
            return
        assert status == DONE, f"{job['name']}: STATUS = {status:#x}"
        expected = (FOLDER / job["after"]).read_bytes()
        got = bytes(self.memory.memory.read(job["base"], len(expected)))
        wrong = [i for i, (a, b) in enumerate(zip(expected, got)) if a != b]
        assert not wrong, f"{job['name']}: {len(wrong)} bytes differ, the first at {wrong[0]:#x}"
        for name, value in job["counts"].items():
            assert await self.host.get(name) == value, f"{job['name']}: {name}"


async def begin(dut):
    system = System(dut)
    await system.host.start_clock()
    return system


@cocotb.test()
async def registers(dut):
    system = await begin(dut)
    for register in DESIGN["registers"]:
        if register["access"] == "constant":
            reset = sum(field["reset"] << field["low"] for field in register["fields"])
            assert await system.host.get(register["name"]) == reset, register["name"]
    await system.host.read(0xFFC, AxiResp.SLVERR)


@cocotb.test()
async def jobs_back_to_back(dut):
    system = await begin(dut)
    for job in JOBS:
        await system.check(job)


@cocotb.test()
async def jobs_under_back_pressure(dut):
    system = await begin(dut)
    for seed, probability in enumerate([0.3, 0.8]):
        system.stall(probability, 100 * seed)
        for job in LEGAL:
            await system.check(job)


@cocotb.test()
async def configuration_is_refused_while_busy(dut):
    system = await begin(dut)
    job = max(LEGAL, key=lambda job: job["counts"]["USEFUL_STEPS"])
    await system.start(job)
    assert await system.host.get("STATUS") & BUSY
    await system.host.write(REGISTERS["QUERIES"]["offset"], 1, AxiResp.SLVERR)
    await system.host.interrupt(job["cycles"])
    await system.host.clear()
    await system.check(job)


@cocotb.test()
async def error_responses(dut):
    system = await begin(dut)
    job = max(LEGAL, key=lambda job: job["counts"]["BYTES_READ"])
    for at in [0, 1, 5]:
        system.memory.failing_read = at
        assert await system.run(job) == ERROR | READ_SLAVE_ERROR << 8
        system.memory.failing_read = None
        await system.check(LEGAL[0])
    system.memory.failing_write = 1
    assert await system.run(job) == ERROR | WRITE_SLAVE_ERROR << 8
    await system.check(LEGAL[0])


@cocotb.test()
async def soft_reset_in_the_middle(dut):
    system = await begin(dut)
    system.stall(0.2, 5)
    job = max(LEGAL, key=lambda job: job["counts"]["USEFUL_STEPS"])
    for wait in [1, 17, 60, 150, 300]:
        await system.start(job)
        await ClockCycles(dut.clk, wait)
        await system.host.control(SOFT_RESET | IRQ_ENABLE)
        for _ in range(1000):
            status = await system.host.get("STATUS")
            if not status & BUSY:
                break
        assert status & (BUSY | ERROR) == 0, f"STATUS = {status:#x}"
        await system.host.clear()
        await system.check(LEGAL[0])
