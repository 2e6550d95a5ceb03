"""Accepting the operations on stacks, whichever route asks for them: deploy, upgrade, rollback, delete."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from api.access import Caller
from api.aside import aside
from api.documents import read_document
from api.placed import usable
from api.services import Services
from api.stack_checks import check_document, check_left, stands_for
from api.submission import Accepted, Prepared, submit
from model.apps import DEFAULT_CLUSTER
from model.base import Frozen
from model.blueprints import Blueprint
from model.entrances import entrance_changes
from model.errors import Conflict, Invalid, NotFound, Problem
from model.operations import RETRYABLE, TERMINAL, Status, Target
from model.stack_changes import Change, changes
from model.stack_documents import Kind, read_blueprint
from model.stacks import STACK_ID, Stack, StackRollbackBody, StackUpgradeBody, StackVersion, addresses_of
from records import Records
from workflows.stacks import StackDelete, StackDeploy, StackUpgrade


class Source(Frozen):
    """What is deployed: a document, and the template and version it is of, where it is of one."""

    kind: Kind
    content: str = Field(repr=False)
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
    project_id = (await services.records.projects.get(project)).id
    references = await services.records.configs.references(project_id, source.kind)
    blueprint = await read_document(services, caller, source.kind, source.content, name, references)
    fields: dict[str, Any] = {"template": source.template, "secret": blueprint.has_secrets}

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.hold(project)
        actor = caller.actor.name
        stack = await tx.stacks.add(found, name, DEFAULT_CLUSTER, source.kind, source.content, actor, **fields)
        if stack is None:
            stack = await _again(tx, await tx.stacks.hold(found.id, name), source, blueprint, actor)
        await check_document(services, tx, stack, blueprint)
        await tx.stacks.claim(stack, blueprint)
        return _prepared(stack, deadline_seconds, version=stack.version)

    services_named = [member.name for member in blueprint.members]
    request = {**told, "services": services_named, **stands_for(services, source.content, blueprint)}
    return await submit(services, caller, StackDeploy, request, prepare)


async def upgrade(services: Services, caller: Caller, project: str, name: str, body: StackUpgradeBody) -> Accepted:
    """Have a stack brought to another document, or to a version of its template; raises Invalid, Conflict, NotFound."""
    found = await _found(services, project, name)
    source = await _source(services.records, found, body)
    blueprint = await _read(services, caller, found, source.content)

    async def prepare(tx: Records) -> Prepared:
        stack = await _held(tx, found)
        if await _source(tx, stack, body) != source:
            raise Conflict(f"The template of {name!r} was edited just now.", hint="Look at the plan again, then upgrade.")
        await check_document(services, tx, stack, blueprint)
        await tx.stacks.claim(stack, blueprint)
        before = stack.version
        kept: dict[str, Any] = {
            "template_version": source.template[1] if source.template else None,
            "secret": blueprint.has_secrets,
        }
        made = await tx.stacks.add_version(stack.id, source.content, caller.actor.name, **kept)
        gray = any(member.rollout and member.rollout.how.gray for member in blueprint.members)
        fields = {"version": made.version, "before": before, "on_failure": body.on_failure, "gray": gray}
        return _prepared(stack, body.deadline_seconds, **fields)

    told = body.model_dump(by_alias=True, exclude_unset=True, exclude={"content"})
    request = {**told, **(stands_for(services, body.content, blueprint) if body.content is not None else {})}
    return await submit(services, caller, StackUpgrade, request, prepare)


async def rollback(services: Services, caller: Caller, project: str, name: str, body: StackRollbackBody) -> Accepted:
    """Have a stack brought back to an earlier version exactly; raises Invalid, Conflict, NotFound."""
    found = await _found(services, project, name)

    async def prepare(tx: Records) -> Prepared:
        stack = await _held(tx, found)
        wanted = await _earlier(tx, stack, body.version)
        # Its images are deployed anew: who goes back must be one who may use them now.
        blueprint = await _read_back(services, tx, caller, stack, wanted.content)
        await check_document(services, tx, stack, blueprint)
        await tx.stacks.claim(stack, blueprint)
        fields: dict[str, Any] = {
            "template_version": wanted.template_version,
            "restores": wanted.restores or wanted.number,
            "secret": blueprint.has_secrets,
        }
        made = await tx.stacks.add_version(stack.id, wanted.content, caller.actor.name, **fields)
        return _prepared(stack, body.deadline_seconds, version=made.version, before=stack.version, on_failure=body.on_failure)

    request = body.model_dump(by_alias=True, exclude_unset=True)
    return await submit(services, caller, StackUpgrade, request, prepare, always=True)


async def delete(services: Services, caller: Caller, project: str, name: str) -> Accepted:
    """Have a stack deleted: its apps in reverse order, then its groups and itself. A running operation on it is cancelled first.

    Raises Conflict naming the apps of others that use its groups.
    """

    async def prepare(tx: Records) -> Prepared:
        found = await tx.projects.hold(project)
        stack = await tx.stacks.hold(found.id, name)
        await check_left(services, tx, stack, None)
        return _prepared(stack, None)

    return await submit(services, caller, StackDelete, {}, prepare)


async def planned(services: Services, caller: Caller, project: str, name: str, body: StackUpgradeBody) -> list[Change]:
    """What an upgrade would do, without doing it."""
    stack = await _found(services, project, name)
    source = await _source(services.records, stack, body)
    return await _plan(services, stack, await _read(services, caller, stack, source.content), None)


async def planned_rollback(services: Services, caller: Caller, project: str, name: str, body: StackRollbackBody) -> list[Change]:
    """What a rollback would do, without doing it."""
    stack = await _found(services, project, name)
    wanted = await _earlier(services.records, stack, body.version)
    return await _plan(services, stack, await _read_back(services, services.records, caller, stack, wanted.content), wanted)


async def _plan(services: Services, stack: Stack, blueprint: Blueprint, restores: StackVersion | None) -> list[Change]:
    records, chosen = services.records, f"{STACK_ID}={stack.id}"
    await check_document(services, records, stack, blueprint)
    await records.stacks.check_claims(stack, blueprint)
    standing, held = await records.stacks.standing(stack.id), await records.configs.held(stack.id, blueprint.groups)
    pinned = await records.stacks.pinned(restores, standing) if restores else {}
    listed = await services.cluster.list("Service", stack.project, labelSelector=chosen)
    has_hosts = await records.stacks.hosts(stack.id)
    ingresses = (await services.cluster.list("Ingress", stack.project, labelSelector=chosen))["items"] if has_hosts else []
    now = await records.stacks.version(stack.id, stack.version)
    before = await aside(read_blueprint, stack.kind, now.content, stack.name, kept=True)
    addresses = addresses_of(stack.id, blueprint, listed["items"])
    found = await aside(changes, blueprint, standing, addresses, pinned, before, held=held, at_once=restores is not None)
    return [*found, *entrance_changes(stack, blueprint, ingresses)]


async def _found(services: Services, project: str, name: str) -> Stack:
    return await services.records.stacks.get((await services.records.projects.get(project)).id, name)


async def _read(services: Services, caller: Caller, stack: Stack, content: str) -> Blueprint:
    references = await services.records.configs.references(stack.project_id, stack.kind, without=stack.id)
    return await read_document(services, caller, stack.kind, content, stack.name, references)


async def _read_back(services: Services, tx: Records, caller: Caller, stack: Stack, content: str) -> Blueprint:
    """The same for a way back, which asks no gates; in a transaction on its own connection, as there may be no other left."""
    references = await tx.configs.references(stack.project_id, stack.kind, without=stack.id)
    return await aside(read_blueprint, stack.kind, content, stack.name, usable(services, caller), references, kept=True)


async def _held(tx: Records, found: Stack) -> Stack:
    """The stack that was found, its row locked; raises NotFound when it is another by now."""
    await tx.projects.hold(found.project)
    stack = await tx.stacks.hold(found.project_id, found.name)
    if stack.id != found.id:
        raise NotFound(f"The stack {found.name!r} was deleted meanwhile.", hint="There is a new one of that name; look at that.")
    return stack


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
    there = {*await tx.stacks.apps(stack.id), *await tx.stacks.groups(stack.id)}
    left_out = sorted(there - set(blueprint.dependencies()))
    if left_out:
        raise Conflict(
            f"The document leaves out what the stack {stack.name!r} has already: {', '.join(left_out[:10])}.",
            hint="Keep it, or delete those apps and configuration groups first.",
        )
    if (await tx.stacks.version(stack.id, stack.version)).content == source.content:
        return stack
    version = source.template[1] if source.template else None
    return await tx.stacks.add_version(stack.id, source.content, actor, template_version=version, secret=blueprint.has_secrets)


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
