"""Builds the Verilog of a folder and runs a bench on it.

usage: run.py FOLDER icarus|verilator BENCH[,BENCH…], of test_registers, test_accelerator, test_memory, test_stream

FOLDER holds `design.json` (top, ports, reset, registers, jobs), `rtl/*.v` and the memory images that the jobs name.
"""

import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

from cocotb.runner import get_runner


SHELL = "cocotb_shell"


def shell(design: dict) -> str:
    """A module without ports around the design, whose variables the benches drive.

    Verilator 5.006 copies the inputs of its top over what VPI has written to them before every evaluation.
    """
    lines = [f"module {SHELL};"]
    for port in design["ports"]:
        kind = "reg" if port["input"] else "wire"
        width = f" [{port['bits'] - 1}:0]" if port["bits"] > 1 else ""
        lines.append(f"  {kind}{width} {port['name']};")
    pins = ", ".join(f".{port['name']}({port['name']})" for port in design["ports"])
    return "\n".join([*lines, f"  {design['top']} u_dut ({pins});", "endmodule", ""])


def main() -> int:
    folder, simulator, bench = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
    design = json.loads((folder / "design.json").read_text())
    benches = Path(__file__).resolve().parent
    build = folder / f"build_{simulator}"
    build.mkdir(exist_ok=True)
    (build / f"{SHELL}.v").write_text(shell(design))
    runner = get_runner(simulator)
    runner.build(
        verilog_sources=[*sorted((folder / "rtl").glob("*.v")), build / f"{SHELL}.v"],
        hdl_toplevel=SHELL,
        build_dir=build,
        build_args=["-Wno-fatal", "-O1"] if simulator == "verilator" else ["-g2005"],
        timescale=("1ns", "1ps"),
    )
    os.environ["PYTHONPATH"] = os.pathsep.join([str(benches), os.environ.get("PYTHONPATH", "")])
    results = runner.test(
        hdl_toplevel=SHELL,
        test_module=bench,
        build_dir=build,
        test_dir=build,
        extra_env={"DESIGN_FOLDER": str(folder), "COCOTB_LOG_LEVEL": "WARNING"},
        timescale=("1ns", "1ps"),
    )
    cases = list(ElementTree.parse(results).iter("testcase"))
    failed = [case.get("name") for case in cases if case.find("failure") is not None]
    passed = [case.get("name") for case in cases if case.find("failure") is None]
    verdict = "FAIL" if failed or not passed else "PASS"
    print(f"{verdict}: {len(passed)} passed {passed}, {len(failed)} failed {failed}")
    return int(verdict == "FAIL")


if __name__ == "__main__":
    sys.exit(main())
