#!/bin/sh
# The whole test suite: installs the tools that the tests need, checks formatting, lints and documentation, then
# runs every test; a tool that is missing fails.
# A clean clone takes about 29 minutes of processor time, builds included.
set -eu
cd "$(dirname "$0")/.."

scripts/install.sh
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
export FLASHRTL_STRICT=1
cargo test --workspace --locked --no-fail-fast
