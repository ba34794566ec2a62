"""Packets that do not end where they should, and the range of keys that is wanted."""

import cocotb
from bench import DESIGN, DONE, ERROR, IRQ_ENABLE, START
from cocotb.triggers import ClockCycles
from system import LEGAL, begin, blocks

EARLY_LAST, LATE_LAST = 7, 8


async def start_with(system, job, queries, pairs, states):
    """Starts a job with packets that are not its own."""
    for offset, value in job["setup"]:
        await system.host.write(offset, value)
    system.o.clear()
    system.send(queries, pairs, states)
    await system.host.control(START | IRQ_ENABLE)


async def ends_in(system, job, cause):
    """The job ends in an error of that cause, and the next one is right."""
    await system.host.interrupt(job["cycles"])
    assert await system.host.get("STATUS") == ERROR | cause << 8
    await system.host.clear()
    await system.check(LEGAL[0])


@cocotb.test()
async def misplaced_last(dut):
    system = await begin(dut)
    job = max(LEGAL, key=lambda job: job["counts"]["BYTES_READ"])
    beat = DESIGN["bus_bytes"]
    for at, stalls in [(0, 0.0), (1, 0.3)]:
        system.stall(stalls, 40)
        for stream in [stream for stream, packets in enumerate(system.packets(job)) if packets]:
            for beats, cause in [(-2, EARLY_LAST), (-1, EARLY_LAST), (1, LATE_LAST)]:
                packets = system.packets(job)
                packet = packets[stream][at]
                packets[stream][at] = (packet + bytes(beat))[: len(packet) + beats * beat]
                await start_with(system, job, *packets)
                await ends_in(system, job, cause)


@cocotb.test()
async def the_range_that_is_wanted(dut):
    """Sends each packet of keys only when its range is published."""
    system = await begin(dut)
    for job in LEGAL:
        queries, pairs, states = system.packets(job)
        await start_with(system, job, queries, [], states)
        ranges = [keys for _, _, keys in blocks(job["settings"]) if len(keys) > 0]
        for keys, packet in zip(ranges, pairs):
            for _ in range(100):
                published = [await system.host.get(name) for name in ["BLOCK_LO", "BLOCK_HI"]]
                if published == [keys.start, keys.stop]:
                    break
            assert published == [keys.start, keys.stop], f"{job['name']}: {published}, not {keys}"
            system.send([], [packet])
            await system.kv.wait()
            await ClockCycles(dut.clk, 20)
        await system.host.interrupt(job["cycles"])
        assert await system.host.get("STATUS") == DONE
        expected, got = await system.results(job)
        assert expected == got, job["name"]
        await system.host.clear()
