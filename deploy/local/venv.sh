#!/bin/sh
# Make the virtual environment from requirements.lock, every package checked by its hash; refreshed when that changes.
# Usage: venv.sh <python> <directory>. Repeatable: an interrupted run leaves no stamp and is begun anew.
set -eu
python=$1 venv=$2
stamp=$venv/.made-from
wanted=$(cat requirements.lock pyproject.toml deploy/local/venv.sh | sha256sum | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ] && exit 0

exec 9<requirements.lock
flock 9
[ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ] && exit 0
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
echo "Installing the Python packages into $venv (once for each requirements.lock)" >&2
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --require-hashes --no-deps --progress-bar off -q -r requirements.lock >&2
"$venv/bin/python" -m pip install --no-deps --no-build-isolation --no-index -q -e . >&2 ||
    echo "The mooring command is not installed yet: its packages are missing in this tree" >&2
echo "$wanted" >"$stamp"
