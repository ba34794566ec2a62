#!/bin/sh
# The long tests: the full product of engine parameters, every operator in every simulator, 2,000 random jobs for
# accelerators, the built-in designs in every simulator, exports in LibreLane's loader, the benchmark. Takes hours.
set -eu
cd "$(dirname "$0")/.."

scripts/install.sh --all
export FLASHRTL_STRICT=1
export FLASHRTL_NIGHTLY=1
cargo build --release --locked -p flashrtl
cargo test --workspace --release --locked
for config in configs/*.toml; do
    target/release/flashrtl verify "$config" --strict
done
target/release/flashrtl bench fa2_bf16_d64
