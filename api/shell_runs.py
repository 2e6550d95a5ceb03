"""What a web shell runs in its container, and how that is ended: with all it started.

The container runtime leaves a command with a terminal running when its connection goes (Kubernetes: remotecommand). So what runs
is marked by a variable that all it starts inherit, and its session is noted, which a child keeps that has thrown the variable away
(`env -i`). What has left both, with nobody of the family alive between, is not known again.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from clients.shells import Shells
from model.errors import MooringError

log = structlog.get_logger()
Place = tuple[str, str, str]  # project, pod, container
_OWN = 'export {mark}; exec "$@"'
# The image's own bash, else its sh.
_DEFAULT = "export {mark}; command -v bash >/dev/null 2>&1 && exec bash; exec sh"
# proc(5): /proc/PID/stat has parent and session as second and fourth after the name, which may hold anything.
_OF = 'of() { s=; read -r s < "$1/stat" || return 1; s=${s##*) }; set -- $s; parent=$2 session=$4; }; '
# $1 is the mark. A variable is seen only when the program has been started that has it.
_SESSION = (
    _OF + "{ i=0; while [ $i -lt 50 ]; do for p in /proc/[0-9]*; do "
    'case "$(cat $p/environ)" in *"$1"*) of $p && echo "session $session." && exit;; esac; done; '
    "i=$((i+1)); sleep 0.1; done; } 2>/dev/null"
)
# $1 is the mark, $2 the signal, $3 the session, $4 how often: who forks meanwhile is found by the next look.
_HANG_UP = (
    _OF + "{ of /proc/1; first=$session; r=0; while [ $r -lt $4 ]; do r=$((r+1)); sessions=\" $3 \"; family=' '; grown=1; "
    'for p in /proc/[0-9]*; do case "$(cat $p/environ)" in *"$1"*) of $p && sessions="$sessions$session ";; esac; done; '
    "while [ $grown = 1 ]; do grown=0; for p in /proc/[0-9]*; do n=${p#/proc/}; of $p || continue; "
    'case "$family" in *" $n "*) continue;; esac; '
    'case "$sessions" in *" $session "*) [ "$session" != "$first" ] && [ "$session" != 0 ] || continue;; '
    '*) case "$family" in *" $parent "*) ;; *) continue;; esac;; esac; family="$family$n "; grown=1; done; done; '
    "[ \"$family\" = ' ' ] && break; kill -$2 $family; done; } 2>/dev/null"
)
_TO_HANG_UP = 60.0
_TO_LOOK = 10.0


def command_of(own: Sequence[str] | None, shell_id: str, *, marked: bool) -> Sequence[str]:
    """What the runtime is to start: `own` words, None for the image's shell."""
    if own is None:
        return ("sh", "-c", _DEFAULT.format(mark=_mark(shell_id)))
    return ("sh", "-c", _OWN.format(mark=_mark(shell_id)), "sh", *own) if marked else own


async def has_program(shells: Shells, place: Place, program: str) -> bool:
    """Whether the container has the program, and a shell that can mark what it runs; else the runtime says best what is missing.

    A `sh` of the image's own that does not answer is none.
    """
    look = ("sh", "-c", 'command -v "$1"', "sh", program)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_TO_LOOK), shells.opened(*place, look) as looked:
            async for _ in looked:
                pass
            return looked.exit is not None and looked.exit.code == 0
    return False


async def session_of(shells: Shells, place: Place, shell_id: str) -> str:
    """The session (a process id of the container's) of what the shell runs; "" where it is not found."""
    said = b""
    with contextlib.suppress(MooringError, TimeoutError):
        async with asyncio.timeout(_TO_LOOK), shells.opened(*place, ("sh", "-c", _SESSION, "sh", _mark(shell_id))) as looked:
            async for output in looked:
                said += output
    found = said.decode(errors="replace").partition("session ")[2].partition(".")[0]
    return found if found.isdigit() else ""


async def hang_up(shells: Shells, place: Place, shell_id: str, session: str, *, kill: bool) -> None:
    """End what the shell started: by SIGKILL, again until nothing is left, or by a hang-up, which a program may outlive."""
    signal, times = ("KILL", "5") if kill else ("HUP", "1")
    try:
        sweep = ("sh", "-c", _HANG_UP, "sh", _mark(shell_id), signal, session, times)
        async with asyncio.timeout(_TO_HANG_UP), shells.opened(*place, sweep) as told:
            async for _ in told:
                pass
    except (MooringError, TimeoutError) as error:
        log.warning("a shell could not be hung up; what it started may run on", shell=shell_id, error=type(error).__name__)


def _mark(shell_id: str) -> str:
    return f"MOORING_SHELL={shell_id}"
