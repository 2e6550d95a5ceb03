"""What a container writes: its log now, and as it grows (manual: 实例详情, 日志)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from api.access import Caller, allow, check
from api.grants import Grant, while_granted
from api.holding import holding, kept_open
from api.instances_found import check_started, container_of, pod_meant
from api.parameters import Moment
from api.services import Services, Using
from model.errors import Invalid, MooringError, NotFound, Problem
from model.instances import Instance
from model.pods import Container, Object
from model.seats import SeatKind

router = APIRouter(prefix="/v2/containers", tags=["instances"])
Tail = Annotated[int, Query(ge=1, le=5000)]
_PERMISSION = "app:read"
_TO_TELL_WHY = 15.0
Reader = Annotated[Caller, allow(_PERMISSION)]


@holding(SeatKind.LOGS)
async def _held(services: Using, caller: Reader, follow: bool = False) -> AsyncIterator[Grant | None]:
    """The right to go on reading while a log is followed, let go after the reply's last byte."""
    if not follow:
        yield None
        return
    async with kept_open(services, SeatKind.LOGS, caller, lambda actor: check(actor, _PERMISSION, caller.project)) as grant:
        yield grant


@router.get("/{project}/{instance}/{container}/logs", response_class=PlainTextResponse)
async def get_logs(
    services: Using,
    caller: Reader,
    grant: Annotated[Grant | None, Depends(_held)],
    project: str,
    instance: str,
    container: str,
    tail: Tail = 100,
    previous: bool = False,
    follow: bool = False,
    since: Moment | None = None,
    timestamps: bool = False,
) -> Response:
    """Read the last `tail` lines, at most 256 KiB, of what the container wrote; with `previous` in the life that ended last.

    `since` leaves out what is older, `timestamps` puts a time before each line. With `follow` what it writes from then on is
    streamed too, until the container's life, or the right to read it, has ended (within 5 s); a last line beginning with
    `--- mooring:` says which.
    """
    pod, meant = await pod_meant(services, project, instance)
    found = container_of(pod, container)
    _check(found, previous=previous, follow=follow)
    more = {"timestamps": "true"} if timestamps else {}
    more |= {"sinceTime": since.isoformat(timespec="seconds")} if since else {}
    name = pod["metadata"]["name"]
    if grant:
        written = await services.streams.follow(project, name, container, tail=tail, **more)
        lines = _lines(services, grant, written, meant, container)
        return StreamingResponse(lines, media_type="text/plain")
    # To the kubelet the newest life is the current one, whether it runs or not.
    of_before = previous and found.running_since is not None
    return PlainTextResponse(await services.cluster.logs(project, name, container, tail=tail, previous=of_before, **more))


def _check(container: Container, *, previous: bool, follow: bool) -> None:
    """Raise Invalid, NotFound or Conflict where there is no such log."""
    if previous and follow:
        rule = "cannot be followed: it is the log of a life that has ended"
        problem = Problem(field="previous", message=rule)
        raise Invalid(f"previous: {rule}.", hint="Leave out follow or previous.", problems=[problem])
    if previous and container.end is None:
        raise NotFound(
            f"No life of the container {container.name!r} has ended yet: there is no earlier log.", hint="Leave out previous."
        )
    check_started(container)


async def _lines(
    services: Services, grant: Grant, written: AsyncGenerator[bytes, None], instance: Instance, container: str
) -> AsyncIterator[bytes]:
    """What is written, and a last line of the platform's own."""
    at_start = True
    async for chunk in while_granted(grant, written):
        at_start = chunk.endswith(b"\n")
        yield chunk
    words = grant.error.message if grant.error else await _how_it_ended(services, instance, container)
    yield f"{'' if at_start else chr(10)}--- mooring: {words}\n".encode()


async def _how_it_ended(services: Services, instance: Instance, container: str) -> str:
    assert instance.pod is not None
    name, life = instance.name, container_of(instance.pod, container).running_since
    try:
        pod = await _after_its_end(services, instance, container)
    except MooringError as error:
        return f"The log broke off. {error.message}"
    if pod is None:
        return f"The instance {name!r} is gone."
    found = container_of(pod, container)
    if found.end is None or (life and found.running_since == life):
        return f"The log of the container {container!r} broke off; follow it again."
    again = " It runs again; follow it again." if found.running_since else ""
    why = f" ({found.end.reason})" if found.end.reason else ""
    return f"The container {container!r} ended with exit code {found.end.exit_code}{why}.{again}"


async def _after_its_end(services: Services, instance: Instance, container: str) -> Object | None:
    """The instance's pod when it tells that the life that was followed is over, or after 15 s; None where it is gone.

    A log ends a moment before the pod tells so, on a busy host some seconds.
    """
    assert instance.pod is not None
    metadata, life = instance.pod["metadata"], container_of(instance.pod, container).running_since
    clock = asyncio.get_running_loop().time
    until = clock() + _TO_TELL_WHY
    async with services.watches.subscribed("Pod", metadata["namespace"], instance.app.name) as changed:
        while True:
            pod = await services.streams.find("Pod", metadata["name"], metadata["namespace"])
            if pod is None or pod["metadata"]["uid"] != metadata["uid"]:
                return None
            left = until - clock()
            if life is None or container_of(pod, container).running_since != life or left <= 0:
                return pod
            await changed.wait(left)
