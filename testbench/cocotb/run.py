"""Builds the Verilog of a folder and runs a bench on it.

usage: run.py FOLDER icarus|verilator test_registers|test_accelerator

FOLDER holds `design.json` (top, reset, registers, jobs), `rtl/*.v` and the memory images that the jobs name.
"""

import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

from cocotb.runner import get_runner


def main() -> int:
    folder, simulator, bench = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
    design = json.loads((folder / "design.json").read_text())
    benches = Path(__file__).resolve().parent
    build = folder / f"build_{simulator}"
    runner = get_runner(simulator)
    runner.build(
        verilog_sources=sorted((folder / "rtl").glob("*.v")),
        hdl_toplevel=design["top"],
        build_dir=build,
        build_args=["-Wno-fatal", "-O1"] if simulator == "verilator" else ["-g2005"],
        timescale=("1ns", "1ps"),
    )
    os.environ["PYTHONPATH"] = os.pathsep.join([str(benches), os.environ.get("PYTHONPATH", "")])
    results = runner.test(
        hdl_toplevel=design["top"],
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
