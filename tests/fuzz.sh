#!/usr/bin/env bash
# Fuzzes what reads requests (fuzz/fuzz_targets) with the stable compiler: first every file of the corpus, then new input.
#
#   tests/fuzz.sh [--seconds N] [TARGET...]     N seconds for each target (default 300; 0: the corpus only)
#
# A finding is left in fuzz/artifacts and makes this fail. What has been learnt is kept in target/fuzz/learnt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TARGETS=(head json routes names archive)
# Bodies are read up to 64 KiB in the targets; longer input says nothing new.
readonly INPUT_MAX=4096

seconds=300
chosen=()
while (($#)); do
    case $1 in
        --seconds)
            seconds=${2:?a number}
            shift
            ;;
        -h | --help)
            sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
            exit 0
            ;;
        *) chosen+=("$1") ;;
    esac
    shift
done
((${#chosen[@]})) || chosen=("${TARGETS[@]}")

command -v c++ >/dev/null || {
    echo "tests/fuzz.sh: a C++ compiler is needed for libFuzzer (g++)" >&2
    exit 1
}

# What cargo-fuzz passes, without the sanitizers, which need a nightly compiler. The target is named so that build scripts
# are built without it.
readonly BUILD=${CARGO_TARGET_DIR:-target}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Clink-dead-code" \
    cargo build --manifest-path fuzz/Cargo.toml --target "$host" --target-dir "$BUILD" --features fuzzing --release --locked \
    --quiet "${TARGETS[@]/#/--bin=}"

export RUST_BACKTRACE=${RUST_BACKTRACE:-0}
status=0
for target in "${chosen[@]}"; do
    mkdir -p "$BUILD/learnt/$target" "fuzz/artifacts/$target"
    options=(-artifact_prefix="fuzz/artifacts/$target/" -max_len="$INPUT_MAX" -timeout=10 -rss_limit_mb=2048)
    options+=(-verbosity=0 -print_final_stats=1)
    if ((seconds)); then options+=(-max_total_time="$seconds"); else options+=(-runs=0); fi
    printf '== %s\n' "$target"
    "$BUILD/$host/release/$target" "${options[@]}" "$BUILD/learnt/$target" "fuzz/corpus/$target" || status=1
done
exit "$status"
