#!/usr/bin/env bash
# Whether an agent stays light under an hour of ten times the usual load: see tests/bench/soak/main.rs.
#
#   tests/bench/soak.sh [--minutes 60]
#
# Must run as root, on a machine where tests/run.sh works. The agent is built for release; the rest of the scene is not
# measured and stays as the tests build it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target
cargo build --release -p wharden-agent
cargo build -p wharden-controller -p wharden
mkdir -p "$target/bench/bin"
ln -sf "$target/release/wharden-agent" "$target/debug/wharden-controller" "$target/debug/wharden" "$target/bench/bin/"
WHARDEN_BIN=$target/bench/bin exec cargo bench --profile dev -p wharden-e2e --bench soak -- "$@"
