#!/usr/bin/env python3
"""Fits a platform's delay model to synthesised operations.

Every kind of operation is synthesised between registers at several sizes, timed, and its curve
base + log_n*log2(n) + lin_n*n + log_m*log2(m) fitted by least squares of the relative error with coefficients >= 0.

    scripts/fit_delay_model.py --liberty FILE --platform NAME --version N [--dont-use CELL]... [--write]

prints the model and its fit error; --write puts it into configs/platforms/NAME.toml in place of the version there.
Needs Python packages numpy and pyosys (0.70) and OpenSTA (the program `sta`); FILE is uncompressed Liberty.
"""

import argparse
import datetime
import math
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from itertools import combinations
from pathlib import Path

import numpy as np

# Operations are sized to this multiple of the shortest delay that synthesis reaches: area counts.
RELAX = 1.1

# Operations in a chain are faster than one by one: synthesis restructures across them, constant operands simplify
# them, and their late bits meet. Unscaled curves predict whole adders, multipliers, maxima and dot products 1.1 to 1.5
# times too slow (median 1.3), conversions and exponentials, which are full of constants, about twice. Pipeline stages
# hold shorter chains than whole operators: with this factor the fullest stage of the bf16 multiply-add recurrences,
# predicted at 1950 ps, has 1870 ps when synthesised for 500 MHz and 1650 ps at best. Sums of many terms keep their
# delay: they are chains already, and with the factor the end of a dot product took 2220 ps instead of 2000.
CHAIN = 0.85
UNSCALED = {"sum"}

PLATFORMS = Path(__file__).resolve().parent.parent / "configs" / "platforms"

YOSYS = """
read_verilog case.v
synth -flatten -top T -noabc -booth -arith_tree -extra-map +/choices/sklansky.v -run begin:check
opt -purge
dfflibmap -liberty {liberty} {dont_use}
opt
setundef -zero
abc -liberty {liberty} {dont_use} -constr abc.constr -script abc.script -D {period}
splitnets
opt_clean -purge
write_verilog -simple-lhs -noattr -noexpr -nohex -nodec netlist.v
"""

ABC = """strash
&get -n
&st
&dch
&nf -R 10 -F 10
&put
buffer -c
topo
upsize -D {period}
dnsize -D {period}
stime -p
"""

STA = """
read_liberty {liberty}
read_verilog netlist.v
link_design T
set_cmd_units -time ps
create_clock -name clk -period 1000000 clk
report_checks -path_delay max -from [all_registers -clock_pins] -to [all_registers -data_pins] -digits 3
"""


# ---- the operations ----


def module(inputs, width, value, declarations="", clocked="", ports=()):
    """Registers, an expression of them, a register."""
    ports = ["input clk", f"output reg [{width - 1}:0] y", *ports]
    ports += [f"input [{w - 1}:0] {name}_in" for name, w in inputs]
    registers = "".join(f"  reg [{w - 1}:0] {name};\n" for name, w in inputs)
    loads = "".join(f"    {name} <= {name}_in;\n" for name, _ in inputs)
    return (
        f"module T({', '.join(ports)});\n{registers}{declarations}\n"
        f"  always @(posedge clk) begin\n{loads}{clocked}    y <= {value};\n  end\nendmodule\n"
    )


def binary(op, a, b, width):
    return module([("a", a), ("b", b)], width, f"a {op} b")


def total(width, count):
    names = [f"x{i}" for i in range(count)]
    return module([(x, width) for x in names], width + (count - 1).bit_length(), " + ".join(names))


def lzc(width):
    """Balanced tree: per group of bits, whether it holds a one and the count of zeros before it."""
    wires = []

    def wire(width, value):
        wires.append(f"  wire [{width - 1}:0] w{len(wires)} = {value};\n")
        return f"w{len(wires) - 1}"

    groups = [(f"v[{width - 1 - i}]" if i < width else "1'b1", None) for i in range(1 << width.bit_length())]
    bits = 0
    while len(groups) > 1:
        merged = []
        for (some, count), (other, rest) in zip(groups[::2], groups[1::2]):
            picked = f"~{some}" if bits == 0 else f"{some} ? {{1'b0, {count}}} : {{1'b1, {rest}}}"
            merged.append((wire(1, f"{some} | {other}"), wire(bits + 1, picked)))
        groups, bits = merged, bits + 1
    return module([("v", width)], bits, groups[0][1], "".join(wires))


def table(rows, width):
    """Rows of 2^x - 1 on [0, 1)."""
    index = (rows - 1).bit_length()
    row = lambda i: int((2 ** (i / rows) - 1) * 2**width)
    cases = "".join(f"      {index}'d{i}: f = {width}'d{row(i)};\n" for i in range(rows - 1))
    last = f"      default: f = {width}'d{row(rows - 1)};\n"
    head = f"  function [{width - 1}:0] f(input [{index - 1}:0] i);\n    case (i)\n"
    return module([("a", index)], width, "f(a)", f"{head}{cases}{last}    endcase\n  endfunction\n")


def read(entries, width):
    """Only the read address comes out of a register: the write port is fed from outside and not timed."""
    index = (entries - 1).bit_length()
    port = ["input we", f"input [{index - 1}:0] wa", f"input [{width - 1}:0] d"]
    file = f"  reg [{width - 1}:0] file [0:{entries - 1}];\n"
    return module([("a", index)], width, "file[a]", file, "    if (we) file[wa] <= d;\n", port)


def cases():
    """(kind, n, m, Verilog) of every operation."""
    for w in [2, 4, 8, 11, 16, 24, 32, 48, 63]:
        yield "add", w + 1, 1, binary("+", w, w, w + 1)
    for w in [8, 16, 32]:
        yield "add", w + 1, 1, binary("-", w, w, w + 1)
    for a, b in [(4, 4), (8, 8), (11, 11), (8, 16), (16, 16), (24, 24)]:
        yield "mul", a + b, 1, binary("*", a, b, a + b)
    for w, count in [(8, 4), (8, 8), (8, 16), (16, 3), (16, 4), (16, 8), (16, 16), (24, 4), (24, 8), (24, 32)]:
        yield "sum", w + (count - 1).bit_length(), count, total(w, count)
    for w in [1, 8, 32]:
        for op in "&^":
            yield "logic", w, 1, binary(op, w, w, w)
    for w in [1, 8, 16, 32, 64, 256]:
        yield "mux", w, 1, module([("s", 1), ("a", w), ("b", w)], w, "s ? a : b")
    for w in [4, 8, 16, 32, 64]:
        yield "eq", w, 1, binary("==", w, w, 1)
        yield "lt", w, 1, binary("<", w, w, 1)
    for w, amount in [(8, 3), (16, 2), (16, 4), (24, 5), (32, 5), (48, 6), (64, 6)]:
        yield "shift", w, 2**amount, binary(">>", w, amount, w)
    for w, amount in [(16, 4), (32, 5)]:
        yield "shift", w, 2**amount, binary("<<", w, amount, w)
    for w in [4, 8, 12, 16, 24, 32, 48, 64]:
        yield "lzc", w, 1, lzc(w)
    for w in [4, 8, 16, 32, 64]:
        yield "reduce", w, 1, module([("a", w)], 1, "|a")
        yield "reduce", w, 1, module([("a", w)], 1, "&a")
    for rows, w in [(8, 8), (8, 24), (16, 16), (32, 16), (64, 16), (128, 16), (256, 12)]:
        yield "table", rows, w, table(rows, w)
    for entries, w in [(2, 16), (4, 16), (5, 16), (8, 16), (2, 64), (4, 64), (2, 256)]:
        yield "read", entries, w, read(entries, w)
    for loads in [1, 16, 64, 256, 512]:
        yield "fanout", loads, 1, module([("s", 1), ("a", loads)], loads, f"{{{loads}{{s}}}} & a")


# ---- synthesis and timing ----


class Library:
    """A Liberty file and the smallest buffer in it, which stands for what drives and loads an operation."""

    def __init__(self, path, dont_use):
        self.path = Path(path).resolve()
        self.dont_use = " ".join(f"-dont_use {cell}" for cell in dont_use)
        self.driver, self.load = smallest_buffer(self.path.read_text())

    def synthesise(self, folder, verilog, period):
        """Leaves the netlist in `folder`; returns the delay that synthesis believes it has, ps."""
        (folder / "case.v").write_text(verilog)
        (folder / "abc.constr").write_text(f"set_driving_cell {self.driver}\nset_load {self.load}\n")
        (folder / "abc.script").write_text(ABC.format(period=period))
        (folder / "run.ys").write_text(YOSYS.format(liberty=self.path, dont_use=self.dont_use, period=period))
        script = "from pyosys import libyosys as y; y.run_pass('tee -q -o log script run.ys', y.Design())"
        run([sys.executable, "-c", script], folder)
        delays = re.findall(r"ABC: .*Delay = *([\d.]+) ps", (folder / "log").read_text())
        return float(delays[-1]) if delays else 0.0

    def time(self, folder):
        """The longest path between registers: data arrival and setup, ps."""
        (folder / "sta.tcl").write_text(STA.format(liberty=self.path))
        report = run(["sta", "-exit", "sta.tcl"], folder)
        arrival = re.search(r"([\d.]+) +data arrival time", report)
        setup = re.search(r"(-?[\d.]+) +[-\d.]+ +library setup time", report)
        return float(arrival[1]), -float(setup[1])

    def measure(self, verilog):
        """Data arrival and setup of a module sized with some slack, ps."""
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            fastest = self.synthesise(folder, verilog, 1)
            if fastest:
                self.synthesise(folder, verilog, math.ceil(RELAX * fastest))
            return self.time(folder)


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def smallest_buffer(text):
    """Name and input capacitance, in library units, of the smallest cell whose one output is its one input."""
    found = []
    for cell in re.split(r"\n\s*cell\s*\(", text)[1:]:
        pins = re.split(r"\n\s*pin\s*\(", cell)[1:]
        inputs = [p for p in pins if re.search(r'direction\s*:\s*"?input', p)]
        function = re.findall(r'\n\s*function\s*:\s*"\(?(\w+)\)?"', cell)
        if len(pins) != 2 or len(inputs) != 1 or function != [re.match(r'"?(\w+)', inputs[0])[1]]:
            continue
        name = re.match(r'"?(\w+)', cell)[1]
        area = float(re.search(r"\barea\s*:\s*([\d.]+)", cell)[1])
        load = float(re.search(r"\bcapacitance\s*:\s*([\d.]+)", inputs[0])[1])
        found.append((area, name, load))
    _, name, load = min(found)
    return name, load


# ---- fitting ----


def fit(points, constant=True):
    """Coefficients >= 0 of (1, log2 n, n, log2 m), the 1 on request, with the least squares of the relative error.

    With four columns, the best of all least-squares solutions on subsets of them is the constrained optimum."""
    rows = np.array([[1, math.log2(n), n, math.log2(m)] for n, m, _ in points])
    weights = 1 / np.array([delay for _, _, delay in points])
    columns = [c for c in range(4) if (constant if c == 0 else np.ptp(rows[:, c]) > 0)]
    best = (math.inf, np.zeros(4))
    for size in range(1, len(columns) + 1):
        for subset in map(list, combinations(columns, size)):
            part, *_ = np.linalg.lstsq(rows[:, subset] * weights[:, None], np.ones(len(points)), rcond=None)
            if (part >= 0).all():
                coefficients = np.zeros(4)
                coefficients[subset] = part
                error = np.sum((rows @ coefficients * weights - 1) ** 2)
                best = min(best, (error, coefficients), key=lambda b: b[0])
    return best[1]


def value(coefficients, n, m):
    return float(coefficients @ [1, math.log2(n), n, math.log2(m)])


def fit_all(measured):
    """Curve and relative errors of each kind."""
    curves, errors = {}, {}
    for kind in dict.fromkeys(kind for kind, *_ in measured):
        points = [(n, m, delay) for k, n, m, delay in measured if k == kind]
        if kind == "fanout":  # what more loads add to one
            points = [(n, m, delay - points[0][2]) for n, m, delay in points[1:]]
        curves[kind] = fit(points, constant=kind != "fanout")
        errors[kind] = [value(curves[kind], n, m) / delay - 1 for n, m, delay in points]
        for (n, m, delay), error in zip(points, errors[kind]):
            print(f"{kind:7} n {n:4} m {m:4} {delay:8.1f} ps  fit {100 * error:+6.1f} %")
    return curves, errors


# ---- the platform file ----


def versions():
    return f"pyosys {metadata.version('pyosys')}, OpenSTA {run(['sta', '-version'], '.').split()[0]}"


def section(version, clk_to_q, setup, curves, errors):
    every = sorted(100 * abs(e) for errors in errors.values() for e in errors)
    worst = lambda kind: 100 * max(map(abs, errors[kind]))
    lines = [
        f"[delay_model.{version}]",
        f"# Fitted {datetime.date.today()} by scripts/fit_delay_model.py with {versions()}:",
        "#   synth -booth -arith_tree with Sklansky adders; abc: dch, nf, buffer, upsize and dnsize to",
        f"#   {RELAX} x the shortest delay; no wire load. {len(every)} operations between registers.",
        f"#   Error of the fit: median {np.median(every):.0f} %, largest {every[-1]:.0f} % (per curve below).",
        f"#   Curves except {', '.join(UNSCALED)} are scaled by {CHAIN} for chains of operations (see the script).",
        f"clk_to_q = {clk_to_q:.1f}",
        f"setup    = {setup:.1f}",
        "",
        f"[delay_model.{version}.ops]",
    ]
    for kind, curve in curves.items():
        terms = zip(("base", "log_n", "lin_n", "log_m"), curve * (1 if kind in UNSCALED else CHAIN), (1, 1, 3, 1))
        shown = [f"{name} = {x:.{digits}f}" for name, x, digits in terms if round(x, digits) > 0]
        lines.append(f"{kind:6} = {{ {', '.join(shown)} }}  # within {worst(kind):.0f} %")
    return "\n".join(lines) + "\n"


def replace_section(text, version, new):
    """The platform file with the version's tables replaced, or added at the end."""
    own = rf"\[delay_model\.{version}[.\]]"
    old = re.search(rf"^{own}.*?(?=^\[(?!delay_model\.{version}[.\]])|\Z)", text, re.M | re.S)
    if old is None:
        return f"{text.rstrip()}\n\n{new}"
    rest = text[old.end() :]
    return text[: old.start()] + new + (f"\n{rest}" if rest else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--liberty", required=True, help="cell library, uncompressed")
    parser.add_argument("--platform", required=True, help="name of the file in configs/platforms")
    parser.add_argument("--version", required=True, type=int, help="version of the delay model")
    parser.add_argument("--dont-use", action="append", default=[], help="cell to leave out (repeatable)")
    parser.add_argument("--write", action="store_true", help="write the platform file")
    args = parser.parse_args()

    library = Library(args.liberty, args.dont_use)
    clk_to_q, setup = library.measure(module([("a", 8)], 8, "a"))
    with ThreadPoolExecutor(2) as pool:
        times = pool.map(lambda case: library.measure(case[3])[0] - clk_to_q, all_cases := list(cases()))
        measured = [(kind, n, m, delay) for (kind, n, m, _), delay in zip(all_cases, times)]
    text = section(args.version, clk_to_q, setup, *fit_all(measured))
    print(text)
    if args.write:
        path = PLATFORMS / f"{args.platform}.toml"
        path.write_text(replace_section(path.read_text(), args.version, text))


if __name__ == "__main__":
    main()
