# Shared by the scripts: find a Python, and make an environment that holds exactly what a lock file names.
# shellcheck shell=sh

# Keep bytecode, but out of the checkout: compiling everything anew at each start would take longer than a trace.
keep_bytecode() { # keep_bytecode DIRECTORY
    unset PYTHONDONTWRITEBYTECODE
    export PYTHONPYCACHEPREFIX="$1/bytecode"
}

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for candidate in ${CLOUDPATH_PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            # The interpreter itself: a version manager's shim costs tens of milliseconds at every start.
            "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    say "cloudpath needs Python 3.11 or later and found none. Install it (Debian: apt-get install python3 python3-venv)"
    say "or name one: CLOUDPATH_PYTHON=/path/to/python3."
    exit 2
}

make_venv() { # make_venv PYTHON DIRECTORY
    if ! "$1" -c 'import venv, ensurepip' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            say "Installing python3-venv ..."
            apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        else
            say "This Python cannot make environments. On Debian: sudo apt-get install python3-venv; then run this again."
            exit 2
        fi
    fi
    "$1" -m venv --clear "$2"
}

# ensure_environment DIRECTORY LOCK: nothing to do when the environment was made from this very lock, and its Python
# is still there.
ensure_environment() {
    stamp=$(cksum <"$2")
    [ "$(cat "$1/.made-from" 2>/dev/null)" = "$stamp" ] && [ -x "$1/bin/python" ] && return
    checkout=${1%/.venv/*}
    if ! [ -w "$checkout" ] || { [ -e "$1" ] && ! [ -w "$1" ]; }; then
        say "The environment in $1 cannot be used by $(id -un), nor made anew: it is somebody else's. Use a clone of your own."
        exit 2
    fi
    python=$(find_python)
    say "Making the environment in $1 (once; about a minute) ..."
    make_venv "$python" "$1"
    "$1/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes --requirement "$2" >&2 || {
        say "Could not install what $2 names. Check the way to the package index (proxy? pip configuration?) and run this again."
        exit 2
    }
    printf '%s\n' "$stamp" >"$1/.made-from"
}
