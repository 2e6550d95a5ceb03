"""Compose stacks by the manual's routes: deploy, list, read, delete (manual, compose编排接口). Everything else is in stacks.py."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from api import deployments
from api.access import Caller, allow
from api.deployments import Source
from api.parameters import Page, Size
from api.placed import check_cluster
from api.services import Services, Using
from api.stack_views import head, newest, whole
from api.submission import reply
from model.errors import NotFound
from model.stack_documents import Kind, check_deployment
from model.stacks import NewStack, Stack

router = APIRouter(prefix="/v2/composes", tags=["composes"])
Reader = Annotated[Caller, allow("stack:read")]
Writer = Annotated[Caller, allow("stack:write")]


@router.post("/{project}", status_code=202)
async def deploy_stack(services: Using, caller: Writer, project: str, body: NewStack, response: Response) -> dict[str, Any]:
    """Deploy a compose v1 document: an app per service, each as soon as those it links are ready.

    422 lists every problem of the document with line and column. 409 when the name is taken; a stack whose deploy FAILED or was
    CANCELLED is deployed again with the document sent now, what is as it says being left unchanged.
    """
    name = check_deployment(body.stack_instance_name, "stackInstanceName")
    check_cluster(body.cluster)
    source = Source(kind=Kind.COMPOSE, content=body.content)
    told = body.model_dump(by_alias=True, exclude_unset=True, exclude={"content"})
    accepted = await deployments.deploy(services, caller, project, name, source, told, body.deadline_seconds)
    return reply(response, accepted, stackInstanceName=name)


@router.get("/{project}")
async def list_stacks(services: Using, caller: Reader, project: str, size: Size = 10, page: Page = 0) -> dict[str, Any]:
    """List the project's compose stacks by name, with their newest operation."""
    found = await services.records.projects.get(project)
    total, stacks = await services.records.stacks.page(found.id, size, page * size, kind=Kind.COMPOSE)
    last = await newest(services, stacks)
    lines = [head(stack, last[stack.id]) for stack in stacks]
    return {"total": total, "page": page, "size": size, "composes": lines}


@router.get("/{project}/{name}")
async def get_stack(services: Using, caller: Reader, project: str, name: str) -> dict[str, Any]:
    """Read one stack: its document, its apps with status and order, the links between them, its newest operation."""
    return await whole(services, caller, await _compose(services, project, name))


@router.delete("/{project}/{name}", status_code=202)
async def delete_stack(services: Using, caller: Writer, project: str, name: str, response: Response) -> dict[str, Any]:
    """Delete a stack: its apps in reverse order, then the stack. A running deploy is cancelled first."""
    await _compose(services, project, name)
    return reply(response, await deployments.delete(services, caller, project, name))


async def _compose(services: Services, project: str, name: str) -> Stack:
    found = await services.records.projects.get(project)
    stack = await services.records.stacks.get(found.id, name)
    if stack.kind is not Kind.COMPOSE:
        raise NotFound(f"There is no compose stack {name!r} in this project.", hint=f"It is of the kind {stack.kind}.")
    return stack
