#!/bin/sh
# Make the virtual environment from requirements.lock, every package checked by its hash; refreshed when that changes.
# Usage: venv.sh <python> <directory>. Repeatable: an interrupted run leaves no stamp and is begun anew.
set -eu
python=$1 venv=$2

# once <stamp> <files it depends on> -- <command>: run the command unless it ran for these very files.
once() {
    stamp=$venv/$1 files=$2
    shift 3
    wanted=$(cat $files | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ] && return
    "$@"
    echo "$wanted" >"$stamp"
}

install_dependencies() {
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
    echo "Installing the Python packages into $venv (once for each requirements.lock)" >&2
    # Debian keeps a part of venv in a package of its own.
    "$python" -c 'import ensurepip' 2>/dev/null || apt-get install -y --no-install-recommends python3-venv >&2
    [ -x "$venv/bin/pip" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --require-hashes --no-deps --progress-bar off -q -r requirements.lock >&2
}

install_mooring() {
    "$venv/bin/python" -m pip install --no-deps --no-build-isolation --no-index -q -e . >&2
}

mkdir -p "$venv"
# Two makes at once must not install into the same directory.
exec 9<requirements.lock
flock 9
once .dependencies requirements.lock -- install_dependencies
[ ! -f cli/main.py ] || once .mooring pyproject.toml -- install_mooring
