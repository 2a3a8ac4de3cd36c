#!/usr/bin/env bash
# Throws generated requests at a controller and holds every answer against its OpenAPI document: no 5xx, no answer that the
# document does not have, no body of another shape; and without a session every operation that needs one answers 401.
#
#   tests/schemathesis.sh [EXAMPLES]      how many examples an operation gets; 20 without it
#   tests/schemathesis.sh --install-only  only what it needs from PyPI
#
# Needs python3 with venv, curl, and built programs: in the folder WHARDEN_BIN, else target/debug.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

install_only=
if [[ ${1:-} == --install-only ]]; then
    install_only=1
    shift
fi
readonly EXAMPLES=${1:-20}
readonly BIN=${WHARDEN_BIN:-${CARGO_TARGET_DIR:-target}/debug}
readonly VENV=${WHARDEN_TEST_CACHE:-/var/cache/wharden-tests}/schemathesis
readonly VERSION=4.32.5

work=$(mktemp -d)
pid=
cleanup() {
    [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
    rm -rf -- "$work"
}
trap cleanup EXIT

if [[ ! -x $VENV/bin/schemathesis ]] || ! "$VENV/bin/schemathesis" --version | grep -qF "$VERSION"; then
    /usr/bin/python3 -m venv "$VENV"
    "$VENV/bin/pip" install -q --disable-pip-version-check "schemathesis==$VERSION"
fi
[[ -z $install_only ]] || exit 0

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
"$BIN/wharden-controller" init --data-dir "$work/controller" --advertise 127.0.0.1 \
    --rest-listen "127.0.0.1:$port" --agent-listen "127.0.0.1:$(free_port)" --peer-listen "127.0.0.1:$(free_port)" \
    --json >"$work/init.json"
"$BIN/wharden-controller" run --data-dir "$work/controller" >"$work/log" 2>&1 &
pid=$!

export WHARDEN_URL=https://127.0.0.1:$port WHARDEN_CA_FILE=$work/controller/ca.pem WHARDEN_CONFIG_DIR=$work/cli
curl -sf --retry 100 --retry-delay 1 --retry-connrefused --cacert "$WHARDEN_CA_FILE" "$WHARDEN_URL/readyz" >/dev/null || {
    cat "$work/log"
    exit 1
}
token=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["bootstrap_token"])' <"$work/init.json")
password=$(head -c 18 /dev/urandom | base64)
printf '%s\n%s\n' "$token" "$password" | "$BIN/wharden" bootstrap --token-stdin --username admin --password-stdin \
    --non-interactive -o json >"$work/enrolled.json" 2>/dev/null
WHARDEN_TOTP_SECRET=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["totp_secret"])' <"$work/enrolled.json")
export WHARDEN_TOTP_SECRET
code=$("$BIN/wharden" totp --next --quiet)
access=$(printf '{"username": "admin", "password": "%s", "code": "%s"}' "$password" "$code" |
    curl -sf --cacert "$WHARDEN_CA_FILE" -H 'content-type: application/json' --data-binary @- "$WHARDEN_URL/v1/login" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')

fuzz() {
    "$VENV/bin/schemathesis" run "$WHARDEN_URL/openapi.json" --tls-verify "$WHARDEN_CA_FILE" --no-color \
        --request-timeout 60 --max-examples "$EXAMPLES" --generation-deterministic --suppress-health-check all \
        --exclude-path /metrics "$@"
}

echo "== without a session"
# Logins, enrolments and refreshes have a limit by address, which is an answer of theirs. Refused before their bodies are read,
# the very large ones of the coverage phase would end in a closed connection.
fuzz --phases fuzzing --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --exclude-path /v1/events

echo "== with the session of an admin"
# What would end that session is left out. Waiting for events is what the waiting query is for.
fuzz --phases examples,coverage,fuzzing \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --header "Authorization: Bearer $access" --exclude-path /v1/logout --exclude-path /v1/login \
    --exclude-path-regex '^/v1/(enrolment|session/refresh|sessions|account)' --exclude-path /v1/events

kill -0 "$pid"
if grep -qE 'panicked|ERROR' "$work/log"; then
    grep -E 'panicked|ERROR' "$work/log" >&2
    exit 1
fi
echo "== the controller is well"
