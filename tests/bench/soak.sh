#!/usr/bin/env bash
# Whether an agent stays light under an hour of ten times the usual load: see tests/bench/soak/main.rs.
#
#   tests/bench/soak.sh [--minutes 60]
#
# Must run as root, on a machine where tests/run.sh works. The agent is built for release; the rest of the scene is not
# measured and stays as the tests build it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# shellcheck source=tests/bench/released-agent.sh
. tests/bench/released-agent.sh
exec cargo bench --profile dev -p wharden-e2e --bench soak -- "$@"
