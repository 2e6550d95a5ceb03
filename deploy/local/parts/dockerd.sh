#!/bin/sh
# Usage: unshare --mount sh dockerd.sh <containerd's directory> <dockerd's exec root> <dockerd's command line>
set -eu
containerd=$1 root=$2
shift 2

# Docker takes any containerd that listens at the usual place, which here is the cluster's. In a mount namespace where
# that place is empty, it runs one of its own.
mkdir -p "$containerd"
mount -t tmpfs none "$containerd"

# One that a killed Docker left dying would keep the next from starting for a quarter of a minute.
stale=$(cat "$root/containerd/containerd.pid" 2>/dev/null || true)
if grep -qs "$root" "/proc/$stale/cmdline"; then kill -9 "$stale"; fi
rm -f "$root/containerd/containerd.pid"

exec "$@"
