#!/bin/sh
# Usage: unshare --mount sh postgres.sh <install> <data> <place> <user> <command line>
# PostgreSQL's user may not enter the checkout (it may lie in a home that is closed to others): a mount namespace of its own shows it the
# server and the data at a place it can reach. The mounts are gone when the program is.
set -eu
install=$1 data=$2 place=$3 user=$4
shift 4

mount --bind "$install" "$place/lib"
mount --bind "$data" "$place/data"
exec setpriv --reuid="$user" --regid="$user" --clear-groups -- "$@"
