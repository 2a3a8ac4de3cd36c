# shellcheck shell=bash
# Builds the agent for release and the rest of the scene, which is not measured, as the tests build it, and says in WHARDEN_BIN
# where they are. To be sourced, in the root of the repository.
target=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target WHARDEN_BIN=$target/bench/bin
cargo build --release -p wharden-agent
cargo build -p wharden-controller -p wharden
mkdir -p "$WHARDEN_BIN"
ln -sf "$target/release/wharden-agent" "$target/debug/wharden-controller" "$target/debug/wharden" "$WHARDEN_BIN/"
