#!/usr/bin/env bash
# Holds the guard's reading of requests against Go's own, in which the engine is written: bodies and requests of the fuzzing
# corpus and so many changes of each, the same ones every time.
#
#   tests/go-reader.sh [--changes N]     N changes of each file (default 200)
#
# Installs golang-go where it is missing, as root on Debian and Ubuntu. Only Go's standard library is used.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

changes=200
case ${1:-} in
    --changes) changes=${2:?a number} ;;
    '') ;;
    *)
        sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
        exit 2
        ;;
esac

if ! command -v go >/dev/null; then
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        echo "tests/go-reader.sh: Go is needed and not here" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends golang-go >/dev/null
fi

readonly BUILD=${CARGO_TARGET_DIR:-target}/fuzz
cargo build --manifest-path fuzz/Cargo.toml --target-dir "$BUILD" --bin cases --release --locked --quiet
export GOCACHE=${GOCACHE:-$PWD/$BUILD/go} GO111MODULE=off GOFLAGS=
[[ $BUILD == /* ]] && GOCACHE=$BUILD/go
go build -o "$BUILD/reader" fuzz/go/reader.go
"$BUILD/release/cases" fuzz/corpus "$changes" | "$BUILD/reader"
