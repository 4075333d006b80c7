#!/usr/bin/env bash
# Installs Debian packages without letting them start a service. Run as root by ./dev,
# in one piece, so that a user with sudo is asked once and the traps clean up with the same rights.
set -euo pipefail

policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/xunge.conf
mark="# Temporary, made by xunge's ./dev while it installs packages."
made_directory=""
# A file without our mark was put there by somebody else in the meantime, and stays.
clean_up() {
    local file
    for file in "$policy" "$no_cluster"; do
        if grep -qsxF "$mark" "$file"; then rm -f "$file"; fi
    done
    if [ -n "$made_directory" ]; then rmdir "$made_directory" 2>/dev/null || true; fi
}
# Two checkouts may install at once: the second must not lose the first one's policy-rc.d half-way.
exec 7>/run/xunge-install.lock
flock 7
trap clean_up EXIT
# Bash runs these only after apt has ended, so the files hold for as long as apt works.
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Our servers are private ones, so the packages' own must neither start nor create a cluster.
# Files that are already there are the administrator's decision and stay.
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod 0755 "$policy"
fi
if [ ! -e "$no_cluster" ]; then
    if [ ! -d "${no_cluster%/*}" ]; then made_directory="${no_cluster%/*}"; fi
    mkdir -p "${no_cluster%/*}"
    printf '%s\ncreate_main_cluster = false\n' "$mark" >"$no_cluster"
fi

export DEBIAN_FRONTEND=noninteractive
redis_was_here=no
if command -v redis-server >/dev/null; then redis_was_here=yes; fi
apt-get -q -o DPkg::Lock::Timeout=600 update
apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends "$@"

# policy-rc.d only holds back the start; without this the system's redis would start with the next boot.
if [ "$redis_was_here" = no ] && command -v redis-server >/dev/null && command -v systemctl >/dev/null; then
    systemctl disable --quiet redis-server 2>/dev/null || true
fi
