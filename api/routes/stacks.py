"""Deployments of documents of any kind: list, read, draw, upgrade with its plan first, go back, delete (mission D)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api import deployments
from api.access import Caller, allow
from api.documents_shown import differences, reads
from api.parameters import Page, Size, WithContent
from api.replies import counted
from api.services import Services, Using
from api.stack_views import drawn, head, newest, whole
from api.submission import reply
from model.stack_changes import Action, Change
from model.stack_documents import Kind
from model.stacks import Stack, StackRollbackBody, StackUpgradeBody, StackVersion

router = APIRouter(prefix="/v2/stacks", tags=["stacks"])
Reader = Annotated[Caller, allow("stack:read")]
Writer = Annotated[Caller, allow("stack:write")]
DryRun = Annotated[bool, Query(alias="dryRun", description="Answer the plan, and do nothing.")]


@router.get("/{project}")
async def list_deployments(
    services: Using,
    caller: Reader,
    project: str,
    kind: Kind | None = None,
    template: str | None = None,
    size: Size = 10,
    page: Page = 0,
) -> dict[str, Any]:
    """List the project's deployments by name, of a kind or a template where given."""
    found = await services.records.projects.get(project)
    template_id = (await services.records.templates.get(found.id, template)).id if template else None
    total, stacks = await services.records.stacks.page(found.id, size, page * size, kind=kind, template_id=template_id)
    last = await newest(services, stacks)
    return {"total": total, "page": page, "size": size, "stacks": [head(stack, last[stack.id]) for stack in stacks]}


@router.get("/{project}/{name}")
async def get_deployment(services: Using, caller: Reader, project: str, name: str, content: WithContent = True) -> dict[str, Any]:
    """Read one deployment: its document, its apps with status and order, its groups and Ingresses, its newest operation.

    A document with secrets in it needs the permission secret:read, and showing it is recorded; `content=false` leaves it out.
    """
    return await whole(services, caller, await _stack(services, project, name), with_content=content)


@router.get("/{project}/{name}/graph")
async def draw_deployment(services: Using, caller: Reader, project: str, name: str) -> dict[str, Any]:
    """The relation graph with the apps as they are now: nodes and edges, made for drawing."""
    return await drawn(services, await _stack(services, project, name))


@router.get("/{project}/{name}/versions")
async def list_stack_versions(
    services: Using, caller: Reader, project: str, name: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List what was deployed, newest first: who, when, how it ended, and what changed against the one before.

    A difference with secrets in it is shown to who has the permission secret:read, and that is recorded.
    """
    stack = await _stack(services, project, name)
    total, found = await services.records.stacks.versions(stack.id, size + 1, page * size)
    diffs = await differences(services, caller, stack.id, found)
    lines = [{**_version(version, stack), **shown} for version, shown in zip(found, diffs, strict=True)][:size]
    return {**counted(total), "page": page, "size": size, "versions": lines}


@router.get("/{project}/{name}/reads")
async def list_stack_reads(
    services: Using, caller: Reader, project: str, name: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List who was shown which document with secrets in it, newest first; needs the permission secret:read."""
    return await reads(services, caller, (await _stack(services, project, name)).id, size, page)


@router.post("/{project}/{name}/upgrade", status_code=202)
async def upgrade_deployment(
    services: Using,
    caller: Writer,
    project: str,
    name: str,
    response: Response,
    body: StackUpgradeBody | None = None,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Bring a deployment to the newest version of its template, to one that is named, or to the document sent.

    Only what differs is touched, in the order of dependencies, in batches where the document says so; what left the document is
    removed last. `dryRun=true` answers the plan (200) with each app's batches, and does nothing.
    """
    asked = body or StackUpgradeBody()
    if dry_run:
        return _plan(response, await deployments.planned(services, caller, project, name, asked))
    return reply(response, await deployments.upgrade(services, caller, project, name, asked), stackInstanceName=name)


@router.post("/{project}/{name}/rollback", status_code=202)
async def rollback_deployment(
    services: Using,
    caller: Writer,
    project: str,
    name: str,
    response: Response,
    body: StackRollbackBody | None = None,
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Bring a deployment back to an earlier version exactly, images and all; by default to the newest that was deployed before."""
    asked = body or StackRollbackBody()
    if dry_run:
        return _plan(response, await deployments.planned_rollback(services, caller, project, name, asked))
    return reply(response, await deployments.rollback(services, caller, project, name, asked), stackInstanceName=name)


@router.delete("/{project}/{name}", status_code=202)
async def delete_deployment(services: Using, caller: Writer, project: str, name: str, response: Response) -> dict[str, Any]:
    """Delete a deployment: its apps in reverse order, its groups, then itself; 409 while apps of others use those groups.

    A running operation on it is cancelled first.
    """
    return reply(response, await deployments.delete(services, caller, project, name))


async def _stack(services: Services, project: str, name: str) -> Stack:
    found = await services.records.projects.get(project)
    return await services.records.stacks.get(found.id, name)


def _plan(response: Response, found: list[Change]) -> dict[str, Any]:
    response.status_code = 200
    counts = {action: sum(change.action is action for change in found) for action in Action}
    return {"Code": 0, "Message": "", "counts": counts, "changes": [change.model_dump(by_alias=True) for change in found]}


def _version(version: StackVersion, stack: Stack) -> dict[str, Any]:
    return {
        "version": version.number,
        "current": version.number == stack.version,
        "templateVersion": version.template_version,
        "restores": version.restores,
        "status": version.status,
        "createdAt": version.created_at.isoformat(),
        "createdBy": version.created_by,
        "secret": version.secret,
    }
