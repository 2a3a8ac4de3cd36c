#!/usr/bin/env bash
# What a controller costs for thousands of hosts, and how fast they get a change, beside etcd's watchers: see
# tests/sim/src/lib.rs and docs/scale.md.
#
#   tests/bench/fleet.sh [--hosts N] [--controllers M] [--scenario NAME] [--growth]
#
# --growth runs 1,000, 5,000, 10,000 and N hosts and draws the charts of docs/scale.md. The report of the last run is
# target/bench/fleet.json. Installs Debian's etcd-server where it is missing (as root). Everything is built for release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

hosts=19000 controllers=1 scenario=figures growth=
while [ $# -gt 0 ]; do
  case $1 in
    --hosts) hosts=$2; shift 2 ;;
    --controllers) controllers=$2; shift 2 ;;
    --scenario) scenario=$2; shift 2 ;;
    --growth) growth=1; shift ;;
    *) sed -n '2,9p' "$0" >&2; exit 2 ;;
  esac
done

command -v etcd >/dev/null || apt-get install -y --no-install-recommends etcd-server
# A host is an open file on both sides.
ulimit -n "$(ulimit -Hn)"

target=${CARGO_TARGET_DIR:-$PWD/target}
bench=$target/bench
mkdir -p "$bench"
if [ -z "${WHARDEN_BIN:-}" ]; then
  cargo build --release --workspace --bins --locked
  export WHARDEN_BIN=$target/release
fi
run() { "$WHARDEN_BIN/wharden-sim" run "$scenario" --hosts "$1" --controllers "$controllers" --output "$2" >/dev/null; }

if [ -n "$growth" ]; then
  runs=()
  for n in 1000 5000 10000; do
    [ "$n" -lt "$hosts" ] || continue
    run "$n" "$bench/fleet-$n.json"
    runs+=("$bench/fleet-$n.json")
  done
  run "$hosts" "$bench/fleet.json"
  "$WHARDEN_BIN/wharden-sim" chart "${runs[@]}" "$bench/fleet.json" --output docs
else
  run "$hosts" "$bench/fleet.json"
fi
cat "$bench/fleet.json"
