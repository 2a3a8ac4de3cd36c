#!/usr/bin/env bash
# Brings up Wharden on one machine: a controller, an admin with two factors, this host enrolled in posture enforce, the
# starter packs, sample users, and a guarded docker. Leaves it running.
#
#   deploy/quickstart.sh [--dir DIR] [--controllers N] [--docker SOCKET | --private-docker] [--down]
#
#   --dir DIR          where everything is kept (/var/lib/wharden-quickstart for root, else
#                      ~/.local/state/wharden-quickstart)
#   --controllers N    how many controllers, all on this machine: 1 to 9; a later run may ask for more
#   --docker SOCKET    guard the engine that listens there (default: /var/run/docker.sock when it answers)
#   --private-docker   start an engine of its own under DIR, without networks
#   --down             stop exactly what it started; data and quickstart.env stay, and the next run goes on with them
#
# Run it again to start what has stopped. Programs are built with cargo when they are missing; WHARDEN_BIN names a folder
# of built ones. Addresses and secrets are in DIR/quickstart.env (mode 0600).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly ADMIN=admin
readonly RUST_MIN=1.95
# Sample users and their groups; the starter pack "roles" gives the groups their meaning.
readonly SAMPLES=(wharden-viewer:viewers wharden-launcher:launchers wharden-developer:developers wharden-builder:builders
    wharden-operator:operators)
readonly SAMPLE_IMAGE=wharden-sample:latest
# Longest path of a unix socket, in bytes (sun_path), less room for the name.
readonly SOCKET_PATH_MAX=90

say() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
die() {
    printf 'quickstart.sh: %s\n' "$*" >&2
    exit 1
}
usage_error() {
    printf 'quickstart.sh: %s; --help explains the options\n' "$*" >&2
    exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [[ $(id -u) == 0 ]]; }
on_debian() { have apt-get && have dpkg; }

# --- options ------------------------------------------------------------------------------------------------------

dir=
controllers=1
docker_socket=
private_docker=0
down=0

while (($#)); do
    case $1 in
        --dir | --controllers | --docker)
            (($# > 1)) || usage_error "$1 needs a value"
            case $1 in
                --dir) dir=$2 ;;
                --controllers) controllers=$2 ;;
                --docker) docker_socket=${2#unix://} ;;
            esac
            shift 2
            ;;
        --private-docker)
            private_docker=1
            shift
            ;;
        --down)
            down=1
            shift
            ;;
        -h | --help)
            sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *) usage_error "unknown option $1" ;;
    esac
done

[[ $controllers =~ ^[1-9][0-9]*$ ]] || usage_error "--controllers needs a number, not \"$controllers\""
((controllers <= 9)) || usage_error "a cluster has at most 9 controllers"
[[ -z $docker_socket || $private_docker == 0 ]] || usage_error "--docker and --private-docker exclude each other"
if [[ -z $dir ]]; then
    if is_root; then dir=/var/lib/wharden-quickstart; else dir=${XDG_STATE_HOME:-$HOME/.local/state}/wharden-quickstart; fi
fi
[[ $dir != *$'\n'* ]] || usage_error "--dir must not have a line break in it"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
readonly dir
readonly run_dir=$dir/run log_dir=$dir/log env_file=$dir/quickstart.env

# --- processes ----------------------------------------------------------------------------------------------------
# DIR/run/NAME.pid holds the process id and its start time, so that another process with the same id is never touched.

started_at() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

pid_of() {
    local pid start
    [[ -r $run_dir/$1.pid ]] || return 1
    read -r pid start <"$run_dir/$1.pid" || return 1
    [[ -n $start && $(started_at "$pid") == "$start" ]] || return 1
    printf '%s\n' "$pid"
}

launch() {
    local name=$1 pid
    shift
    # shellcheck disable=SC2016  # the inner shell expands it
    setsid --fork bash -c 'printf "%s\n" "$$" >"$1.new"; shift; exec "$@"' launch "$run_dir/$name.pid" "$@" \
        </dev/null >>"$log_dir/$name.log" 2>&1
    await "start of $name" test -s "$run_dir/$name.pid.new"
    pid=$(<"$run_dir/$name.pid.new")
    rm -f "$run_dir/$name.pid.new"
    printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$run_dir/$name.pid"
}

# Waits up to a minute for a command to succeed.
await() {
    local what=$1 try
    shift
    for ((try = 0; try < 600; try++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    die "waited in vain: $what; the logs are in $log_dir"
}

await_process() {
    local name=$1 what=$2 try
    shift 2
    for ((try = 0; try < 600; try++)); do
        "$@" >/dev/null 2>&1 && return 0
        pid_of "$name" >/dev/null || break
        sleep 0.1
    done
    tail -n 30 "$log_dir/$name.log" >&2 || true
    die "$name does not come up ($what); its log is $log_dir/$name.log"
}

stop() {
    local name=$1 pid try
    if pid=$(pid_of "$name"); then
        kill -TERM "$pid" 2>/dev/null || true
        for ((try = 0; try < 300; try++)); do
            pid_of "$name" >/dev/null || break
            sleep 0.1
        done
        if pid_of "$name" >/dev/null; then
            kill -KILL "$pid" 2>/dev/null || true
        fi
        note "stopped $name ($pid)"
    fi
    rm -f "$run_dir/$name.pid"
}

# --- down ---------------------------------------------------------------------------------------------------------

# Values of an earlier run.
WHARDEN_URL='' WHARDEN_TOTP_SECRET='' WHARDEN_PASSWORD='' WHARDEN_GUARD_SOCKET='' WHARDEN_ENGINE_SOCKET=''
given_bin=${WHARDEN_BIN:-}
if [[ -e $env_file ]]; then
    [[ -O $env_file ]] || die "$env_file belongs to someone else"
    # shellcheck source=/dev/null
    source "$env_file"
fi

if ((down)); then
    say "Stopping what the quickstart in $dir started"
    stop agent
    for init in "$dir"/controller-*.init; do
        if [[ -e $init ]]; then stop "$(basename "$init" .init)"; fi
    done
    stop controller
    if pid_of engine >/dev/null && have docker; then
        # Else the engine waits for each container that ignores SIGTERM.
        DOCKER_HOST="unix://$dir/engine.sock" docker ps -q 2>/dev/null |
            DOCKER_HOST="unix://$dir/engine.sock" xargs -r docker kill >/dev/null 2>&1 || true
    fi
    stop engine
    if [[ -s $dir/os-users ]]; then
        while read -r user; do
            if userdel "$user" 2>/dev/null; then note "removed OS user $user"; fi
        done <"$dir/os-users"
        rm -f "$dir/os-users"
    fi
    if [[ -r $dir/guard-dir ]]; then
        rm -rf -- "$(<"$dir/guard-dir")"
        rm -f "$dir/guard-dir"
    fi
    if [[ -e $env_file ]]; then sed -i 's/^WHARDEN_PIDS=.*/WHARDEN_PIDS=/' "$env_file"; fi
    note "data and secrets stay in $dir; remove the folder to forget them"
    exit 0
fi

mkdir -p "$run_dir" "$log_dir"
is_root && chmod 755 "$dir"
chmod 700 "$run_dir" "$log_dir"

# --- programs -----------------------------------------------------------------------------------------------------

new_enough() { [[ $(printf '%s\n%s\n' "$RUST_MIN" "$1" | sort -V | head -n 1) == "$RUST_MIN" ]]; }

find_cargo() {
    [[ -d ${CARGO_HOME:-$HOME/.cargo}/bin ]] && PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    if have cargo && new_enough "$(cargo --version | cut -d' ' -f2)"; then return 0; fi
    if ! is_root || ! on_debian; then return 1; fi
    if ! have rustup; then
        apt_install rustup || return 1
    fi
    rustup toolchain install --profile minimal stable && rustup default stable
    have cargo && new_enough "$(cargo --version | cut -d' ' -f2)"
}

apt_updated=0
apt_install() {
    ((apt_updated)) || DEBIAN_FRONTEND=noninteractive apt-get update -qq
    apt_updated=1
    apt-cache show "$@" >/dev/null 2>&1 || return 1
    note "installing $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

complete() { [[ -x $1/wharden-controller && -x $1/wharden && -x $1/wharden-agent ]]; }

if [[ -n $given_bin ]]; then
    bin=$(cd "$given_bin" && pwd) || die "WHARDEN_BIN=$given_bin is no folder"
    complete "$bin" || die "WHARDEN_BIN=$given_bin lacks wharden-controller, wharden or wharden-agent"
else
    bin=${CARGO_TARGET_DIR:-$ROOT/target}/release
    say "Building the programs (the first time takes some minutes)"
    if find_cargo; then
        if ! have cc && is_root && on_debian; then apt_install gcc libc6-dev || true; fi
        have cc || die "a C compiler is needed to build: install gcc"
        (cd "$ROOT" && cargo build --release --locked -p wharden-controller -p wharden -p wharden-agent)
    elif ! complete "$bin"; then
        die "Rust $RUST_MIN or newer is needed to build: install it with rustup, or set WHARDEN_BIN to built programs"
    fi
    bin=$(cd "$bin" && pwd)
fi
readonly bin

# --- engine -------------------------------------------------------------------------------------------------------

engine_answers() { DOCKER_HOST="unix://$1" docker version >/dev/null 2>&1; }

need_docker_client() {
    have docker && return 0
    if ! is_root || ! on_debian; then die "the docker command is needed: install it"; fi
    apt_install docker-cli || apt_install docker.io || die "the docker command is needed: install it"
}

say "Docker Engine"
engine_is_private=0
if ((private_docker)) || [[ -z $docker_socket && -e $dir/engine.private ]]; then
    engine_is_private=1
elif [[ -n $docker_socket ]]; then
    need_docker_client
    engine_answers "$docker_socket" || die "no Docker Engine that this user may use answers at $docker_socket"
elif [[ -S /var/run/docker.sock ]] && have docker && engine_answers /var/run/docker.sock; then
    docker_socket=/var/run/docker.sock
else
    note "no engine answers at /var/run/docker.sock: starting a private one"
    engine_is_private=1
fi

if ((engine_is_private)); then
    is_root || die "a private engine needs root: run as root, or name an engine with --docker SOCKET"
    if ! have dockerd; then
        on_debian || die "dockerd is needed for a private engine: install it"
        apt_install docker.io || die "docker.io cannot be installed: install an engine"
    fi
    need_docker_client
    docker_socket=$dir/engine.sock
    : >"$dir/engine.private"
    if ! pid_of engine >/dev/null; then
        # No networks of its own, so that nothing of the machine changes.
        printf '{}\n' >"$dir/engine.json"
        launch engine dockerd --config-file="$dir/engine.json" --data-root="$dir/engine" --exec-root="$dir/engine-run" \
            --pidfile="$run_dir/dockerd.pid" --host="unix://$docker_socket" --bridge=none --iptables=false
    fi
    await_process engine "docker version" engine_answers "$docker_socket"
fi
note "$(DOCKER_HOST="unix://$docker_socket" docker version --format '{{.Server.Version}}, API {{.Server.APIVersion}}') at $docker_socket"

# --- controller ---------------------------------------------------------------------------------------------------

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_pair() {
    local port
    for ((port = 7440; port < 7540; port += 10)); do
        if port_is_free "$port" && port_is_free "$((port + 1))" && port_is_free "$((port + 2))"; then
            printf '%s\n' "$port"
            return 0
        fi
    done
    die "no three free ports between 7440 and 7540"
}

listening() { ! port_is_free "$1"; }

say "Controller"
# Where nothing is set up yet, and another program took the port since it was chosen, another one is chosen.
if [[ -e $dir/controller.init && -e $run_dir/init.out ]] && ! pid_of controller >/dev/null &&
    listening "$(<"$dir/controller.init")"; then
    rm -f -- "$dir/controller.init"
fi
if [[ ! -e $dir/controller.init ]]; then
    rm -rf -- "$dir/controller"
    port=$(free_pair)
    "$bin/wharden-controller" init --data-dir "$dir/controller" --advertise 127.0.0.1,localhost \
        --rest-listen "127.0.0.1:$port" --agent-listen "127.0.0.1:$((port + 1))" \
        --peer-listen "127.0.0.1:$((port + 2))" >"$run_dir/init.out"
    chmod 600 "$run_dir/init.out"
    printf '%s\n' "$port" >"$dir/controller.init"
fi
port=$(<"$dir/controller.init")
export WHARDEN_URL=https://127.0.0.1:$port WHARDEN_CA_FILE=$dir/controller/ca.pem WHARDEN_CONFIG_DIR=$dir/cli
agent_address=127.0.0.1:$((port + 1))

wharden() { "$bin/wharden" "$@"; }
# To somebody who is not logged in (3) it says no more than whether this controller can serve.
ready() {
    local status=0
    WHARDEN_CONFIG_DIR=$run_dir/nobody wharden doctor || status=$?
    ((status == 3))
}

if ! pid_of controller >/dev/null; then
    if listening "$port"; then
        again=
        [[ -e $run_dir/init.out ]] && again="; run this again, and it takes another one"
        die "something else listens on port $port, which the controller in $dir uses$again"
    fi
    launch controller "$bin/wharden-controller" run --data-dir "$dir/controller"
fi
# Those of an earlier run: without a majority of them none is ready.
for init in "$dir"/controller-*.init; do
    name=$(basename "$init" .init)
    if [[ -e $init ]] && ! pid_of "$name" >/dev/null; then
        launch "$name" "$bin/wharden-controller" run --data-dir "$dir/$name"
    fi
done
await_process controller "ready at $WHARDEN_URL" ready
note "listens at $WHARDEN_URL, agents connect to $agent_address"

# --- admin --------------------------------------------------------------------------------------------------------

recovery_codes=()
if [[ -z $WHARDEN_TOTP_SECRET ]]; then
    say "First admin, with two factors"
    WHARDEN_PASSWORD=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')
    token=$(grep -o 'wbt_[A-Za-z0-9_]*' "$run_dir/init.out" | head -n 1) ||
        die "the bootstrap token of an earlier run was used, but $env_file is gone: start anew with another --dir"
    enrolment=$(printf '%s\n%s\n' "$token" "$WHARDEN_PASSWORD" |
        wharden bootstrap --token-stdin --username "$ADMIN" --password-stdin --non-interactive --quiet)
    printf '%s\n' "$enrolment"
    WHARDEN_TOTP_SECRET=$(sed -n 's/^TOTP secret: *\([A-Z2-7]*\).*/\1/p' <<<"$enrolment")
    [[ -n $WHARDEN_TOTP_SECRET ]] || die "no TOTP secret in the answer of wharden bootstrap"
    mapfile -t recovery_codes < <(sed -n '/^Recovery codes/,$ s/^  \([^ ]*\)$/\1/p' <<<"$enrolment")
    rm -f "$run_dir/init.out"
fi
export WHARDEN_TOTP_SECRET

# The folder of the guard's socket must be open to the OS users that will use docker, and its path short.
guard_dir_ok() {
    local at=$1
    ((${#at} < SOCKET_PATH_MAX)) || return 1
    while [[ $at != / ]]; do
        [[ $(stat -c %A "$at") == *[xt] ]] || return 1
        at=$(dirname "$at")
    done
}
if [[ -z $WHARDEN_GUARD_SOCKET || ! -d $(dirname "$WHARDEN_GUARD_SOCKET") ]]; then
    if guard_dir_ok "$dir"; then
        WHARDEN_GUARD_SOCKET=$dir/guard.sock
    else
        mktemp -d /tmp/wharden-guard.XXXXXX >"$dir/guard-dir"
        chmod 755 "$(<"$dir/guard-dir")"
        WHARDEN_GUARD_SOCKET=$(<"$dir/guard-dir")/guard.sock
    fi
fi
WHARDEN_ENGINE_SOCKET=$docker_socket
WHARDEN_HOST_ID=${WHARDEN_HOST_ID:-}

write_env() {
    local name new=$env_file.new
    (
        umask 077
        : >"$new"
    )
    # shellcheck disable=SC2034  # written by name below
    WHARDEN_ADMIN=$ADMIN WHARDEN_BIN=$bin
    # shellcheck disable=SC2034
    WHARDEN_PIDS=$(for init in "$dir"/controller.init "$dir"/controller-*.init agent engine; do
        pid_of "$(basename "$init" .init)" || true
    done | paste -sd' ')
    for name in WHARDEN_URL WHARDEN_CA_FILE WHARDEN_ADMIN WHARDEN_PASSWORD WHARDEN_TOTP_SECRET WHARDEN_BIN \
        WHARDEN_GUARD_SOCKET WHARDEN_ENGINE_SOCKET WHARDEN_HOST_ID WHARDEN_PIDS; do
        printf "%s='%s'\n" "$name" "${!name//\'/\'\\\'\'}"
    done >>"$new"
    sync "$new"
    mv -f "$new" "$env_file"
}
# Now, so that the secrets are kept whatever happens next.
write_env

say "Log in"
# Each change takes a code of its own, so that an open session is enough to go on with.
if ! wharden whoami >/dev/null 2>&1; then
    note "waiting for the next code: each is good once"
    code=$(wharden totp --next --quiet)
    wharden login --username "$ADMIN" --password-stdin --totp "$code" <<<"$WHARDEN_PASSWORD"
else
    note "$ADMIN is still logged in"
fi

if ((controllers > 1)); then
    say "More controllers"
    votes() { wharden cluster status -o json | grep -c '"role": "voter"'; }
    has_votes() { (($(votes) >= $1)); }
    for ((n = 2; n <= controllers; n++)); do
        name=controller-$n
        if [[ ! -e $dir/$name.init ]]; then
            rm -rf -- "${dir:?}/$name"
            note "waiting for the next code: each is good once"
            code=$(wharden totp --next --quiet)
            join_code=$(wharden cluster add --quiet --totp "$code")
            own=$(free_pair)
            WHARDEN_JOIN_CODE=$join_code "$bin/wharden-controller" join --data-dir "$dir/$name" \
                --advertise 127.0.0.1,localhost --peer "127.0.0.1:$((port + 2))" --rest-listen "127.0.0.1:$own" \
                --agent-listen "127.0.0.1:$((own + 1))" --peer-listen "127.0.0.1:$((own + 2))" >/dev/null
            printf '%s\n' "$own" >"$dir/$name.init"
            launch "$name" "$bin/wharden-controller" run --data-dir "$dir/$name"
        fi
        await_process "$name" "a vote" has_votes "$n"
        note "controller $n listens at https://127.0.0.1:$(<"$dir/$name.init") and has a vote"
    done
    write_env
fi

# Each change takes a code of its own. A recovery code needs no waiting, and they are there on the first run; the last one
# is spent on ten new ones.
with_own_code() {
    local code
    if ((${#recovery_codes[@]} == 1)); then
        code=${recovery_codes[0]}
        mapfile -t recovery_codes < <(WHARDEN_RECOVERY_CODE=$code wharden account recovery-codes --quiet)
    fi
    if ((${#recovery_codes[@]})); then
        code=${recovery_codes[-1]}
        unset 'recovery_codes[-1]'
        WHARDEN_RECOVERY_CODE=$code "$@"
    else
        note "waiting for the next code: each is good once" >&2
        code=$(wharden totp --next --quiet)
        WHARDEN_TOTP=$code "$@"
    fi
}

say "Starter packs"
for pack in roles baseline segmentation; do
    wharden policy show "$pack" >/dev/null 2>&1 || with_own_code wharden pack apply "$pack"
done

say "Sample users"
# The user of a sample command; without root it is who runs this.
if is_root; then
    for sample in "${SAMPLES[@]}"; do
        user=${sample%%:*}
        if ! id "$user" >/dev/null 2>&1; then
            useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
            printf '%s\n' "$user" >>"$dir/os-users"
        fi
    done
    shown_user=wharden-launcher
else
    shown_user=$(id -un)
fi
for sample in "${SAMPLES[@]}" $(is_root || printf '%s:launchers' "$shown_user"); do
    user=${sample%%:*} group=${sample#*:}
    wharden group show "$group" >/dev/null 2>&1 || with_own_code wharden group create "$group" --quiet
    wharden user show "$user" >/dev/null 2>&1 ||
        with_own_code wharden user create "$user" --group "$group" --quiet
    note "$user is in $group"
done

# --- host ---------------------------------------------------------------------------------------------------------

say "This host, in posture enforce"
if [[ -z $WHARDEN_HOST_ID ]]; then
    rm -rf -- "$dir/agent"
    join_token=$run_dir/join-token
    (umask 077 && : >"$join_token")
    with_own_code wharden token create --ttl 10m --uses 1 --posture enforce --label env=quickstart --quiet >"$join_token"
    "$bin/wharden-agent" enroll --controller "$agent_address" --token-file "$join_token" --data-dir "$dir/agent" \
        --hostname "$(uname -n)" | sed -n 1p
    rm -f "$join_token"
    WHARDEN_HOST_ID=$(wharden host list -o json | grep -o '"h-[0-9a-f]\{16\}"' | tail -n 1 | tr -d '"')
    write_env
fi
if ! pid_of agent >/dev/null; then
    rm -f "$WHARDEN_GUARD_SOCKET"
    # As its unit has it.
    MIMALLOC_PURGE_DELAY=10 launch agent "$bin/wharden-agent" run --data-dir "$dir/agent" --private-path "$dir" --guard-socket "$WHARDEN_GUARD_SOCKET" \
        --engine-socket "$WHARDEN_ENGINE_SOCKET"
fi
guard_answers() { engine_answers "$WHARDEN_GUARD_SOCKET"; }
await_process agent "the guard at $WHARDEN_GUARD_SOCKET" guard_answers
policy_arrived() {
    # A host without a session is not counted as behind: what it holds counts.
    wharden host list -o json | tr -d ' \n' | grep -q '"held_revision":[1-9]' || return 1
    wharden status -o json | tr -d ' \n' | grep -q '"hosts_behind":0'
}
await "the policy on the host" policy_arrived
write_env
if ((${#recovery_codes[@]})); then
    note "most of the recovery codes above are used up; these ten replace them, and are for you to keep:"
    with_own_code wharden account recovery-codes --quiet | sed 's/^/     /'
fi
wharden host list

# --- show ---------------------------------------------------------------------------------------------------------

# A new engine has no image; one can be made without a network from a static busybox.
if ((engine_is_private)) && [[ ! -x /bin/busybox ]] && on_debian; then apt_install busybox-static || true; fi
if ((engine_is_private)) && [[ -x /bin/busybox ]] && ! ldd /bin/busybox >/dev/null 2>&1; then
    if ! DOCKER_HOST="unix://$docker_socket" docker image inspect "$SAMPLE_IMAGE" >/dev/null 2>&1; then
        tar -C / -c bin/busybox 2>/dev/null |
            DOCKER_HOST="unix://$docker_socket" docker import -c 'USER 65534' -c 'ENTRYPOINT ["/bin/busybox"]' - \
                "$SAMPLE_IMAGE" >/dev/null
    fi
    allowed=(run --rm "$SAMPLE_IMAGE" echo "hello from a container")
else
    allowed=(ps)
fi
refused=(run --privileged --pid host "$SAMPLE_IMAGE" sh)

as_user() {
    if is_root; then
        runuser -u "$shown_user" -- env -i PATH="$PATH" HOME=/nonexistent DOCKER_HOST="unix://$WHARDEN_GUARD_SOCKET" "$@"
    else
        env DOCKER_HOST="unix://$WHARDEN_GUARD_SOCKET" "$@"
    fi
}

say "Allowed: $shown_user runs \"docker ${allowed[*]}\""
as_user docker "${allowed[@]}" || die "that should have been allowed"

say "Refused: $shown_user runs \"docker ${refused[*]}\""
if as_user docker "${refused[@]}" 2>&1; then die "that should have been refused"; fi

as_shown=
if is_root; then as_shown="runuser -u $shown_user -- env "; fi
say "It runs. Next"
cat <<END
   Use docker through the guard:   ${as_shown}DOCKER_HOST=unix://$WHARDEN_GUARD_SOCKET docker ps
   Use the admin CLI:              set -a; source $env_file; set +a
                                   export WHARDEN_CONFIG_DIR=$WHARDEN_CONFIG_DIR PATH=$bin:\$PATH
   Who did what, and why:          wharden events --decision denied
   Read a policy:                  wharden policy show baseline
   Try one before it decides:      wharden policy put NAME FILE --mode monitor
   Stop it:                        ${BASH_SOURCE[0]} --dir $dir --down
END
