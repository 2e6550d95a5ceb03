"""Stacks as replies: the head with its newest operation, the apps in their order, the relation graph."""

from typing import Any

from api.access import Caller
from api.apps_shown import shown as apps_shown
from api.aside import aside
from api.documents_shown import text
from api.services import Services
from model.blueprints import Blueprint, Configuration, Entrance, Member
from model.configs import Held
from model.operations import WaitsFor
from model.relations import graph, until
from model.stack_documents import read_blueprint
from model.stack_states import Gone, Last, gone_of, stack_message, stack_status
from model.stacks import Stack, StackVersion
from records.store import Row


async def newest(services: Services, stacks: list[Stack]) -> dict[str, Row]:
    """By stack id its newest operation."""
    return await services.records.stacks.last_operations(stacks[0].project_id, [s.id for s in stacks]) if stacks else {}


def head(stack: Stack, last: Row) -> dict[str, Any]:
    """A stack as a line of a list; `gone` names what was deleted or killed by itself.

    `message` says what became of the last change where it did not succeed, what runs, and what to do.
    """
    gone, newest_of_it = _gone(last), _last(last)
    return {
        "stackInstanceName": stack.name,
        "id": stack.id,
        "cluster": stack.cluster,
        "kind": stack.kind,
        "version": stack.version,
        "templateId": stack.template_id,
        "createdAt": stack.created_at.isoformat(),
        "createdBy": stack.created_by,
        "status": stack_status(newest_of_it, gone),
        "message": stack_message(newest_of_it, gone),
        "gone": [one.model_dump() for one in gone],
        "lastOperation": {
            "id": last["id"],
            "kind": last["kind"],
            "status": last["status"],
            "progress": {"done": last["done"], "total": last["total"]},
            "error": last["error"],
            "waitsFor": [WaitsFor(**child).model_dump(by_alias=True, mode="json") for child in last["waits_for"]],
        },
    }


async def whole(services: Services, caller: Caller, stack: Stack, *, with_content: bool = True) -> dict[str, Any]:
    """A stack with its document, its apps, groups and Ingresses; raises Forbidden for secrets in the document."""
    version, blueprint = await _document(services, stack)
    shown = {"content": await text(services, caller, stack.id, version)} if with_content else {}
    last = (await newest(services, [stack]))[stack.id]
    live, held = await _live(services, stack), await services.records.configs.held(stack.id)
    parts = {
        "apps": _apps(blueprint, live, {one.part: one.message for one in _gone(last)}),
        "groups": [_group(group, held.get(group.part)) for group in blueprint.groups],
        "ingresses": [_ingress(entrance) for entrance in blueprint.entrances],
    }
    template = await services.records.templates.by_id(stack.template_id) if stack.template_id else None
    of = {"template": template.name if template else None, "templateVersion": version.template_version}
    return {"Code": 0, "Message": "", **head(stack, last), **of, **shown, "secret": version.secret, **parts}


async def drawn(services: Services, stack: Stack) -> dict[str, Any]:
    """A stack's relation graph with the apps' live status."""
    _, blueprint = await _document(services, stack)
    return await aside(graph, blueprint, await _live(services, stack))


async def _document(services: Services, stack: Stack) -> tuple[StackVersion, Blueprint]:
    """The version that is wanted, and what it describes."""
    version = await services.records.stacks.version(stack.id, stack.version)
    references = await services.records.configs.references(stack.project_id, stack.kind, without=stack.id, strict=False)
    return version, await aside(read_blueprint, stack.kind, version.content, stack.name, references=references, kept=True)


async def _live(services: Services, stack: Stack) -> dict[str, dict[str, Any]]:
    """By member name the app's reply, of those there are."""
    ids = await services.records.stacks.apps(stack.id)
    apps = await services.records.apps.by_ids(list(ids.values()))
    replies = {made["AppID"]: made for made in await apps_shown(services, stack.project, apps)}
    return {name: replies[app_id] for name, app_id in ids.items() if app_id in replies}


def _last(row: Row) -> Last:
    return Last(**{name: row[name] for name in Last.model_fields})


def _gone(last: Row) -> list[Gone]:
    return gone_of(_last(last), last["gone"])


def _apps(blueprint: Blueprint, live: dict[str, dict[str, Any]], gone: dict[str, str]) -> list[dict[str, Any]]:
    levels = blueprint.levels()
    lines = []
    for member in sorted(blueprint.members, key=lambda m: levels[m.name]):
        made = live.get(member.name, {})
        lines.append(
            {
                "service": member.name,
                "name": member.app,
                "order": levels[member.name],
                "AppID": made.get("AppID"),
                "Status": made.get("Status", "DELETED" if member.name in gone else "PENDING"),
                "InstanceSummary": made.get("InstanceSummary", ""),
                "Image": made.get("Image", member.image),
                "message": made.get("message") or gone.get(member.name, "" if made else "not begun"),
                "after": [_awaited(blueprint.member(name)) for name in member.after],
                "links": [_link(link.alias, blueprint.member(link.member)) for link in member.links],
            }
        )
    return lines


def _group(group: Configuration, held: Held | None) -> dict[str, Any]:
    """A configuration group, without contents."""
    return {
        "document": group.name,
        "name": group.group,
        "kind": group.kind,
        "entries": sorted(group.content),
        "version": held.group.version if held else None,
        "inCluster": held is not None and held.group.in_cluster,
    }


def _ingress(entrance: Entrance) -> dict[str, Any]:
    """An Ingress: its hosts, and what they need beside the platform."""
    return {
        "document": entrance.name,
        "name": entrance.ingress,
        "hosts": list(dict.fromkeys(route.host for route in entrance.routes)),
        "message": "The hosts lead to its Services where the cluster has an Ingress controller; the embedded cluster has none.",
    }


def _awaited(member: Member) -> dict[str, Any]:
    """What an app is started after, and when that lets it start."""
    return {"service": member.name, "name": member.app, "until": until(member)}


def _link(alias: str, member: Member) -> dict[str, Any]:
    """A link: what it reaches, under which name, on which ports."""
    return {"service": member.name, "alias": alias, "ports": [f"{a.port}/{a.protocol}" for a in member.answers]}
