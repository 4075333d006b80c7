# shellcheck shell=bash
# What every command of ./dev shares: paths, messages, the lock, and what must happen at exit.
# ROOT is set by ./dev before this file is read.
# shellcheck disable=SC2034  # The other files of dev.d read what is set here.

VAR="$ROOT/var"
VENV="$ROOT/.venv"
# XUNGE_BIN lets the tests of this script stand in for the real command.
XUNGE="${XUNGE_BIN:-$VENV/bin/xunge}"
# The tests run on as many cores as there are, up to four; each of their workers has a cluster of its own. One they
# must not share: a transaction that writes in one database holds back the feed of every other one of its cluster.
WORKERS_MOST=4
CLUSTERS=(demo test bench)
for ((number = 2; number <= WORKERS_MOST; number++)); do CLUSTERS+=("test-$number"); done

# The hash keeps checkouts and users apart. Its eight characters keep the socket's path far below
# the kernel's limit of 107 bytes, however deep the checkout lies.
CHECKOUT_ID="$(printf '%s:%s' "$ROOT" "$(id -u)" | sha256sum | cut -c1-8)"
SOCKETS="/tmp/xunge-$CHECKOUT_ID"

# A developer's own PG* and Python variables would silently redirect us to another server or interpreter.
for name in "${!PG@}"; do unset "$name"; done
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH UV_PYTHON
export LANG="${LANG:-C.UTF-8}"

# Messages go to stderr, because stdout belongs to what a command was asked for (a CSV, export lines).
say() { printf '· %s\n' "$*" >&2; }
warn() { printf '! %s\n' "$*" >&2; }
die() {
    printf '✗ %s\n' "$*" >&2
    exit 1
}
is_root() { [ "$(id -u)" -eq 0 ]; }

# Bash keeps one EXIT trap; several parts of the script each have something to undo.
exit_hooks=()
run_exit_hooks() {
    local status=$? i
    trap - EXIT
    set +e
    for ((i = ${#exit_hooks[@]} - 1; i >= 0; i--)); do "${exit_hooks[$i]}"; done
    exit "$status"
}
trap run_exit_hooks EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
on_exit() { exit_hooks+=("$1"); }

# One set-up at a time in a checkout. Descriptor 9 is closed for whatever outlives this script,
# or a server would hold the lock for as long as it runs.
lock() {
    mkdir -p "$VAR" 2>/dev/null || true
    [ -w "$VAR" ] || die "$VAR 不属于当前用户 · $VAR is not writable for $(id -un); run as its owner ($(stat -c %U "$VAR"))"
    exec 9>"$VAR/.lock"
    if ! flock -n 9; then
        say "等待本目录中另一个 ./dev · waiting for another ./dev of this checkout"
        flock 9
    fi
}
unlock() { exec 9>&-; }

# Phases print how long each took, so that a slow set-up shows where it is slow.
phase_name=""
phase_log=()
phase() {
    phase_end
    phase_name="$1"
    phase_start="$EPOCHREALTIME"
}
phase_end() {
    [ -n "$phase_name" ] || return 0
    phase_log+=("$(elapsed "$phase_start") s  $phase_name")
    phase_name=""
}
phase_summary() {
    phase_end
    say "用时 · time spent:"
    printf '    %s\n' "${phase_log[@]}" >&2
}
elapsed() {
    local now="$EPOCHREALTIME" from="$1" micros
    micros=$((${now/[.,]/} - ${from/[.,]/}))
    printf '%4d.%d' $((micros / 1000000)) $((micros % 1000000 / 100000))
}
