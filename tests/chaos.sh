#!/usr/bin/env bash
# Breaks clusters in every way that we know, and looks whether anybody was told anything wrong.
#
#   tests/chaos.sh [--seeds N] [--from N] [--minutes N] [--jobs N] [--release]
#                                      simulated, by seed
#   tests/chaos.sh --seed N            one seed again; RUST_LOG=debug shows what happens in it
#   tests/chaos.sh --flaw NAME ...     wrong on purpose: unsynced-disk, stale-reads, forgotten-requests,
#                                      resumed-term
#   tests/chaos.sh --scene restarted-leader ...
#   tests/chaos.sh --real [--minutes N] [--leader-kills N] [--kinds KIND,...]
#                                      real controllers and agents in network namespaces; needs root, and what
#                                      tests/run.sh installs. JSON, also in target/bench/chaos.json
#
# Defaults: 200 seeds from 1, two at the same time. Ends with 1 when anything was found; for a seed it prints the command
# that does the same again. What it does and finds: docs/durability.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

profile=debug
mode=sim
arguments=()
for argument in "$@"; do
    case $argument in
        -h | --help)
            sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
            exit 0
            ;;
        --release) profile=release ;;
        --real) mode=real ;;
        *) arguments+=("$argument") ;;
    esac
done

programs=${CARGO_TARGET_DIR:-$PWD/target}/$profile
flags=(--quiet --locked)
if [[ $profile == release ]]; then flags+=(--release); fi
if [[ $mode == sim ]]; then
    # With the features that it has in the tests: else a seed is another run.
    cargo build "${flags[@]}" --workspace --bin chaos
    exec "$programs/chaos" sim "${arguments[@]}"
fi
cargo build "${flags[@]}" --workspace --bins
mkdir -p target/bench
WHARDEN_BIN=$programs "$programs/chaos" real "${arguments[@]}" | tee target/bench/chaos.json
