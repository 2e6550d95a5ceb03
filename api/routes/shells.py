"""Web shells: a terminal in an instance's container over a WebSocket, and the record of each (manual: 实例详情, 管理台)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Query, WebSocket

from api import shell_runs
from api.access import Caller, allow, allow_socket, check
from api.grants import Grant
from api.holding import holding, kept_open
from api.instances_found import check_running, container_of, instance_meant, pod_meant
from api.parameters import Page, Size
from api.replies import counted
from api.services import Services, Using
from api.shell_session import End, Session, watched
from api.sign_in import Signed
from model.app_bodies import words
from model.errors import Invalid, MooringError, PlatformUnavailable, Problem
from model.instances import Instance
from model.pods import Object
from model.seats import SeatKind
from records.ids import new_id
from records.shells import VOUCH_SECONDS
from records.store import Row

log = structlog.get_logger()
router = APIRouter(prefix="/v2/instances", tags=["shells"])
PROTOCOL = "mooring.shell"
_ENDED_BY_ITSELF = frozenset({"Exited", "InstanceEnded", "NotStarted"})
_TO_TELL_WHY = 3.0
_KILLED = 128 + 9
_LOOK_SECONDS = 30.0
_LONGEST_COMMAND = 4096
_PERMISSION = "instance:shell"
Opener = Annotated[Signed, allow_socket(_PERMISSION)]
Side = Annotated[int, Query(ge=1, le=1000)]
Command = Annotated[str | None, Query(min_length=1, max_length=_LONGEST_COMMAND)]


@holding(SeatKind.SHELLS)
async def _held(services: Using, client: WebSocket, signed: Opener) -> AsyncIterator[Grant]:
    """The right to keep the shell open."""
    project = client.path_params["project"]
    async with kept_open(services, SeatKind.SHELLS, signed, lambda actor: check(actor, _PERMISSION, project)) as grant:
        yield grant


@router.websocket("/{project}/{instance}/{container}/shell")
async def open_shell(
    services: Using,
    client: WebSocket,
    signed: Opener,
    grant: Annotated[Grant, Depends(_held)],
    project: str,
    instance: str,
    container: str,
    command: Command = None,
    cols: Side = 80,
    rows: Side = 24,
    tty: bool = True,
) -> None:
    """Carry a terminal: see `describe_shell`, which documents it. What is refused is refused before the upgrade, as JSON."""
    pod, found = await pod_meant(services, project, instance)
    place = (project, pod["metadata"]["name"], container)
    check_running(container_of(pod, container))
    shell_id = new_id("sh")
    own = _words(command)
    await services.records.shells.add(shell_id, found.app, instance, container, command=command or "", actor=signed.actor.name)
    end = End("Lost", "The platform failed to carry it.")
    looking: asyncio.Task[str] | None = None
    try:
        marked = own is None or await shell_runs.has_program(services.shells, place, own[0])
        async with services.shells.opened(*place, shell_runs.command_of(own, shell_id, marked=marked), tty=tty) as shell:
            looking = asyncio.create_task(shell_runs.session_of(services.shells, place, shell_id)) if marked else None
            if tty:
                await shell.resize(cols, rows)
            await client.accept(PROTOCOL if PROTOCOL in client.scope["subprotocols"] else None)
            session = Session(client, shell, services.settings.mooring_shell_idle_seconds, tty=tty)
            end = await _carried(services, session, grant, found, container, shell_id)
    except MooringError as error:
        end = End("NotStarted", error.message)
        raise
    finally:
        await asyncio.shield(_finish(services, shell_id, end))
        await asyncio.shield(_hang_up(services, shell_id, end, place, looking))


@router.get("/{project}/{instance}/{container}/shell")
async def describe_shell(
    caller: Annotated[Caller, allow("instance:shell")], project: str, instance: str, container: str
) -> dict[str, Any]:
    """Open a terminal in the container, by WebSocket: this path with ws:// or wss://. A plain GET answers 422.

    Query: `command`, split into words as a shell splits them and run without one (default: the image's bash, else its sh). When
    the connection goes it is hung up with all it started; in an image without `sh` it cannot be. `cols` and `rows`, 1 to 1000, the
    terminal's first size (80 × 24). With `tty=false` there is no terminal but plain pipes, as for input from a file: nothing is
    echoed, no prompt, and the control frame `{"end": true}` ends the input (it needs Kubernetes ≥ 1.30).

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
    return {**counted(total), "page": page, "size": size, "shells": [_shown(row) for row in rows]}


async def _carried(services: Services, session: Session, grant: Grant, instance: Instance, container: str, shell_id: str) -> End:
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


async def _finish(services: Services, shell_id: str, end: End) -> None:
    """Record the end."""
    try:
        await services.records.shells.end(shell_id, end.reason, end.message, end.code)
    except PlatformUnavailable:
        log.warning("the end of a shell could not be recorded; it is shown as Lost", shell=shell_id, reason=end.reason)


async def _hang_up(services: Services, shell_id: str, end: End, place: shell_runs.Place, looking: asyncio.Task[str] | None) -> None:
    """End what the shell left running, where it is marked and did not end by itself; `looking` tells its session."""
    if looking is None:
        return
    if end.reason in _ENDED_BY_ITSELF:
        looking.cancel()
        return
    await shell_runs.hang_up(services.shells, place, shell_id, await looking, kill=end.reason == "Revoked")


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
