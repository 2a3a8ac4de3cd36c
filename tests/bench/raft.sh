#!/usr/bin/env bash
# What a replicated write costs, beside etcd on the same disk: see tests/bench/raft/main.rs.
#
#   tests/bench/raft.sh [--seconds 10] [--clients 64]
#
# Must run as root, on a machine where tests/run.sh works; installs Debian's etcd-server where it is missing. Everything
# is built for release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

command -v etcd >/dev/null || apt-get install -y --no-install-recommends etcd-server

target=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target
cargo build --release -p wharden-controller -p wharden
WHARDEN_BIN=$target/release exec cargo bench -p wharden-e2e --bench raft -- "$@"
