#!/usr/bin/env bash
# Upgrades a running cluster of an earlier version of this repository to this one: see tests/harness/src/bin/upgrade.rs.
#
#   tests/upgrade.sh [--from COMMIT | --old-bin DIR]
#
# Builds the earlier version (default: the commit before the last) in a work tree of its own under the target folder, or
# takes its programs from DIR. Must run as root, on a machine where tests/run.sh works.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

from=HEAD~1
old=
while (($#)); do
    case $1 in
        --from) from=$2; shift 2 ;;
        --old-bin) old=$2; shift 2 ;;
        -h | --help)
            sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
            exit 0
            ;;
        *) echo "tests/upgrade.sh: unknown option $1; --help lists them" >&2; exit 2 ;;
    esac
done

target=${CARGO_TARGET_DIR:-$PWD/target}
if [[ -z $old ]]; then
    commit=$(git rev-parse --verify "$from^{commit}")
    tree=$target/upgrade/$commit
    [[ -d $tree ]] || git worktree add --detach "$tree" "$commit"
    (cd "$tree" && CARGO_TARGET_DIR=$target/upgrade/target cargo build --locked --workspace --bins)
    git worktree remove --force "$tree"
    old=$target/upgrade/target/debug
fi
export CARGO_TARGET_DIR=$target
cargo build --locked --workspace --bins
exec "$target/debug/upgrade" "$(realpath "$old")" "$(realpath "$target/debug")"
