#!/bin/sh
# Installs the external tools: Icarus, Verilator 5 or newer and Yosys, which prove the Verilog right; OpenSTA, the cells
# of osu018 and the Python package pyosys (a modern Yosys), which say how large and how fast it is; FuseSoC, which runs
# exported cores; cocotb and cocotbext-axi, which drive the accelerator's buses. With --all also LibreLane (180 MB), whose
# loader checks exported configurations. Nothing else needs them. Debian 12, Ubuntu 24.04 or newer; as root, or with sudo.
set -eu

PYOSYS=0.70
FUSESOC=2.4.7
COCOTB=1.9.2 # cocotb 2 needs a newer Verilator than Debian 12 has
COCOTBEXT_AXI=0.1.28
LIBRELANE=3.0.5
VENV="${XDG_DATA_HOME:-$HOME/.local/share}/flashrtl/venv" # flashrtl looks for it there

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=""
for program in iverilog verilator yosys make g++ python3; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
command -v sta >/dev/null 2>&1 || missing="$missing opensta"
[ -e /usr/share/qflow/tech/osu018/osu018_stdcells.lib ] || missing="$missing qflow-tech-osu018"

# The system's Python takes no packages (PEP 668): pyosys gets a virtual environment, unless python3 has it already.
has_pyosys() {
    "$1" -c "import importlib.metadata as m; assert int(m.version('pyosys').split('.')[1]) >= 60" >/dev/null 2>&1
}
has() {
    "$1" -c "import importlib.metadata as m; m.version('$2')" >/dev/null 2>&1
}
has_cocotb() {
    script="import importlib.metadata as m; assert m.version('cocotb') == '$COCOTB'"
    "$1" -c "$script; assert m.version('cocotbext-axi') == '$COCOTBEXT_AXI'" >/dev/null 2>&1
}
packages=""
has_pyosys python3 || has_pyosys "$VENV/bin/python3" || packages="pyosys==$PYOSYS"
has python3 fusesoc || has "$VENV/bin/python3" fusesoc || packages="$packages fusesoc==$FUSESOC"
has_cocotb python3 || has_cocotb "$VENV/bin/python3" ||
    packages="$packages cocotb==$COCOTB cocotbext-axi==$COCOTBEXT_AXI"
if [ "${1:-}" = --all ]; then
    has python3 librelane || has "$VENV/bin/python3" librelane || packages="$packages librelane==$LIBRELANE"
fi
if [ -n "$packages" ] && ! python3 -c "import ensurepip" >/dev/null 2>&1; then
    missing="$missing python3-venv"
fi

if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "missing:$missing; install them with this system's package manager (Verilator 5 or newer)" >&2
        exit 1
    fi
    echo "installing:$missing"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi
if [ -n "$packages" ]; then
    echo "installing: $packages in $VENV"
    python3 -m venv "$VENV"
    # shellcheck disable=SC2086
    "$VENV/bin/python3" -m pip install -q $packages
fi

major=$(verilator --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
if [ "$major" -lt 5 ]; then
    echo "$(verilator --version) is too old: version 5 or newer is needed; Debian 12 and Ubuntu 24.04 have it" >&2
    exit 1
fi
if has_pyosys python3; then python=python3; else python="$VENV/bin/python3"; fi
echo "iverilog  $(iverilog -V 2>/dev/null | head -n 1)"
echo "verilator $(verilator --version)"
echo "yosys     $(yosys -V)"
echo "pyosys    $("$python" -c "import importlib.metadata as m; print(m.version('pyosys'))")"
echo "sta       $(sta -version)"
