"""The accelerator with what surrounds it: a host at its registers, and memory or streams.

What a job leaves and what it counts comes from the functional model, through the files that `design.json` names.
"""

from bench import BUSY, DESIGN, DONE, ERROR, FOLDER, IRQ_ENABLE, START, Host, pauses
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiSlave, AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource
from cocotbext.axi.sparse_memory import SparseMemory

JOBS = DESIGN["jobs"]
LEGAL = [job for job in JOBS if job["error"] is None]


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
    """What both kinds have in common; they place a job's tensors and fetch its results."""

    def __init__(self, dut):
        self.dut, self.host = dut, Host(dut)

    def stall(self, probability, seed):
        for i, channel in enumerate(self.channels()):
            channel.set_pause_generator(pauses(probability, seed + i))
        self.host.stall(probability, seed + 10)

    async def start(self, job):
        for offset, value in job["setup"]:
            await self.host.write(offset, value)
        self.place(job)
        await self.host.control(START | IRQ_ENABLE)

    def silence(self):
        """Nothing more is sent but for the end of what has begun."""

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
        expected, got = await self.results(job)
        wrong = [i for i, (a, b) in enumerate(zip(expected, got)) if a != b]
        assert not wrong, f"{job['name']}: {len(wrong)} bytes differ, the first at {wrong[0]:#x}"
        for name, value in job["counts"].items():
            assert await self.host.get(name) == value, f"{job['name']}: {name}"


class MemorySystem(System):
    """With memory behind the AXI4 master."""

    def __init__(self, dut):
        super().__init__(dut)
        self.memory = Memory()
        active = bool(self.host.active)
        bus = AxiBus.from_prefix(dut, "m_axi")
        self.axi = AxiSlave(bus, dut.clk, self.host.reset, target=self.memory, reset_active_level=active)

    def channels(self):
        write, read = self.axi.write_if, self.axi.read_if
        return [read.ar_channel, read.r_channel, write.aw_channel, write.w_channel, write.b_channel]

    def place(self, job):
        self.memory.memory.write(job["base"], (FOLDER / job["before"]).read_bytes())

    async def results(self, job):
        expected = (FOLDER / job["after"]).read_bytes()
        return expected, bytes(self.memory.memory.read(job["base"], len(expected)))


def blocks(settings):
    """Head, queries and keys of block after block, by the formulas of the documentation."""
    queries, keys, mask = settings["queries"], settings["keys"], settings["mask"]
    offset = keys - queries
    for head in range(settings["heads"]):
        for first in range(0, queries, DESIGN["block"]):
            last = min(first + DESIGN["block"], queries) - 1
            hi = keys if mask == "None" else min(max(last + 1 + offset, 0), keys)
            lo = min(max(first + offset - settings["window"] + 1, 0), keys) if mask == "Window" else 0
            yield head, range(first, last + 1), range(lo, hi)


def rows(job, file, tensor, head, numbers, count):
    """Rows of a head of a tensor, one after the other, from an image of memory."""
    tensor = job["settings"][tensor]
    image = (FOLDER / job[file]).read_bytes()
    start = tensor["base"] + head * tensor["head_stride"] - job["base"]
    for at in [start + number * tensor["row_stride"] for number in numbers]:
        yield image[at : at + count]


class StreamSystem(System):
    """With streams of queries, of keys with their values, of initial states if there are any, and of results."""

    def __init__(self, dut):
        super().__init__(dut)
        reset = {"reset": self.host.reset, "reset_active_level": bool(self.host.active)}
        bus = AxiStreamBus.from_prefix
        self.q = AxiStreamSource(bus(dut, "s_axis_q"), dut.clk, **reset)
        self.kv = AxiStreamSource(bus(dut, "s_axis_kv"), dut.clk, **reset)
        has_states = hasattr(dut, "s_axis_i_tdata")
        self.i = AxiStreamSource(bus(dut, "s_axis_i"), dut.clk, **reset) if has_states else None
        self.o = AxiStreamSink(bus(dut, "m_axis_o"), dut.clk, **reset)

    def channels(self):
        return [channel for channel in (self.q, self.kv, self.i, self.o) if channel is not None]

    def packets(self, job):
        """Packets of queries, of keys with their values, and of initial states."""
        settings, count = job["settings"], DESIGN["row_bytes"]
        queries, pairs, states = [], [], []
        for head, block, keys in blocks(settings):
            queries.append(b"".join(rows(job, "before", "q", head, block, count)))
            group = head * settings["kv_heads"] // settings["heads"]
            k, v = (rows(job, "before", tensor, group, keys, count) for tensor in "kv")
            if len(keys) > 0:
                pairs.append(b"".join(half for pair in zip(k, v) for half in pair))
            if settings["initial"]:
                states.append(b"".join(rows(job, "before", "i", head, block, DESIGN["state_bytes"])))
        return queries, pairs, states

    def place(self, job):
        self.o.clear()
        if job["error"] is None:
            self.send(*self.packets(job))

    def send(self, queries, pairs, states=()):
        """Queues packets."""
        for source, packets in [(self.q, queries), (self.kv, pairs), (self.i, states)]:
            for packet in packets:
                source.send_nowait(AxiStreamFrame(packet))

    def silence(self):
        for source in (self.q, self.kv, self.i):
            if source is not None:
                source.clear()

    async def results(self, job):
        expected, got = [], []
        for head, block, _ in blocks(job["settings"]):
            expected.append(b"".join(rows(job, "after", "o", head, block, DESIGN["result_bytes"])))
            got.append(bytes((await self.o.recv()).tdata))
        assert [len(packet) for packet in expected] == [len(packet) for packet in got]
        assert self.o.empty()
        return b"".join(expected), b"".join(got)


async def begin(dut):
    """A system out of reset."""
    system = StreamSystem(dut) if hasattr(dut, "s_axis_q_tdata") else MemorySystem(dut)
    await system.host.start_clock()
    return system
