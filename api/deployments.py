"""Accepting the operations on stacks, whichever route asks for them: deploy, upgrade, rollback, delete."""

from collections.abc import Mapping
from typing import Any

from api.access import Caller
from api.documents import read_document
from api.placed import usable
from api.services import Services
from api.submission import Accepted, Prepared, submit
from model.apps import DEFAULT_CLUSTER
from model.base import Frozen
from model.blueprints import Blueprint
from model.documents import digest
from model.errors import Conflict, Invalid, Problem
from model.operations import RETRYABLE, TERMINAL, Status, Target
from model.stack_changes import Change, changes
from model.stack_documents import Kind, read_blueprint
from model.stacks import STACK_ID, Stack, StackRollbackBody, StackUpgradeBody, StackVersion, addresses_of
from records import Records
from workflows.stacks import StackDelete, StackDeploy, StackUpgrade


class Source(Frozen):
    """What is deployed: a document, and the template and version it is of, where it is of one."""

    kind: Kind
    content: str
    template: tuple[str, int] | None = None


async def deploy(
    services: Services,
    caller: Caller,
    project: str,
    name: str,
    source: Source,
    told: Mapping[str, Any],
    deadline_seconds: int | None,
) -> Accepted:
    """Have a document deployed as the stack `name`; `told` is what the record shows of the request, never the document.

    Raises Invalid with every problem of the document, Conflict for taken names. A stack whose deploy FAILED or was CANCELLED is
    deployed again with this document, what is as it says being left unchanged.
    """
    blueprint = await read_document(services, caller, source.kind, source.content, name)

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.hold(project)
        actor = caller.actor.name
        stack = await tx.stacks.add(found, name, DEFAULT_CLUSTER, source.kind, source.content, actor, source.template)
        if stack is None:
            stack = await _again(tx, await tx.stacks.hold(found.id, name), source, blueprint, actor)
        await _check_names(tx, stack, blueprint)
        return _prepared(stack, deadline_seconds, version=stack.version)

    services_named = [member.name for member in blueprint.members]
    request = {**told, "services": services_named, "contentSha256": digest(source.content)}
    return await submit(services, caller, StackDeploy, request, prepare)


async def upgrade(services: Services, caller: Caller, project: str, name: str, body: StackUpgradeBody) -> Accepted:
    """Have a stack brought to another document, or to a version of its template; raises Invalid, Conflict, NotFound."""
    _, known, blueprint = await _wanted(services, caller, project, name, body)

    async def prepare(tx: Records) -> Prepared:
        stack = await _held(tx, project, name)
        source = await _source(tx, stack, body)
        if source != known:
            raise Conflict(f"The template of {name!r} was edited just now.", hint="Look at the plan again, then upgrade.")
        await _check_names(tx, stack, blueprint)
        before = stack.version
        template_version = source.template[1] if source.template else None
        made = await tx.stacks.add_version(stack.id, source.content, caller.actor.name, template_version=template_version)
        gray = any(member.rollout and member.rollout.how.gray for member in blueprint.members)
        fields = {"version": made.version, "before": before, "on_failure": body.on_failure, "gray": gray}
        return _prepared(stack, body.deadline_seconds, **fields)

    told = body.model_dump(by_alias=True, exclude_unset=True, exclude={"content"})
    request = {**told, **({"contentSha256": digest(body.content)} if body.content is not None else {})}
    return await submit(services, caller, StackUpgrade, request, prepare)


async def rollback(services: Services, caller: Caller, project: str, name: str, body: StackRollbackBody) -> Accepted:
    """Have a stack brought back to an earlier version exactly; raises Invalid, Conflict, NotFound."""

    async def prepare(tx: Records) -> Prepared:
        stack = await _held(tx, project, name)
        wanted = await _earlier(tx, stack, body.version)
        # Its images are deployed anew: who goes back must be one who may use them now.
        blueprint = read_blueprint(stack.kind, wanted.content, name, usable(services, caller))
        await _check_names(tx, stack, blueprint)
        restores = wanted.restores or wanted.number
        made = await tx.stacks.add_version(
            stack.id, wanted.content, caller.actor.name, template_version=wanted.template_version, restores=restores
        )
        return _prepared(stack, body.deadline_seconds, version=made.version, before=stack.version, on_failure=body.on_failure)

    request = body.model_dump(by_alias=True, exclude_unset=True)
    return await submit(services, caller, StackUpgrade, request, prepare)


async def delete(services: Services, caller: Caller, project: str, name: str) -> Accepted:
    """Have a stack deleted: its apps in reverse order, then the stack. A running operation on it is cancelled first."""

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.hold(project)
        return _prepared(await tx.stacks.hold(found.id, name), None)

    return await submit(services, caller, StackDelete, {}, prepare)


async def planned(services: Services, caller: Caller, project: str, name: str, body: StackUpgradeBody) -> list[Change]:
    """What an upgrade would do, without doing it."""
    stack, _, blueprint = await _wanted(services, caller, project, name, body)
    return await _plan(services, stack, blueprint, None)


async def planned_rollback(services: Services, caller: Caller, project: str, name: str, body: StackRollbackBody) -> list[Change]:
    """What a rollback would do, without doing it."""
    found = await services.records.projects.get(project)
    stack = await services.records.stacks.get(found.id, name)
    wanted = await _earlier(services.records, stack, body.version)
    blueprint = read_blueprint(stack.kind, wanted.content, name, usable(services, caller))
    return await _plan(services, stack, blueprint, wanted)


async def _plan(services: Services, stack: Stack, blueprint: Blueprint, restores: StackVersion | None) -> list[Change]:
    await _check_names(services.records, stack, blueprint)
    standing = await services.records.stacks.standing(stack.id)
    pinned = await services.records.stacks.pinned(restores, standing) if restores else {}
    listed = await services.cluster.list("Service", stack.project, labelSelector=f"{STACK_ID}={stack.id}")
    addresses = addresses_of(stack.id, blueprint, listed["items"])
    before = read_blueprint(stack.kind, stack.content, stack.name)
    return changes(blueprint, standing, addresses, pinned, before, at_once=restores is not None)


async def _wanted(
    services: Services, caller: Caller, project: str, name: str, body: StackUpgradeBody
) -> tuple[Stack, Source, Blueprint]:
    """The stack as it is, what an upgrade would bring it to, and what that describes."""
    found = await services.records.projects.get(project)
    stack = await services.records.stacks.get(found.id, name)
    source = await _source(services.records, stack, body)
    return stack, source, await read_document(services, caller, stack.kind, source.content, name)


async def _held(tx: Records, project: str, name: str) -> Stack:
    found = await tx.projects.hold(project)
    return await tx.stacks.hold(found.id, name)


async def _source(tx: Records, stack: Stack, body: StackUpgradeBody) -> Source:
    if stack.template_id is None:
        if body.content is None:
            raise _invalid("content", "is required: this stack is not of a template")
        if body.template_version is not None:
            raise _invalid("templateVersion", "cannot be given: this stack is not of a template")
        return Source(kind=stack.kind, content=body.content)
    if body.content is not None:
        raise _invalid("content", "cannot be given: this stack is of a template; edit that, then upgrade")
    template = await tx.templates.by_id(stack.template_id)
    version = await tx.templates.version(template.id, body.template_version or template.version)
    return Source(kind=stack.kind, content=version.content, template=(template.id, version.number))


async def _earlier(tx: Records, stack: Stack, number: int | None) -> StackVersion:
    """The version to go back to: the one named, or the newest before the one in force that was deployed whole."""
    if number is not None:
        return await tx.stacks.version(stack.id, number)
    for below in range(stack.version - 1, 0, -1):
        found = await tx.stacks.version(stack.id, below)
        if found.status is Status.SUCCEEDED:
            return found
    raise Conflict(f"The stack {stack.name!r} has no version before {stack.version} to go back to.", hint="See its versions.")


async def _again(tx: Records, stack: Stack, source: Source, blueprint: Blueprint, actor: str) -> Stack:
    """The stack with the new document, if its deploy did not succeed; raises Conflict otherwise, and for an app left out."""
    last = (await tx.stacks.last_operations(stack.project_id, [stack.id]))[stack.id]
    told = f"The stack {stack.name!r} exists already: {last['kind']} {last['id']} is {last['status']}."
    if last["status"] not in TERMINAL:
        raise Conflict(told, operation_id=last["id"])
    is_same = stack.kind is source.kind and stack.template_id == (source.template[0] if source.template else None)
    if last["kind"] != "stack.deploy" or last["status"] not in RETRYABLE or not is_same:
        raise Conflict(told, hint="Upgrade it, delete it first, or deploy under another name.")
    left_out = sorted(set(await tx.stacks.apps(stack.id)) - set(blueprint.dependencies()))
    if left_out:
        raise Conflict(
            f"The document leaves out services whose apps the stack {stack.name!r} has already: {', '.join(left_out[:10])}.",
            hint="Keep them, or delete those apps first.",
        )
    if stack.content == source.content:
        return stack
    version = source.template[1] if source.template else None
    return await tx.stacks.add_version(stack.id, source.content, actor, template_version=version)


async def _check_names(tx: Records, stack: Stack, blueprint: Blueprint) -> None:
    """Raise Conflict when an app that is not the stack's has the name of one to come: told now, not in the middle."""
    own = set((await tx.stacks.apps(stack.id)).values())
    live = {app.name: app.id for app in await tx.apps.live(stack.project_id)}
    taken = [member.app for member in blueprint.members if member.app in live and live[member.app] not in own]
    if taken:
        raise Conflict(
            f"The project {stack.project!r} has live apps of these names already: {', '.join(taken[:10])}.",
            hint="Choose another name for the deployment, or delete those apps first.",
        )


def _prepared(stack: Stack, deadline_seconds: int | None, **fields: Any) -> Prepared:
    return Prepared(
        project=stack.project,
        project_id=stack.project_id,
        target=Target(kind="stack", name=stack.name, id=stack.id),
        fields={"stack_id": stack.id, **fields},
        deadline_seconds=deadline_seconds,
    )


def _invalid(field: str, rule: str) -> Invalid:
    return Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])
