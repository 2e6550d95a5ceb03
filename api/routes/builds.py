"""Build projects, their builds, and the logs (manual, 代码构建; mission F)."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from api.access import Caller, allow, check
from api.grants import Grant, while_granted
from api.holding import holding, kept_open
from api.notifications import woken
from api.parameters import Page, Size
from api.replies import counted
from api.services import Services, Using
from api.submission import Prepared, reply, submit
from model.base import Number
from model.builds import Build, BuildSource, NewBuild, RunBuild, Scope, Stage
from model.errors import Forbidden, NotFound
from model.names import check_name
from model.operations import TERMINAL, Target
from model.seats import SeatKind
from records import Records
from records.store import Row
from workflows.builds import ImageBuild

router = APIRouter(prefix="/v2/builds", tags=["builds"])
_READ = "build:read"
Reader = Annotated[Caller, allow(_READ)]
Writer = Annotated[Caller, allow("build:write")]
_KEEP_ALIVE = 15.0


@router.post("/{project}", status_code=201)
async def create_build(services: Using, caller: Writer, project: str, body: NewBuild) -> dict[str, Any]:
    """Create a build project; the repository is asked for when it is built, or for its branches."""
    check_name(body.name, "name")
    source = body.checked()
    async with services.records.transaction() as tx:
        found = await tx.projects.hold(project)
        return _shown(await tx.builds.add(project, found.id, body.name, source, caller.actor.name))


@router.get("/{project}")
async def list_builds(services: Using, caller: Reader, project: str, size: Size = 10, page: Page = 0) -> dict[str, Any]:
    """List the project's build projects by name, each with its newest build."""
    found = await services.records.projects.get(project)
    total, builds = await services.records.builds.page(project, found.id, size, page * size)
    return {"total": total, "page": page, "size": size, "builds": [_shown(build) for build in builds]}


@router.get("/{project}/branches")
async def list_branches(
    services: Using, caller: Writer, project: str, repository: Annotated[str, Query(max_length=2000)]
) -> dict[str, Any]:
    """Ask a repository for its branches, to choose one; 422 SourceUnreachable when it cannot be read."""
    heads = await services.git.branches(repository)
    branches = [{"name": name, "commit": heads[name]} for name in sorted(heads)]
    return {"total": len(branches), "page": 0, "size": len(branches), "branches": branches}


@router.get("/{project}/{name}")
async def get_build(services: Using, caller: Reader, project: str, name: str) -> dict[str, Any]:
    """Read one build project."""
    found = await services.records.projects.get(project)
    return _shown(await services.records.builds.get(project, found.id, name))


@router.put("/{project}/{name}")
async def change_build(services: Using, caller: Writer, project: str, name: str, body: BuildSource) -> dict[str, Any]:
    """Replace a build project's source and destination; a running build goes on with what it began with."""
    source = body.checked()
    async with services.records.transaction() as tx:
        found = await tx.projects.hold(project)
        _check_owner(caller, await tx.builds.hold(project, found.id, name), source.scope)
        await tx.builds.change(project, found.id, name, source)
        return _shown(await tx.builds.get(project, found.id, name))


@router.delete("/{project}/{name}")
async def delete_build(services: Using, caller: Writer, project: str, name: str) -> dict[str, Any]:
    """Delete a build project; its images and records stay. 409 while it is being built."""
    async with services.records.transaction() as tx:
        found = await tx.projects.get(project)
        await tx.builds.delete(project, found.id, name)
    return {"Code": 0, "Message": ""}


@router.post("/{project}/{name}/build", status_code=202)
async def run_build(
    services: Using, caller: Writer, project: str, name: str, response: Response, body: RunBuild | None = None
) -> dict[str, Any]:
    """Build the branch's newest commit, or the `source`: fetch, build, push, then the tag moves. 409 while it is being built.

    A retry of it takes the commit that is the newest then; of a source it builds the same.
    """
    wish = body or RunBuild()

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.hold(project)
        build = await tx.builds.hold(project, found.id, name)
        _check_owner(caller, build, build.scope)
        wish.check(build, project)
        if wish.source:
            await tx.sources.hold(project, found.id, wish.source)
        fields = build.model_dump(include={"repository", "branch", "dockerfile_path", "context_path", "image", "tag"})
        return Prepared(
            project=project,
            project_id=found.id,
            target=Target(kind="build", name=name, id=build.id),
            fields=fields | wish.model_dump(include={"source", "tag"}, exclude_none=True),
            deadline_seconds=wish.deadline_seconds,
        )

    accepted = await submit(services, caller, ImageBuild, wish.model_dump(by_alias=True), prepare)
    return reply(response, accepted)


@router.get("/{project}/{name}/records")
async def list_records(services: Using, caller: Reader, project: str, name: str, size: Size = 10, page: Page = 0) -> dict[str, Any]:
    """List the builds of a build project, newest first; each is an operation of that id."""
    found = await services.records.projects.get(project)
    build = await services.records.builds.get(project, found.id, name)
    total, rows = await services.records.builds.history(build.id, size, page * size)
    return {**counted(total), "page": page, "size": size, "records": [_record(row) for row in rows]}


@holding(SeatKind.BUILD_LOGS)
async def _held(services: Using, caller: Reader) -> AsyncIterator[Grant]:
    """The right to go on reading a log, let go after the reply's last byte."""
    async with kept_open(services, SeatKind.BUILD_LOGS, caller, lambda actor: check(actor, _READ, caller.project)) as grant:
        yield grant


@router.get("/{project}/{name}/records/{operation_id}/logs", response_class=StreamingResponse)
async def read_logs(
    services: Using,
    caller: Reader,
    grant: Annotated[Grant, Depends(_held)],
    project: str,
    name: str,
    operation_id: str,
    stage: Stage | None = None,
    attempt: Number | None = None,
    follow: bool = False,
) -> StreamingResponse:
    """Read a build's log as plain text, of one stage or of all, of one attempt or of all; with `follow` until it has ended.

    It ends too, within 5 s, when the caller may no longer read it; a last line beginning with `--- mooring:` says so.
    """
    found = await services.records.projects.get(project)
    row = await services.records.operations.find(operation_id)
    if row is None or row["project_id"] != found.id or (row["target_kind"], row["target_name"]) != ("build", name):
        raise NotFound(f"There is no build {operation_id!r} of {name!r}.")
    lines = _while_granted(grant, _log(services, operation_id, stage, attempt, follow))
    return StreamingResponse(lines, media_type="text/plain; charset=utf-8")


async def _while_granted(grant: Grant, log: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    at_start = True
    async for text in while_granted(grant, log):
        at_start = text.endswith("\n")
        yield text
    if grant.error:
        yield f"{'' if at_start else chr(10)}--- mooring: {grant.error.message}\n"


async def _log(
    services: Services, operation_id: str, stage: Stage | None, attempt: int | None, follow: bool
) -> AsyncGenerator[str, None]:
    after, heading = 0, ""
    with services.notifications.subscribed(operation_id) as moved:
        while True:
            # The record is read before its log: once it has ended, these pieces are all there are.
            row = await services.records.operations.get(operation_id)
            pieces = await services.records.builds.logs_after(operation_id, stage, attempt, after)
            for piece in pieces:
                title = f"=== {piece['stage']}" + (f" (attempt {piece['run']})" if piece["run"] > 1 else "") + " ===\n"
                yield piece["text"] if stage or title == heading else title + piece["text"]
                after, heading = piece["seq"], title
            if not pieces:
                if not follow or row["status"] in TERMINAL:
                    return
                await woken(moved, _KEEP_ALIVE)


def _check_owner(caller: Caller, build: Build, scope: Scope) -> None:
    """A personal image is its owner's: nobody else builds it or says what is built."""
    if Scope.PERSONAL in (build.scope, scope) and caller.actor.name != build.created_by and not caller.actor.admin:
        raise Forbidden(
            f"The build project {build.name!r} makes an image of {build.created_by!r}.",
            hint="Ask its owner, or create a build project of your own.",
        )


def _shown(build: Build) -> dict[str, Any]:
    return build.model_dump(by_alias=True, mode="json")


def _record(row: Row) -> dict[str, Any]:
    result = row["result"] or {}
    return {
        "operationId": row["id"],
        "status": row["status"],
        "actor": row["actor"],
        "attempt": row["attempt"],
        "dockerfilePath": row["ask"]["dockerfile_path"],
        "contextPath": row["ask"]["context_path"],
        **{name: result.get(name) for name in ("image", "tag", "digest", "commit")},
        "error": row["error"],
        "createdAt": row["created_at"],
        "startedAt": row["started_at"],
        "finishedAt": row["finished_at"],
    }
