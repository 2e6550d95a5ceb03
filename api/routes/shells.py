"""Web shells: a terminal in an instance's container over a WebSocket, and the record of each (manual: 实例详情, 管理台)."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query, WebSocket

from api.access import Caller, Signed, allow, allow_socket, check
from api.grants import Grant
from api.instances_found import check_running, container_of, instance_meant, pod_meant
from api.parameters import Page, Size
from api.services import Services, Using
from api.shell_session import End, Session, watched
from clients.shells import Shell
from model.access import Actor
from model.app_bodies import words
from model.errors import Invalid, MooringError, PlatformUnavailable, Problem
from model.instances import Instance
from model.pods import Object
from records.ids import new_id
from records.shells import VOUCH_SECONDS
from records.store import Row

log = structlog.get_logger()
router = APIRouter(prefix="/v2/instances", tags=["shells"])
PROTOCOL = "mooring.shell"
# All that is started inherits a mark, by which it is found again when the shell is hung up: the container runtime leaves a
# command with a terminal running when its connection goes (Kubernetes: remotecommand).
_OWN = 'export {mark}; exec "$@"'
# The image's own bash, else its sh.
_DEFAULT = "export {mark}; command -v bash >/dev/null 2>&1 && exec bash; exec sh"
_HANG_UP = (
    """for p in /proc/[0-9]*; do case "$(cat $p/environ)" in *{mark}*) kill -{signal} "${{p#/proc/}}";; esac; done 2>/dev/null"""
)
_ENDED_BY_ITSELF = frozenset({"Exited", "InstanceEnded", "NotStarted"})
_TO_HANG_UP = 60.0
_TO_LOOK = 10.0
_TO_TELL_WHY = 3.0
_KILLED = 128 + 9
_LOOK_SECONDS = 30.0
_LONGEST_COMMAND = 4096
Side = Annotated[int, Query(ge=1, le=1000)]
Command = Annotated[str | None, Query(min_length=1, max_length=_LONGEST_COMMAND)]


@router.websocket("/{project}/{instance}/{container}/shell")
async def open_shell(
    services: Using,
    client: WebSocket,
    signed: Annotated[Signed, allow_socket("instance:shell")],
    project: str,
    instance: str,
    container: str,
    command: Command = None,
    cols: Side = 80,
    rows: Side = 24,
) -> None:
    """Carry a terminal: see `describe_shell`, which documents it. What is refused is refused before the upgrade, as JSON."""
    pod, found = await pod_meant(services, project, instance)
    place = (project, pod["metadata"]["name"], container)
    check_running(container_of(pod, container))
    shell_id = new_id("sh")
    own = _words(command)

    def judge(actor: Actor) -> None:
        check(actor, "instance:shell", project)

    with services.seats.taken(signed.actor.name), services.grants.held(signed.token, judge) as grant:
        await services.records.shells.add(shell_id, found.app, instance, container, command=command or "", actor=signed.actor.name)
        end, marked = End("Lost", "The platform failed to carry it."), True
        try:
            marked = own is None or await _has_program(services, place, own[0])
            async with services.shells.opened(*place, _run(own, shell_id, marked=marked)) as shell:
                await shell.resize(cols, rows)
                await client.accept(PROTOCOL if PROTOCOL in client.scope["subprotocols"] else None)
                end = await _carried(services, client, shell, grant, found, container, shell_id)
        except MooringError as error:
            end = End("NotStarted", error.message)
            raise
        finally:
            await asyncio.shield(_finish(services, shell_id, end, place if marked else None))


@router.get("/{project}/{instance}/{container}/shell")
async def describe_shell(
    caller: Annotated[Caller, allow("instance:shell")], project: str, instance: str, container: str
) -> dict[str, Any]:
    """Open a terminal in the container, by WebSocket: this path with ws:// or wss://. A plain GET answers 422.

    Query: `command`, split into words as a shell splits them and run without one (default: the image's bash, else its sh). When
    the connection goes it is hung up with all it started; in an image without `sh` it cannot be. `cols` and `rows`, 1 to 1000, the
    terminal's first size (80 × 24).

    Sign in by the header Authorization, or in a browser by offering the subprotocols `mooring.shell` and
    `mooring.bearer.<token>`. A page of another origin than the platform's (MOORING_URL) is refused with 403. It takes the
    permission instance:shell, which developers and project admins have.

    Frames to the platform, at most 64 KiB each: binary is typed as it is; text is typed too, but for the control frame
    `{"resize": {"cols": 120, "rows": 40}}`. Frames from it: binary is what the container writes; text is control:
    `{"error": {Code, Message, Reason}}` for a control frame that breaks a rule, and last
    `{"exit": {"code", "reason", "message"}}` before it closes. `code` is the command's, null where it has none. `reason`:
    Exited, NotStarted (there is no such command), InstanceEnded, Revoked (the token, role or membership; within 5 s), Idle,
    Stopped, Lost.
    """
    raise Invalid("This is a WebSocket.", hint="Connect with ws:// or wss://, or use `mooring shell`.")


@router.get("/{project}/{instance}/shells")
async def list_shells(
    services: Using,
    caller: Annotated[Caller, allow("app:read")],
    project: str,
    instance: str,
    size: Size = 10,
    page: Page = 0,
) -> dict[str, Any]:
    """List the shells opened into instances of that name, newest first: who, when, which command, and how each ended."""
    project_id = (await services.records.projects.get(project)).id
    total, rows = await services.records.shells.page(project_id, instance, size, page * size)
    if not total:
        await instance_meant(services, project, instance)
    return {"total": total, "page": page, "size": size, "shells": [_shown(row) for row in rows]}


async def _carried(
    services: Services, client: WebSocket, shell: Shell, grant: Grant, instance: Instance, container: str, shell_id: str
) -> End:
    session = Session(client, shell, services.settings.mooring_shell_idle_seconds)
    assert instance.pod is not None
    metadata, life = instance.pod["metadata"], _life(instance.pod, container)

    async def still_runs() -> bool:
        try:
            now = await services.streams.find("Pod", metadata["name"], metadata["namespace"])
        except MooringError:  # a cluster that is away for a moment ends no shell; the connection itself tells when it breaks
            return True
        return now is not None and _life(now, container) == life

    vouching = asyncio.create_task(_vouch(services, shell_id))
    try:
        async with services.watches.subscribed("Pod", metadata["namespace"], instance.app.name) as changed:
            ended = watched(lambda: changed.wait(_LOOK_SECONDS), still_runs, instance.name)
            end = await session.carry(grant, ended)
            if end.code == _KILLED:
                # The end of a container kills all in it, and its instance tells so only a moment later.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TO_TELL_WHY):
                        end = await watched(lambda: changed.wait(_TO_TELL_WHY), still_runs, instance.name)
    finally:
        vouching.cancel()
    await session.tell(end)
    return end


def _life(pod: Object, container: str) -> tuple[str, str | None]:
    """What tells one life of a container from the next: the pod's, and since when it runs."""
    return pod["metadata"]["uid"], container_of(pod, container).running_since


async def _vouch(services: Services, shell_id: str) -> None:
    while True:
        await asyncio.sleep(VOUCH_SECONDS)
        with contextlib.suppress(PlatformUnavailable):  # the next one comes in time
            await services.records.shells.vouch(shell_id)


async def _finish(services: Services, shell_id: str, end: End, marked: tuple[str, str, str] | None) -> None:
    """Record the end, and hang up what the shell left running in (project, pod, container), where that is `marked`."""
    try:
        await services.records.shells.end(shell_id, end.reason, end.message, end.code)
    except PlatformUnavailable:
        log.warning("the end of a shell could not be recorded; it is shown as Lost", shell=shell_id, reason=end.reason)
    if marked is None or end.reason in _ENDED_BY_ITSELF:
        return
    signal = "KILL" if end.reason == "Revoked" else "HUP"
    try:
        sweep = ("sh", "-c", _HANG_UP.format(mark=_mark(shell_id), signal=signal))
        async with asyncio.timeout(_TO_HANG_UP), services.shells.opened(*marked, sweep) as told:
            async for _ in told:
                pass
    except (MooringError, TimeoutError) as error:
        log.warning("a shell could not be hung up; what it started may run on", shell=shell_id, error=type(error).__name__)


def _mark(shell_id: str) -> str:
    return f"MOORING_SHELL={shell_id}"


def _words(command: str | None) -> Sequence[str] | None:
    """The words of a command of one's own, None for the default; raises Invalid."""
    if command is None:
        return None
    try:
        found = words(command)
    except ValueError as error:
        raise Invalid(f"command: {error}.", problems=[Problem(field="command", message=str(error))]) from error
    if not found:
        raise Invalid("command: has no words.", problems=[Problem(field="command", message="has no words")])
    return found


async def _has_program(services: Services, place: tuple[str, str, str], program: str) -> bool:
    """Whether the container has the program, and a shell that can mark what it runs; else the runtime says best what is missing.

    A `sh` of the image's own that does not answer is none.
    """
    look = ("sh", "-c", 'command -v "$1"', "sh", program)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_TO_LOOK), services.shells.opened(*place, look) as looked:
            async for _ in looked:
                pass
            return looked.exit is not None and looked.exit.code == 0
    return False


def _run(own: Sequence[str] | None, shell_id: str, *, marked: bool) -> Sequence[str]:
    """What the runtime is to start."""
    if own is None:
        return ("sh", "-c", _DEFAULT.format(mark=_mark(shell_id)))
    return ("sh", "-c", _OWN.format(mark=_mark(shell_id)), "sh", *own) if marked else own


def _shown(row: Row) -> dict[str, Any]:
    names = {
        "id": "id",
        "container": "container",
        "command": "command",
        "actor": "actor",
        "openedAt": "opened_at",
        "endedAt": "ended_at",
        "reason": "reason",
        "message": "message",
        "exitCode": "exit_code",
    }
    return {shown: row[column] for shown, column in names.items()}
