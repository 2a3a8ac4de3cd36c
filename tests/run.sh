#!/usr/bin/env bash
# Installs what the tests need on Debian or Ubuntu and runs all of them, the end-to-end ones with a real Docker Engine too.
#
#   tests/run.sh                  install, build, test
#   tests/run.sh --install-only   only install
#   tests/run.sh --no-install     build and test; says what is missing
#
# Must run as root: the tests start their own dockerd, make OS users (wharden-t-...) and mount a small tmpfs.
# Nothing is ever skipped: what is missing is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly RUST_MIN=1.95
readonly CACHE=${WHARDEN_TEST_CACHE:-/var/cache/wharden-tests}
# Well above a cold build and a run on two cores, well below a build machine's limit.
readonly LIMIT=42m

die() {
    printf 'tests/run.sh: %s\n' "$*" >&2
    exit 1
}

install=1
run=1
for arg in "$@"; do
    case $arg in
        --install-only) run=0 ;;
        --no-install) install=0 ;;
        -h | --help)
            sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
            exit 0
            ;;
        *) die "unknown option $arg; --help lists them" ;;
    esac
done

[[ $(id -u) == 0 ]] || die "run it as root: the tests start a private dockerd and make OS users"

have() { command -v "$1" >/dev/null 2>&1; }

# --- packages -----------------------------------------------------------------------------------------------------

missing_packages() {
    # program:package
    local need=(
        dockerd:docker.io docker:docker.io busybox:busybox-static gcc:gcc useradd:passwd setpriv:util-linux
        script:bsdutils mount:mount tar:tar flock:util-linux openssl:openssl systemd-analyze:systemd
        ip:iproute2 curl:curl
        c++:g++ go:golang-go
    ) pair
    for pair in "${need[@]}"; do
        have "${pair%%:*}" || printf '%s\n' "${pair#*:}"
    done
    [[ -x /usr/bin/docker ]] || printf 'docker.io\n'
    [[ -e /usr/include/stdio.h ]] || printf 'libc6-dev\n'
    [[ -x /usr/bin/python3 ]] || printf 'python3\n'
    /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || printf 'python3-venv\n'
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || printf 'ca-certificates\n'
    # A busybox that is linked dynamically cannot run in an empty image.
    if have busybox && ldd "$(command -v busybox)" 2>/dev/null | grep -q 'libc\.so'; then
        printf 'busybox-static\n'
    fi
}

install_packages() {
    local wanted
    mapfile -t wanted < <(missing_packages | sort -u)
    ((${#wanted[@]})) || return 0
    have apt-get || die "missing: ${wanted[*]}; install them, this script can do so only on Debian and Ubuntu"
    printf 'installing: %s\n' "${wanted[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # Newer releases ship the docker command in a package of its own.
    if [[ " ${wanted[*]} " == *" docker.io "* ]] && apt-cache show docker-cli >/dev/null 2>&1; then
        wanted+=(docker-cli)
    fi
    apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
}

# --- Rust ---------------------------------------------------------------------------------------------------------

rust_is_new_enough() {
    have cargo || return 1
    local version
    version=$(cargo --version | cut -d' ' -f2)
    [[ $(printf '%s\n%s\n' "$RUST_MIN" "$version" | sort -V | head -1) == "$RUST_MIN" ]]
}

install_rust() {
    rust_is_new_enough && return 0
    if ! have rustup; then
        if ! have apt-get || ! apt-cache show rustup >/dev/null 2>&1; then
            die "Rust $RUST_MIN or newer is needed and not here; install it with rustup"
        fi
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rustup >/dev/null
    fi
    rustup toolchain install --profile minimal --component clippy --component rustfmt stable
    rustup default stable
    rust_is_new_enough || die "Rust $RUST_MIN or newer is needed; found $(cargo --version)"
}

# --- docker-py ----------------------------------------------------------------------------------------------------

# Not under the repository: the OS users that the tests make must be able to read it.
readonly VENV=$CACHE/venv

venv_is_current() {
    [[ -x $VENV/bin/python && -e $VENV/requirements.txt ]] && cmp -s tests/requirements.txt "$VENV/requirements.txt"
}

install_python() {
    venv_is_current && return 0
    rm -rf "$VENV"
    mkdir -p "$CACHE"
    chmod 755 "$CACHE"
    (
        umask 022
        /usr/bin/python3 -m venv "$VENV"
        "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
        cp tests/requirements.txt "$VENV/requirements.txt"
    )
}

[[ -d ${CARGO_HOME:-$HOME/.cargo}/bin ]] && PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

if ((install)); then
    install_packages
    install_rust
    install_python
    tests/schemathesis.sh --install-only
fi
((run)) || exit 0

mapfile -t absent < <(missing_packages | sort -u)
((${#absent[@]} == 0)) || die "missing packages: ${absent[*]}; run tests/run.sh without --no-install"
rust_is_new_enough || die "Rust $RUST_MIN or newer is needed; run tests/run.sh without --no-install"
venv_is_current || die "docker-py is not installed in $VENV; run tests/run.sh without --no-install"

# --- build and test -----------------------------------------------------------------------------------------------

# One run at a time: runs share OS users.
mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9

log=$(mktemp)
# shellcheck disable=SC2317  # the trap calls it
cleanup() {
    local user
    rm -f "$log"
    while IFS=: read -r user _; do
        if [[ $user == wharden-t-* ]]; then userdel "$user" 2>/dev/null || true; fi
    done < <(cat /etc/passwd)
}
trap cleanup EXIT

export WHARDEN_TEST_PYTHON=$VENV/bin/python
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG WHARDEN_URL WHARDEN_CA_FILE WHARDEN_CONFIG_DIR WHARDEN_BIN

# The end-to-end tests run the programs themselves.
cargo build --workspace --bins --locked 9>&-

# Adds up the numbers before a word in the closing lines of the test runner.
count() {
    awk -v word="$1" '
        /^ *Summary .*tests? run:/ || /^test result:/ {
            for (i = 1; i < NF; i++) if ($(i + 1) ~ "^" word "[,;]?$") n += $i
        }
        END { print n + 0 }' "$log"
}

# What reads requests: the corpus and a few seconds of new input, and the same requests read by Go.
tests/fuzz.sh --seconds 4 >"$log" 2>&1 9>&- || {
    cat "$log"
    die "fuzzing found something: see fuzz/artifacts"
}
tests/go-reader.sh --changes 100 9>&-

# The REST API against its own document, in its short form.
tests/schemathesis.sh 2 >"$log" 2>&1 9>&- || {
    cat "$log"
    die "an answer is not as openapi.json has it"
}

status=0
if cargo nextest --version >/dev/null 2>&1; then
    runner=(cargo nextest run --workspace --locked --no-fail-fast)
else
    runner=(cargo test --workspace --locked --no-fail-fast)
fi
timeout --foreground --kill-after=60s "$LIMIT" "${runner[@]}" 9>&- 2>&1 | tee "$log" || status=$?
passed=$(count passed)
failed=$(($(count failed) + $(awk '/^ *Summary / { for (i = 2; i < NF; i++) if ($i == "timed" && $(i + 1) ~ /^out/) n += $(i - 1) } END { print n + 0 }' "$log")))
if ((passed == 0)); then
    printf 'tests/run.sh: no test has passed\n' >&2
    status=1
elif ((status == 124 || status == 137)); then
    printf 'tests/run.sh: not done within %s\n' "$LIMIT" >&2
fi
printf '%s passed, %s failed\n' "$passed" "$failed"
exit "$status"
