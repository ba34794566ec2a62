"""Memory that answers in error."""

import cocotb
from bench import ERROR
from system import LEGAL, begin

READ_SLAVE_ERROR, WRITE_SLAVE_ERROR = 9, 11


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
