"""Sources: a directory is sent as an archive, to be built as it is (mission F; targets S13)."""

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Response
from starlette.requests import ClientDisconnect, Request

from api.access import Caller, allow, check
from api.grants import Grant, while_granted
from api.holding import holding, kept_open
from api.services import Using
from clients import archives
from model.errors import Invalid, NotFound, TooLarge
from model.seats import SeatKind

router = APIRouter(prefix="/v2/builds", tags=["builds"])
_PIECE = 1024**2
_WITHIN = 600.0  # seconds that an archive may take to arrive
_BODY = {"required": True, "content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}}}
_PERMISSION = "build:write"
Sender = Annotated[Caller, allow(_PERMISSION)]
# Reading an archive of many entries takes seconds: in threads of its own, so that what else the process does in threads goes on.
_CHECKING = ThreadPoolExecutor(2, thread_name_prefix="archives")


@holding(SeatKind.UPLOADS)
async def _held(services: Using, caller: Sender) -> AsyncIterator[Grant]:
    """The right to go on sending."""
    async with kept_open(services, SeatKind.UPLOADS, caller, lambda actor: check(actor, _PERMISSION, caller.project)) as grant:
        yield grant


@router.post("/{project}/sources", status_code=201, openapi_extra={"requestBody": _BODY})
async def send_source(
    services: Using, caller: Sender, grant: Annotated[Grant, Depends(_held)], project: str, response: Response
) -> dict[str, Any]:
    """Send a directory, as a tar.gz archive in the body; `digest` is what a build names as its `source`.

    The same archive again is the same source (200). It is kept for 7 days after it was last sent or built, of a project the
    newest 10. An archive with anything but files, directories and links within it is refused (422).
    """
    found = await services.records.projects.get(project)
    place = Path(services.settings.mooring_state) / "uploads"
    await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=place) as archive:
        digest, size = await _received(caller.request, grant, archive, services.settings.mooring_source_mib)
        await asyncio.get_running_loop().run_in_executor(_CHECKING, archives.check, archive)
        if grant.error:
            raise grant.error
        async with services.records.transaction() as tx:
            if (await tx.projects.hold(project)).id != found.id:
                raise NotFound(f"The project {project!r} was deleted while the source arrived, and created anew.")
            source, fresh = await tx.sources.keep(found.id, digest, size, caller.actor.name, _pieces(archive))
        async with services.records.transaction() as tx:
            await tx.sources.trim(found.id)
    response.status_code = 201 if fresh else 200
    return {**source.model_dump(by_alias=True, mode="json"), "keptUntil": source.kept_until}


async def _received(request: Request, grant: Grant, archive: IO[bytes], largest: int) -> tuple[str, int]:
    """Write the body to the file as it comes; its digest and size.

    Raises TooLarge above `largest` MiB, Invalid for a part, and what the request would be refused with once the grant is lost.
    """
    hashed, size = hashlib.sha256(), 0
    try:
        async with asyncio.timeout(_WITHIN), contextlib.aclosing(while_granted(grant, request.stream())) as stream:
            async for piece in stream:
                size += len(piece)
                if size > largest * 1024**2:
                    raise TooLarge(
                        f"The source's archive has more than {largest} MiB.",
                        hint="Name what the build does not need in .gitignore or .dockerignore. The platform's operator can raise "
                        "MOORING_SOURCE_MIB.",
                    )
                hashed.update(piece)
                await asyncio.to_thread(archive.write, piece)
    except (ClientDisconnect, TimeoutError) as error:
        raise Invalid(f"The source's archive did not arrive whole within {_WITHIN:.0f} s.", hint="Send it again.") from error
    if grant.error:
        raise grant.error
    return f"sha256:{hashed.hexdigest()}", size


async def _pieces(archive: IO[bytes]) -> AsyncIterator[bytes]:
    archive.seek(0)
    while piece := await asyncio.to_thread(archive.read, _PIECE):
        yield piece
