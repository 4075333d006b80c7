# shellcheck shell=bash
# The private PostGIS clusters and redis servers: one of each for demo, test and bench, and for each further
# worker of the tests (test-2, test-3, …).
# They listen on unix sockets only, in a directory that nobody else may enter.

# PostgreSQL refuses to run as root. --reset-env, so that the server does not inherit root's environment.
if is_root; then
    AS_SERVER=(setpriv --reuid=postgres --regid=postgres --init-groups --reset-env)
else
    AS_SERVER=()
fi
# From /, for the server's user may not be able to enter the directory we are in.
as_server() { (cd / && exec "${AS_SERVER[@]}" "$@"); }

is_for_tests() { [[ "$1" == test || "$1" == test-* ]]; }

# The newest PostgreSQL that has all the extensions we create.
find_postgres() {
    local version
    while read -r version; do
        if [ -x "/usr/lib/postgresql/$version/bin/initdb" ] &&
            [ -e "/usr/share/postgresql/$version/extension/postgis.control" ] &&
            [ -e "/usr/share/postgresql/$version/extension/btree_gist.control" ] &&
            [ -e "/usr/share/postgresql/$version/extension/pg_trgm.control" ]; then
            printf '%s\n' "$version"
            return 0
        fi
    done < <(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort -Vr)
    return 1
}

# shellcheck disable=SC2153  # SOCKETS comes from ground.sh.
socket_dir() { printf '%s/%s' "$SOCKETS" "$1"; }

# A checkout below a 0700 home is out of reach for the user postgres: then the data live beside Debian's.
data_dir() {
    local fallback="/var/lib/postgresql/xunge-$CHECKOUT_ID"
    if ! is_root; then
        printf '%s/%s' "$VAR" "$1"
    elif [ -e "$fallback/$1/pg/PG_VERSION" ] || ! as_server test -x "$VAR/." 2>/dev/null; then
        printf '%s/%s' "$fallback" "$1"
    else
        printf '%s/%s' "$VAR" "$1"
    fi
}

make_directories() {
    local data="$1" sockets="$2" name="$3"
    mkdir -p "$VAR/$name/log" "$VAR/$name/files"
    # /tmp is everyone's: a directory that somebody else put there first must not receive our sockets.
    mkdir -m 0711 "$SOCKETS" 2>/dev/null || true
    if [ -L "$SOCKETS" ] || [ ! -d "$SOCKETS" ] || [ ! -O "$SOCKETS" ]; then
        die "$SOCKETS 属于其他用户，请删除 · $SOCKETS belongs to somebody else; have it removed"
    fi
    mkdir -p "$sockets" "$data/pg" "$data/redis"
    chmod 0700 "$sockets" "$data/pg" "$data/redis"
    if is_root; then chown postgres:postgres "$sockets" "$data/pg" "$data/redis"; fi
}

# A pid file outlives a crash, and its number may since belong to another process.
postgres_pid() {
    local pid data="$1/pg"
    as_server test -r "$data/postmaster.pid" 2>/dev/null || return 1
    pid="$(as_server head -n 1 "$data/postmaster.pid")"
    [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "$data" || return 1
    printf '%s' "$pid"
}
redis_pid() {
    local pid
    pid="$(cat "$1/redis.pid" 2>/dev/null)" || return 1
    [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "redis-server unixsocket:$1/redis.sock" || return 1
    printf '%s' "$pid"
}

postgres_bin() {
    local version data="$1/pg"
    if as_server test -e "$data/PG_VERSION"; then
        version="$(as_server cat "$data/PG_VERSION")"
        [ -x "/usr/lib/postgresql/$version/bin/postgres" ] ||
            die "$data 由 PostgreSQL $version 创建，现已不在 · was made by PostgreSQL $version, which is gone; ./dev reset makes a new one"
    else
        version="$(find_postgres)" || die "找不到带 PostGIS 的 PostgreSQL · no PostgreSQL with PostGIS found"
    fi
    printf '/usr/lib/postgresql/%s/bin' "$version"
}

postgres_settings() {
    local name="$1" sockets="$2"
    cat <<CONF
# Written by ./dev at every start; changes here are lost.
listen_addresses = ''
unix_socket_directories = '$sockets'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = '256MB'
max_prepared_transactions = 0
idle_in_transaction_session_timeout = '60s'
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
CONF
    # The data of the tests are worth nothing after a power cut, so they need not wait for the disk.
    if is_for_tests "$name"; then
        printf '%s\n' 'fsync = off' 'synchronous_commit = off' 'full_page_writes = off'
    fi
}

superuser_sql() {
    "$1/psql" -X -q -w -v ON_ERROR_STOP=1 -h "$2" -U postgres -d "$3"
}

# The application's role owns nothing, so that row-level security can bind it later.
database_sql() {
    cat <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gist;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO xunge_owner;
GRANT USAGE ON SCHEMA public TO xunge_app;
SQL
}
roles_sql() {
    cat <<'SQL'
SELECT 'CREATE ROLE xunge_owner LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'xunge_owner') \gexec
SELECT 'CREATE ROLE xunge_app LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'xunge_app') \gexec
SQL
    # The tests clone databases; nobody else needs to.
    if is_for_tests "$1"; then printf 'ALTER ROLE xunge_owner CREATEDB;\n'; fi
}

provision() {
    local name="$1" bin="$2" sockets="$3" data="$4" stamp
    stamp="$( (roles_sql "$name" && database_sql) | sha256sum | cut -c1-16)"
    if [ "$(as_server cat "$data/pg/xunge.provisioned" 2>/dev/null)" = "$stamp" ]; then return 0; fi
    roles_sql "$name" | superuser_sql "$bin" "$sockets" postgres
    # In template1 too for the tests, so that a plain CREATE DATABASE already has the extensions.
    if is_for_tests "$name"; then database_sql | superuser_sql "$bin" "$sockets" template1; fi
    superuser_sql "$bin" "$sockets" postgres <<'SQL'
SELECT 'CREATE DATABASE xunge OWNER xunge_owner'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'xunge') \gexec
SQL
    database_sql | superuser_sql "$bin" "$sockets" xunge
    printf '%s\n' "$stamp" | as_server tee "$data/pg/xunge.provisioned" >/dev/null
}

# Every process of PostgreSQL works in its data directory, also one that outlives a killed postmaster.
wait_for_leftovers() {
    local try process found
    for ((try = 0; try < 100; try++)); do
        found=no
        for process in /proc/[0-9]*; do
            if [ "$process/cwd" -ef "$1" ]; then found=yes; fi
        done
        if [ "$found" = no ]; then return 0; fi
        sleep 0.1
    done
    return 1
}

start_postgres() {
    local name="$1" data="$2" sockets="$3" log="$VAR/$1/log/postgres.log" bin
    bin="$(postgres_bin "$data")"
    if ! postgres_pid "$data" >/dev/null; then
        if ! as_server test -e "$data/pg/PG_VERSION"; then
            say "创建私有 PostgreSQL（$name）· creating the private PostgreSQL of $name"
            as_server "$bin/initdb" -D "$data/pg" --username=postgres --auth-local=trust --auth-host=reject \
                --encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions >>"$log" 2>&1 ||
                die "initdb 失败，见 · initdb failed, see $log"
            printf "include 'xunge.conf'\n" | as_server tee -a "$data/pg/postgresql.conf" >/dev/null
        fi
        postgres_settings "$name" "$sockets" | as_server tee "$data/pg/xunge.conf" >/dev/null
        # Lock files left by a crash would stop the start once their number belongs to somebody else. They
        # may go only when the last server process of these data is gone, for two servers would destroy them.
        wait_for_leftovers "$data/pg" || die "仍有进程使用 · processes still use $data/pg"
        as_server rm -f "$data/pg/postmaster.pid" "$sockets/.s.PGSQL.5432" "$sockets/.s.PGSQL.5432.lock"
        # The log is opened by us: the server's user may have no access to var/.
        as_server "$bin/pg_ctl" start -D "$data/pg" -w -t 60 -s </dev/null >>"$log" 2>&1 8>&- 9>&- || return 1
    fi
}

start_redis() {
    local name="$1" data="$2" sockets="$3" log="$VAR/$1/log/redis.log" pid try
    if redis_pid "$sockets" >/dev/null; then return 0; fi
    rm -f "$sockets/redis.sock"
    (
        cd /
        exec setsid "${AS_SERVER[@]}" "$(command -v redis-server)" - >>"$log" 2>&1 8>&- 9>&- <<CONF
port 0
unixsocket $sockets/redis.sock
unixsocketperm 700
dir "$data/redis"
daemonize no
appendonly no
save ""
CONF
    ) &
    pid=$!
    printf '%s\n' "$pid" >"$sockets/redis.pid"
    for ((try = 0; try < 100; try++)); do
        if [ "$(redis-cli -s "$sockets/redis.sock" ping 2>/dev/null)" = PONG ]; then return 0; fi
        [ -e "/proc/$pid" ] || break
        sleep 0.05
    done
    die "redis 未能启动，见 · redis did not start, see $log"
}

cluster_start() {
    local name="$1" data sockets
    data="$(data_dir "$name")"
    sockets="$(socket_dir "$name")"
    make_directories "$data" "$sockets" "$name"
    if ! start_postgres "$name" "$data" "$sockets"; then
        # Without fsync a crash of the machine may have spoilt the test cluster; it holds nothing worth keeping.
        is_for_tests "$name" || die "PostgreSQL 未能启动，见 · PostgreSQL did not start, see $VAR/$name/log/postgres.log"
        warn "测试数据库损坏，重新创建 · the test cluster does not start, making a new one"
        as_server find "$data/pg" -mindepth 1 -delete
        start_postgres "$name" "$data" "$sockets" || die "PostgreSQL 未能启动，见 · PostgreSQL did not start, see $VAR/$name/log/postgres.log"
    fi
    provision "$name" "$(postgres_bin "$data")" "$sockets" "$data"
    start_redis "$name" "$data" "$sockets"
}

cluster_is_up() {
    postgres_pid "$(data_dir "$1")" >/dev/null && redis_pid "$(socket_dir "$1")" >/dev/null
}

cluster_stop() {
    local name="$1" data sockets pid how=nosave try
    data="$(data_dir "$name")"
    sockets="$(socket_dir "$name")"
    if pid="$(redis_pid "$sockets")"; then
        # The demo's queue is written on the way out, so that ./dev down loses no job.
        if [ "$name" = demo ]; then how=save; fi
        redis-cli -s "$sockets/redis.sock" shutdown "$how" >/dev/null 2>&1 || kill -TERM "$pid" 2>/dev/null || true
        for ((try = 0; try < 100; try++)); do
            [ -e "/proc/$pid" ] || break
            sleep 0.05
        done
    fi
    if postgres_pid "$data" >/dev/null; then
        as_server "$(postgres_bin "$data")/pg_ctl" stop -D "$data/pg" -m fast -w -t 60 -s >>"$VAR/$name/log/postgres.log" 2>&1 ||
            warn "PostgreSQL（$name）未能停止 · PostgreSQL of $name did not stop, see $VAR/$name/log/postgres.log"
    fi
    rm -f "$VAR/$name/held"
}

# cluster_env prints export lines; a shell evaluates them, ours included.
cluster_env() {
    local name="$1" sockets database="${2:-xunge}"
    sockets="$(socket_dir "$name")"
    printf 'export XUNGE_ENVIRONMENT=%q\n' "$name"
    printf 'export XUNGE_DATABASE_URL=%q\n' "postgresql+psycopg2://xunge_app@/$database?host=$sockets"
    printf 'export XUNGE_OWNER_DATABASE_URL=%q\n' "postgresql+psycopg2://xunge_owner@/$database?host=$sockets"
    # The running system never needs the superuser, so the demo is not given it.
    if [ "$name" != demo ]; then
        printf 'export XUNGE_SUPERUSER_DATABASE_URL=%q\n' "postgresql+psycopg2://postgres@/postgres?host=$sockets"
    fi
    printf 'export XUNGE_REDIS_URL=%q\n' "unix://$sockets/redis.sock?db=0"
    printf 'export XUNGE_FILES_DIR=%q\n' "$VAR/$name/files"
    printf 'export XUNGE_ROADS_DIR=%q\n' "$VAR/$name/roads"
    printf 'export XUNGE_RECEIPT_KEYS_FILE=%q\n' "$VAR/$name/receipt-keys.json"
}

# A run that uses a cluster holds a shared lock on it, so that the first of two runs to end
# does not stop the cluster under the other. A cluster that a developer holds by ./dev env stays.
# Whoever holds the tests' cluster holds those of their further workers too.
cluster_hold() {
    mkdir -p "$VAR/$1"
    exec 8>"$VAR/$1/.in-use"
    flock -s 8
}
cluster_release() {
    local number
    [ -e "$VAR/$1/.in-use" ] || return 0
    lock
    if flock -n -x 8; then
        if [ "$1" = test ]; then
            for ((number = 2; number <= WORKERS_MOST; number++)); do
                if [ ! -e "$VAR/test-$number/held" ]; then cluster_stop "test-$number"; fi
            done
        fi
        if [ ! -e "$VAR/$1/held" ]; then cluster_stop "$1"; fi
    fi
    exec 8>&-
    unlock
}
