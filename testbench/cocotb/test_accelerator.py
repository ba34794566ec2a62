"""The whole accelerator as an integrator would have it, with memory behind AXI4 or with streams."""

import cocotb
from bench import BUSY, DESIGN, DONE, ERROR, IRQ_ENABLE, REGISTERS, SOFT_RESET
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiResp
from system import JOBS, LEGAL, begin


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
async def soft_reset_in_the_middle(dut):
    system = await begin(dut)
    system.stall(0.2, 5)
    job = max(LEGAL, key=lambda job: job["counts"]["USEFUL_STEPS"])
    for wait in [1, 17, 60, 150, 300]:
        await system.start(job)
        await ClockCycles(dut.clk, wait)
        await system.host.control(SOFT_RESET | IRQ_ENABLE)
        system.silence()
        for _ in range(1000):
            status = await system.host.get("STATUS")
            if not status & BUSY:
                break
        assert status & (BUSY | ERROR) == 0, f"STATUS = {status:#x}"
        await system.host.clear()
        await system.check(LEGAL[0])
