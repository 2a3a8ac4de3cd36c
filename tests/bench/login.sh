#!/usr/bin/env bash
# Whether the time of a refused login tells that the account exists: see tests/bench/login/main.rs.
#
#   tests/bench/login.sh [--accounts 6]
#
# Takes about half a minute for each account. Everything is built for release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target
cargo build --release -p wharden-controller -p wharden
WHARDEN_BIN=$target/release exec cargo bench --profile dev -p wharden-e2e --bench login -- "$@"
