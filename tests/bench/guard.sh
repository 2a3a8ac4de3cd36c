#!/usr/bin/env bash
# What the guard costs, beside the engine alone and HAProxy as a socket proxy: see tests/bench/guard/main.rs.
#
#   tests/bench/guard.sh [--size 1GiB] [--case ping]
#
# Must run as root, on a machine where tests/run.sh works; installs Debian's haproxy where it is missing. The agent is
# built for release; the rest of the scene is not measured and stays as the tests build it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

command -v haproxy >/dev/null || apt-get install -y --no-install-recommends haproxy

# shellcheck source=tests/bench/released-agent.sh
. tests/bench/released-agent.sh
exec cargo bench -p wharden-e2e --bench guard -- "$@"
