#!/usr/bin/env bash
# What the guard costs, beside the engine alone and HAProxy as a socket proxy: see tests/bench/guard/main.rs.
#
#   tests/bench/guard.sh [--size 1GiB] [--case ping]
#
# Must run as root, on a machine where tests/run.sh works; installs Debian's haproxy where it is missing. The agent is
# built for release; the rest of the scene is not measured and stays as the tests build it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

command -v haproxy >/dev/null || apt-get install -y --no-install-recommends haproxy

target=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target
cargo build --release -p wharden-agent
cargo build -p wharden-controller -p wharden
mkdir -p "$target/bench/bin"
ln -sf "$target/release/wharden-agent" "$target/debug/wharden-controller" "$target/debug/wharden" "$target/bench/bin/"
WHARDEN_BIN=$target/bench/bin exec cargo bench -p wharden-e2e --bench guard -- "$@"
