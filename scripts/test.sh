#!/bin/sh
# The whole test suite: installs the tools that the tests need, then runs every test; a tool that is missing fails.
# A clean clone takes about 20 minutes on two cores, builds included.
set -eu
cd "$(dirname "$0")/.."

scripts/install.sh
export FLASHRTL_STRICT=1
cargo test --workspace --locked
