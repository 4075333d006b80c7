# shellcheck shell=bash
# The demo's own processes: web, worker, scheduler. Each leads a session of its own, so that
# neither Ctrl-C nor the end of this shell reaches it.

PROCESSES=(web worker scheduler)
RUN="$VAR/demo/run"
LOG="$VAR/demo/log"

# When a process began and in which boot, beside its number, tell it from any later owner of that number.
# (Its command line would not: servers change their titles.)
process_identity() {
    local stat
    stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
    # The name in parentheses may itself hold blanks and parentheses, so we count from the last one.
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    [ "$1" != Z ] || return 1
    printf '%s %s' "${20}" "$(cat /proc/sys/kernel/random/boot_id)"
}

process_pid() {
    local pid identity
    [ -e "$RUN/$1.pid" ] || return 1
    { read -r pid && read -r identity; } <"$RUN/$1.pid" || return 1
    [ "$(process_identity "$pid")" = "$identity" ] || return 1
    printf '%s' "$pid"
}

process_start() {
    local name="$1" pid
    shift
    mkdir -p "$RUN" "$LOG"
    setsid nohup "$@" </dev/null >>"$LOG/$name.log" 2>&1 8>&- 9>&- &
    pid=$!
    printf '%s\n%s\n' "$pid" "$(process_identity "$pid")" >"$RUN/$name.pid"
}

processes_stop() {
    local name pid try
    for name in scheduler worker web; do
        if pid="$(process_pid "$name")"; then kill -TERM "$pid" 2>/dev/null || true; fi
    done
    for name in scheduler worker web; do
        for ((try = 0; try < 100; try++)); do
            process_pid "$name" >/dev/null || break
            sleep 0.1
        done
        # As long as the leader lives, the group of that number is certainly its own.
        if pid="$(process_pid "$name")"; then
            warn "$name 10 秒内未退出，强制结束 · $name did not end in 10 s, killing it"
            kill -KILL -- "-$pid" 2>/dev/null || true
        fi
        rm -f "$RUN/$name.pid"
    done
}

processes_up() {
    local name
    for name in "${PROCESSES[@]}"; do process_pid "$name" >/dev/null || return 1; done
}

# A port is ours if it can be bound and no other checkout claims it. The web process inherits the claim
# (descriptor 7), so that two checkouts starting at the same moment never meet on one port.
claim_port() {
    local port="$1" claim="/tmp/xunge-port-$1.lock"
    [ -e "$claim" ] || (umask 022 && set -C && : >"$claim") 2>/dev/null || true
    exec 7<"$claim" || return 1
    if flock -n 7 && "$VENV/bin/python" - "$port" 2>/dev/null <<'PY'; then return 0; fi
import socket, sys
with socket.socket() as probe:
    # Connections still in TIME_WAIT from our last run are no reason to move.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", int(sys.argv[1])))
    probe.listen(1)
PY
    exec 7<&-
    return 1
}

choose_port() {
    local port before
    if [ -n "${XUNGE_PORT:-}" ]; then
        if [[ ! "$XUNGE_PORT" =~ ^[1-9][0-9]{0,4}$ ]] || ((XUNGE_PORT > 65535)); then die "XUNGE_PORT=$XUNGE_PORT?"; fi
        # The kernel gives these numbers to outgoing connections, so they are taken now and then.
        if ((XUNGE_PORT >= 32768 && XUNGE_PORT <= 60999)); then
            die "XUNGE_PORT 不能在 32768–60999（临时端口）之间 · XUNGE_PORT must lie outside the ephemeral range 32768-60999"
        fi
        claim_port "$XUNGE_PORT" || die "端口 $XUNGE_PORT 已被占用 · port $XUNGE_PORT is taken"
        PORT="$XUNGE_PORT"
        return 0
    fi
    before="$(cat "$VAR/demo/port" 2>/dev/null || true)"
    for port in ${before:+"$before"} {8080..8099}; do
        if claim_port "$port"; then
            PORT="$port"
            return 0
        fi
    done
    die "8080–8099 均被占用，请设 XUNGE_PORT · ports 8080-8099 are all taken; set XUNGE_PORT"
}

# Waits for GET /readyz = 200 for as long as the web process lives. http.client takes no notice of proxies.
wait_ready() {
    "$VENV/bin/python" - "$1" "$2" "$3" <<'PY'
import http.client, os, sys, time
port, pid, patience = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
end, answer = time.monotonic() + patience, "no answer"
while True:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        if response.status == 200:
            raise SystemExit(0)
        answer = f"{response.status} {response.read(300).decode('utf-8', 'replace')}"
    except (OSError, http.client.HTTPException) as error:
        answer = str(error)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        answer = "the web process has ended"
        break
    if time.monotonic() > end:
        break
    time.sleep(0.15)
print(f"/readyz: {answer}", file=sys.stderr)
raise SystemExit(1)
PY
}

web_is_ready() {
    local pid
    PORT="$(cat "$VAR/demo/port" 2>/dev/null)" && pid="$(process_pid web)" && wait_ready "$PORT" "$pid" 0 2>/dev/null
}

# The port is chosen before anything starts, because the demo's accounts name the address.
ensure_port() {
    if process_pid web >/dev/null; then
        PORT="$(cat "$VAR/demo/port")"
    else
        choose_port
        printf '%s\n' "$PORT" >"$VAR/demo/port"
    fi
}

processes_start() {
    local pid name
    process_pid web >/dev/null || process_start web "$XUNGE" serve --host 127.0.0.1 --port "$PORT" --workers 2
    # The claim on the port is the web process's alone from here on.
    exec 7<&-
    process_pid worker >/dev/null || process_start worker "$XUNGE" worker
    process_pid scheduler >/dev/null || process_start scheduler "$XUNGE" scheduler
    pid="$(process_pid web)" && wait_ready "$PORT" "$pid" 60 && processes_up && return 0
    for name in "${PROCESSES[@]}"; do
        process_pid "$name" >/dev/null || warn "$name 已退出 · $name has ended, see $LOG/$name.log"
    done
    tail -n 15 "$LOG/web.log" "$LOG/worker.log" "$LOG/scheduler.log" >&2 || true
    return 1
}

print_addresses() {
    printf '\n巡格 Xunge\n  接口 API          http://127.0.0.1:%s/api/v1\n  接口文档 API docs http://127.0.0.1:%s/api/docs\n' "$PORT" "$PORT"
    if [ -e "$VAR/demo.json" ]; then
        printf '  登录账号 sign-ins（%s）\n' "$VAR/demo.json"
        "$VENV/bin/python" - "$VAR/demo.json" <<'PY' || true
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    data = json.load(file)
people = data if isinstance(data, list) else next((data[key] for key in ("accounts", "people", "users") if key in data), data)
if isinstance(people, dict):
    people = [{"": key, **value} if isinstance(value, dict) else {"": key, "value": value} for key, value in people.items()]
for person in people:
    print("    " + "  ".join(str(value) for value in person.values() if not isinstance(value, (dict, list))))
PY
    fi
    printf '\n'
}

# In the foreground: show the logs until one of the three has ended.
# Fails if it ended by itself; ./dev down in another window is a regular end and takes the pid files away.
# shellcheck disable=SC2034  # tail_pid is read by ./dev.
tail_pid=""
follow_logs() {
    local name status=0
    tail -q -n 0 -F "$LOG/web.log" "$LOG/worker.log" "$LOG/scheduler.log" 8>&- 9>&- &
    # shellcheck disable=SC2034
    tail_pid=$!
    while processes_up; do sleep 1; done
    # A ./dev down that is under way holds the lock; only afterwards do the pid files tell the truth.
    lock
    for name in "${PROCESSES[@]}"; do
        if [ -e "$RUN/$name.pid" ] && ! process_pid "$name" >/dev/null; then
            warn "$name 已退出 · $name has ended, see $LOG/$name.log"
            status=1
        fi
    done
    return "$status"
}
