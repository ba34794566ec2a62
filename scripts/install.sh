#!/bin/sh
# Installs the external tools that prove the Verilog right: Icarus, Verilator 5 or newer, Yosys. Nothing else needs them.
# Debian 12, Ubuntu 24.04 or newer; as root, or with sudo.
set -eu

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=""
for program in iverilog verilator yosys make g++; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
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

major=$(verilator --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
if [ "$major" -lt 5 ]; then
    echo "$(verilator --version) is too old: version 5 or newer is needed; Debian 12 and Ubuntu 24.04 have it" >&2
    exit 1
fi
echo "iverilog  $(iverilog -V 2>/dev/null | head -n 1)"
echo "verilator $(verilator --version)"
echo "yosys     $(yosys -V)"
