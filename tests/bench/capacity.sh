#!/usr/bin/env bash
# How good and how fast the capacity plan is: see tests/bench/capacity/main.rs. Needs nothing but Rust.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
exec cargo bench -p wharden-capacity --bench capacity
