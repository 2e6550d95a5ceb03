"""Compose stacks: deploy, list, read, delete (manual, compose编排接口; mission D)."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from api.access import Caller, allow
from api.apps_shown import shown
from api.parameters import Page, Size
from api.placed import check_cluster, usable
from api.services import Services, Using
from api.submission import Prepared, reply, submit
from model.apps import DEFAULT_CLUSTER
from model.compose import Compose, Service, parse
from model.documents import digest
from model.errors import Conflict
from model.names import check_name
from model.operations import RETRYABLE, TERMINAL, Target
from model.stacks import NewStack, Stack, app_name, link_ports, stack_status
from records import Records
from records.store import Row
from workflows.stacks import StackDelete, StackDeploy

router = APIRouter(prefix="/v2/composes", tags=["composes"])
Reader = Annotated[Caller, allow("stack:read")]
Writer = Annotated[Caller, allow("stack:write")]
_LONGEST_NAME = 40  # leaves room for "-" and the name of a service


@router.post("/{project}", status_code=202)
async def deploy_stack(services: Using, caller: Writer, project: str, body: NewStack, response: Response) -> dict[str, Any]:
    """Deploy a compose v1 document: an app per service, each as soon as those it links are ready.

    422 lists every problem of the document with line and column. 409 when the name is taken; a stack whose deploy FAILED or was
    CANCELLED is deployed again with the document sent now, what is as it says being left unchanged.
    """
    name = check_name(body.stack_instance_name, "stackInstanceName", longest=_LONGEST_NAME)
    check_cluster(body.cluster)
    compose = parse(body.content, name, usable(services, caller))

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.hold(project)
        stack = await tx.stacks.add(found, name, DEFAULT_CLUSTER, body.content, caller.actor.name)
        if stack is None:
            stack = await _again(tx, await tx.stacks.hold(found.id, name), body.content, compose)
        await _check_names(tx, stack, compose.services)
        target = Target(kind="stack", name=name, id=stack.id)
        return Prepared(
            project=project,
            project_id=found.id,
            target=target,
            fields={"stack_id": stack.id},
            deadline_seconds=body.deadline_seconds,
        )

    # The document may hold secrets in its environment: the record keeps what it is called and a digest.
    request = {
        **body.model_dump(by_alias=True, exclude_unset=True, exclude={"content"}),
        "services": list(compose.dependencies()),
        "contentSha256": digest(body.content),
    }
    accepted = await submit(services, caller, StackDeploy, request, prepare)
    return reply(response, accepted, stackInstanceName=name)


@router.get("/{project}")
async def list_stacks(services: Using, caller: Reader, project: str, size: Size = 10, page: Page = 0) -> dict[str, Any]:
    """List the project's stacks by name, with their newest operation."""
    found = await services.records.projects.get(project)
    total, stacks = await services.records.stacks.page(found.id, size, page * size)
    newest = await services.records.stacks.last_operations(found.id, [stack.id for stack in stacks])
    lines = [_head(stack, newest[stack.id]) for stack in stacks]
    return {"total": total, "page": page, "size": size, "composes": lines}


@router.get("/{project}/{name}")
async def get_stack(services: Using, caller: Reader, project: str, name: str) -> dict[str, Any]:
    """Read one stack: its document, its apps with status and order, the links between them, its newest operation."""
    found = await services.records.projects.get(project)
    stack = await services.records.stacks.get(found.id, name)
    newest = await services.records.stacks.last_operations(found.id, [stack.id])
    head = {"Code": 0, "Message": "", **_head(stack, newest[stack.id])}
    return {**head, "content": stack.content, "apps": await _apps(services, stack)}


@router.delete("/{project}/{name}", status_code=202)
async def delete_stack(services: Using, caller: Writer, project: str, name: str, response: Response) -> dict[str, Any]:
    """Delete a stack: its apps in reverse order, then the stack. A running deploy is cancelled first."""

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.hold(project)
        stack = await tx.stacks.hold(found.id, name)
        target = Target(kind="stack", name=name, id=stack.id)
        return Prepared(project=project, project_id=found.id, target=target, fields={"stack_id": stack.id})

    return reply(response, await submit(services, caller, StackDelete, {}, prepare))


async def _again(tx: Records, stack: Stack, content: str, compose: Compose) -> Stack:
    """The stack with the new document, if its deploy did not succeed; raises Conflict otherwise, and for an app left out."""
    last = (await tx.stacks.last_operations(stack.project_id, [stack.id]))[stack.id]
    told = f"The stack {stack.name!r} exists already: {last['kind']} {last['id']} is {last['status']}."
    if last["status"] not in TERMINAL:
        raise Conflict(told, operation_id=last["id"])
    if last["kind"] != "stack.deploy" or last["status"] not in RETRYABLE:
        raise Conflict(told, hint="Delete it first, upgrade its apps one by one, or deploy under another stackInstanceName.")
    left_out = sorted(set(await tx.stacks.apps(stack.id)) - set(compose.dependencies()))
    if left_out:
        raise Conflict(
            f"The document leaves out services whose apps the stack {stack.name!r} has already: {', '.join(left_out[:10])}.",
            hint="Keep them, or delete those apps first.",
        )
    return await tx.stacks.set_content(stack.id, content)


async def _check_names(tx: Records, stack: Stack, services: tuple[Service, ...]) -> None:
    """Raise Conflict when an app that is not the stack's has the name of one to come: told now, not in the middle."""
    own = set((await tx.stacks.apps(stack.id)).values())
    live = {app.name: app.id for app in await tx.apps.live(stack.project_id)}
    wanted = [app_name(stack.name, service.name) for service in services]
    taken = [name for name in wanted if name in live and live[name] not in own]
    if taken:
        raise Conflict(
            f"The project {stack.project!r} has live apps of these names already: {', '.join(taken[:10])}.",
            hint="Choose another stackInstanceName, or delete those apps first.",
        )


async def _apps(services: Services, stack: Stack) -> list[dict[str, Any]]:
    compose = parse(stack.content, stack.name)
    ids = await services.records.stacks.apps(stack.id)
    apps = await services.records.apps.by_ids(list(ids.values()))
    replies = {made["AppID"]: made for made in await shown(services, stack.project, apps)}
    by_name, levels = {service.name: service for service in compose.services}, compose.levels()
    lines = []
    for service in sorted(compose.services, key=lambda s: levels[s.name]):
        made = replies.get(ids.get(service.name, ""), {})
        lines.append(
            {
                "service": service.name,
                "name": app_name(stack.name, service.name),
                "order": levels[service.name],
                "AppID": made.get("AppID"),
                "Status": made.get("Status", "PENDING"),
                "InstanceSummary": made.get("InstanceSummary", ""),
                "Image": made.get("Image", service.image),
                "message": made.get("message", "not begun"),
                "links": [_link(link.alias, by_name[link.service]) for link in service.links],
            }
        )
    return lines


def _link(alias: str, service: Service) -> dict[str, Any]:
    """A link as a line of the relation graph: what it reaches, under which name, on which ports."""
    return {"service": service.name, "alias": alias, "ports": [f"{p.container}/{p.protocol}" for p in link_ports(service)]}


def _head(stack: Stack, last: Row) -> dict[str, Any]:
    return {
        "stackInstanceName": stack.name,
        "id": stack.id,
        "cluster": stack.cluster,
        "createdAt": stack.created_at.isoformat(),
        "createdBy": stack.created_by,
        "status": stack_status(last["kind"], last["status"]),
        "lastOperation": {
            "id": last["id"],
            "kind": last["kind"],
            "status": last["status"],
            "progress": {"done": last["done"], "total": last["total"]},
            "error": last["error"],
        },
    }
