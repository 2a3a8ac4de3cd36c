#!/usr/bin/env bash
# Cuts the power of a store many times and looks for what is missing. Needs root and /dev/fuse.
#
#   tests/powercut.sh [--cuts N] [--engine journal|redb|sled] [--order journal|any] [--seed N]
#
# Defaults: 200 cuts, the default engine, both orders, seed 1. Ends with 1 when anything was lost, and prints the command
# that does the same again for each store that lost something. What it does and finds: docs/durability.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1-} in
    -h | --help)
        sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
        exit 0
        ;;
esac

cargo build --quiet --locked -p wharden-powercut
exec "${CARGO_TARGET_DIR:-target}/debug/powercut" run "$@"
