"""Configuration groups: ConfigMaps and Secrets (manual: 配置管理, ConfigMap接口, Secret接口; mission E).

The two chapters have the same routes: each endpoint here is registered for both kinds.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.access import Caller, allow
from api.config_changes import Changed, Place, answer, change
from api.configs_shown import (
    apps_reply,
    contents,
    entry_lines,
    head,
    may_read,
    of_group,
    restarts,
    used_now,
    version_line,
)
from api.parameters import Page, Size
from api.refusals import refused
from api.replies import counted
from api.services import Services, Using
from model.configs import (
    ConfigKind,
    Entry,
    Group,
    GroupVersion,
    NewEntry,
    NewGroup,
    RollbackGroup,
    checked,
    content_of,
    entry_rule,
    group_rule,
    is_text,
    read,
    told,
    variable_rule,
    verdict,
    written,
)
from model.errors import Conflict, Forbidden, Invalid, NotFound
from records import Records

router = APIRouter()
Reader = Annotated[Caller, allow("config:read")]
Writer = Annotated[Caller, allow("config:write")]
Wait = Annotated[float, Query(ge=0, le=30, description="How many seconds to wait for the cluster before answering 202")]
Version = Annotated[int | None, Query(ge=1, lt=2**31, description="An earlier version; by default the newest")]


async def _kind_of(request: Request) -> ConfigKind:
    return next(kind for kind in ConfigKind if request.url.path.startswith(f"/v2/{kind.plural}/"))


Kind = Annotated[ConfigKind, Depends(_kind_of)]


def both(method: str, path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register an endpoint under /v2/configmaps and /v2/secrets."""

    def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
        for kind in ConfigKind:
            router.add_api_route(f"/v2/{kind.plural}{path}", endpoint, methods=[method], tags=[kind.plural])
        return endpoint

    return register


@both("GET", "/{project}")
async def list_groups(
    services: Using,
    caller: Reader,
    kind: Kind,
    project: str,
    name: Annotated[str, Query(max_length=253, description="A part of the name")] = "",
    size: Size = 10,
    page: Page = 0,
) -> dict[str, Any]:
    """List the project's groups by name, with their entries' names, sizes and app counts; without values."""
    found = await services.records.projects.get(project)
    total, groups = await services.records.configs.page(found.id, kind, name, size, page * size)
    uses, message = await used_now(services, found)
    lines = [{**head(group, version), **entry_lines(group, version.entries, uses)} for group, version in groups]
    return {"total": total, "page": page, "size": size, kind.plural: lines, **({"message": message} if message else {})}


@both("GET", "/{project}/validate")
async def validate_group(services: Using, caller: Reader, kind: Kind, project: str, name: str) -> dict[str, Any]:
    """Whether a group may be called that: Code 0, else the Code and the rule in Message."""
    found = await services.records.projects.get(project)
    try:
        checked(name, group_rule(name), "name")
    except Invalid as error:
        return verdict(error)
    if await services.records.configs.find(found.id, kind, name):
        return verdict(Conflict(f"name: the project {project!r} has a {kind} {name!r} already."))
    return verdict(None)


@both("POST", "/{project}")
async def create_group(
    services: Using, caller: Writer, kind: Kind, project: str, body: NewGroup, response: Response, wait: Wait = 10
) -> dict[str, Any]:
    """Create a group with its entries; the object of that name in the cluster is made at once."""
    checked(body.name, group_rule(body.name), "name")
    content = content_of(kind, body)
    request = {"change": "create", "name": body.name, "entries": _marks(services, content)}

    async def plan(tx: Records, group: Group, before: Mapping[str, Entry]) -> Mapping[str, bytes | Entry]:
        return content

    place = Place(kind, project, body.name, wait)
    changed = await change(services, caller, place, request, plan, "created", new=True)
    group, version = await _read(services, project, kind, body.name)
    shown = await contents(services, caller, group, version, known=list(content))
    return {**head(group, version), **shown, **answer(response, changed)}


@both("GET", "/{project}/{group}")
async def get_group(
    services: Using, caller: Reader, kind: Kind, project: str, group: str, version: Version = None, values: bool = True
) -> dict[str, Any]:
    """Read a group with its entries and how many apps use each.

    A Secret's values need the permission secret:read, and showing them is recorded; with `values=false` there is no `data`.
    """
    found, asked = await _read(services, project, kind, group, version)
    shown = await contents(services, caller, found, asked) if values else {}
    return await _whole(services, found, asked, shown)


@both("DELETE", "/{project}/{group}")
async def delete_group(
    services: Using, caller: Writer, kind: Kind, project: str, group: str, response: Response, wait: Wait = 10
) -> dict[str, Any]:
    """Delete a group with all its entries; 409 naming the apps while one is in use."""

    async def plan(tx: Records, found: Group, before: Mapping[str, Entry]) -> None:
        return None

    request = {"change": "delete"}
    changed = await change(services, caller, Place(kind, project, group, wait), request, plan, "deleted", always=True)
    return {"Code": 0, "Message": "", **answer(response, changed)}


@both("GET", "/{project}/{group}/validate")
async def validate_entry(services: Using, caller: Reader, kind: Kind, project: str, group: str, key_name: str) -> dict[str, Any]:
    """Whether an entry may be called that: Code 0 and what it can be used as, else the Code and the rule in Message."""
    _, version = await _read(services, project, kind, group)
    try:
        checked(key_name, entry_rule(key_name), "key_name")
    except Invalid as error:
        return verdict(error)
    if key_name in version.entries:
        return verdict(Conflict(f"key_name: {group!r} has an entry {key_name!r} already; a POST to it changes it."))
    rule = variable_rule(key_name)
    usable = ["Volume"] if rule else ["Volume", "Env"]
    return {"Code": 0, "Message": f"As a file; it {rule}." if rule else "", "usableAs": usable}


@both("GET", "/{project}/{group}/versions")
async def list_versions(
    services: Using, caller: Reader, kind: Kind, project: str, group: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List a group's versions, newest first: who changed which entries, when and why; never values."""
    found, _ = await _read(services, project, kind, group)
    total, versions = await services.records.configs.versions(found, size, page * size)
    return {**counted(total), "page": page, "size": size, "versions": [version_line(found, version) for version in versions]}


@both("POST", "/{project}/{group}/rollback")
async def rollback_group(
    services: Using,
    caller: Writer,
    kind: Kind,
    project: str,
    group: str,
    body: RollbackGroup,
    response: Response,
    wait: Wait = 10,
) -> dict[str, Any]:
    """Give a group the entries of an earlier version, as a new version; 409 where that takes an entry from an app."""

    async def plan(tx: Records, found: Group, before: Mapping[str, Entry]) -> Mapping[str, bytes | Entry]:
        return (await tx.configs.version(found, body.version)).entries

    request = {"change": "rollback", "version": body.version, "reason": body.reason}
    reason = body.reason or f"rollback to version {body.version}"
    changed = await change(services, caller, Place(kind, project, group, wait), request, plan, reason, always=True)
    return await _after(services, caller, (kind, project, group), changed, answer(response, changed))


@both("GET", "/{project}/{group}/reads")
async def list_reads(
    services: Using, caller: Reader, kind: Kind, project: str, group: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List who was shown which entries of a Secret, newest first; of a ConfigMap nothing is recorded."""
    found, _ = await _read(services, project, kind, group)
    if not may_read(caller, found):
        raise await _hidden(services, caller)
    total, reads = await services.records.configs.reads(found, size, page * size)
    return {**counted(total), "page": page, "size": size, "reads": reads}


@both("GET", "/{project}/{group}/{entry}")
async def get_entry(
    services: Using, caller: Reader, kind: Kind, project: str, group: str, entry: str, version: Version = None
) -> dict[str, Any]:
    """Read one entry's content. A Secret's needs the permission secret:read, and is recorded."""
    found, asked = await _read(services, project, kind, group, version)
    chosen = {entry: _entry(found, asked, entry)}
    if not may_read(caller, found):
        raise await _hidden(services, caller)
    content = (await services.records.configs.contents(chosen))[entry]
    if kind is ConfigKind.SECRET:
        await services.records.configs.note_read(found, asked.number, [entry], caller.actor.name)
    binary = {"encoding": "base64"} if kind is ConfigKind.CONFIGMAP and not is_text(content) else {}
    return {"data": written(kind, content), **binary}


@both("POST", "/{project}/{group}/{entry}")
async def put_entry(
    services: Using,
    caller: Writer,
    kind: Kind,
    project: str,
    group: str,
    entry: str,
    body: NewEntry,
    response: Response,
    wait: Wait = 10,
) -> dict[str, Any]:
    """Add or change an entry. Who has it as a file gets it without restart; `restartNeeded` names the apps that do not."""
    checked(entry, entry_rule(entry), "keyName")
    content = read(kind, body.data, body.encoding, "data")

    async def plan(tx: Records, found: Group, before: Mapping[str, Entry]) -> Mapping[str, bytes | Entry]:
        return {**before, entry: content}

    request = {"change": "set", "entries": _marks(services, {entry: content})}
    changed = await change(services, caller, Place(kind, project, group, wait), request, plan, f"{entry} set")
    return await _after(services, caller, (kind, project, group), changed, answer(response, changed), known=[entry])


@both("DELETE", "/{project}/{group}/{entry}")
async def delete_entry(
    services: Using, caller: Writer, kind: Kind, project: str, group: str, entry: str, response: Response, wait: Wait = 10
) -> dict[str, Any]:
    """Delete an entry; 409 naming the apps while one uses it."""

    async def plan(tx: Records, found: Group, before: Mapping[str, Entry]) -> Mapping[str, bytes | Entry]:
        if entry not in before:
            raise _no_entry(found, entry)
        return {name: kept for name, kept in before.items() if name != entry}

    request = {"change": "unset", "entry": entry}
    changed = await change(services, caller, Place(kind, project, group, wait), request, plan, f"{entry} deleted", always=True)
    return {"Code": 0, "Message": "", **answer(response, changed)}


@both("GET", "/{project}/{group}/{entry}/apps")
async def list_entry_apps(services: Using, caller: Reader, kind: Kind, project: str, group: str, entry: str) -> dict[str, Any]:
    """List the apps that use an entry, and how: by what they are to run, and by what runs of earlier versions."""
    found, version = await _read(services, project, kind, group)
    _entry(found, version, entry)
    uses, message = await used_now(services, await services.records.projects.get(project))
    return {**apps_reply(of_group(uses, found), entry), **({"message": message} if message else {})}


async def _read(
    services: Services, project: str, kind: ConfigKind, name: str, number: int | None = None
) -> tuple[Group, GroupVersion]:
    found = await services.records.projects.get(project)
    group = await services.records.configs.get(found.id, kind, name)
    return group, await services.records.configs.version(group, number or group.version)


async def _whole(services: Services, group: Group, version: GroupVersion, shown: dict[str, Any]) -> dict[str, Any]:
    uses, message = await used_now(services, await services.records.projects.get(group.project))
    lines = entry_lines(group, version.entries, uses)
    return {**head(group, version), **shown, **lines, **({"message": message} if message else {})}


async def _after(
    services: Services,
    caller: Caller,
    place: tuple[ConfigKind, str, str],
    changed: Changed,
    answered: dict[str, Any],
    known: list[str] | None = None,
) -> dict[str, Any]:
    """The group after a change, with what the change asks of apps."""
    kind, project, name = place
    group, version = await _read(services, project, kind, name)
    uses, _ = await used_now(services, await services.records.projects.get(project))
    needed = restarts(group, of_group(uses, group), [c.entry for c in changed.changes])
    whole = await _whole(services, group, version, await contents(services, caller, group, version, known=known or []))
    return {**whole, "changes": told(changed.changes), **needed, **answered}


def _marks(services: Services, content: Mapping[str, bytes]) -> dict[str, Any]:
    """What the record shows of contents: sizes, and a mark by which the same request is known again."""
    configs = services.records.configs
    return {name: {"size": len(value), "mark": configs.mark(value)} for name, value in content.items()}


def _entry(group: Group, version: GroupVersion, entry: str) -> Entry:
    if entry not in version.entries:
        raise _no_entry(group, entry)
    return version.entries[entry]


def _no_entry(group: Group, entry: str) -> NotFound:
    return NotFound(f"The {group.kind} {group.name!r} has no entry {entry!r}.", hint="See the group's entries.")


async def _hidden(services: Services, caller: Caller) -> Forbidden:
    return await refused(services, caller.actor, "secret:read", caller.project)
