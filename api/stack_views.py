"""Stacks as replies: the head with its newest operation, the apps in their order, the relation graph."""

from typing import Any

from api.apps_shown import shown
from api.services import Services
from model.blueprints import Blueprint, Member
from model.relations import graph
from model.stack_documents import read_blueprint
from model.stacks import Stack, stack_status
from records.store import Row


async def newest(services: Services, stacks: list[Stack]) -> dict[str, Row]:
    """By stack id its newest operation."""
    return await services.records.stacks.last_operations(stacks[0].project_id, [s.id for s in stacks]) if stacks else {}


def head(stack: Stack, last: Row) -> dict[str, Any]:
    """A stack as a line of a list."""
    return {
        "stackInstanceName": stack.name,
        "id": stack.id,
        "cluster": stack.cluster,
        "kind": stack.kind,
        "version": stack.version,
        "templateId": stack.template_id,
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


async def whole(services: Services, stack: Stack) -> dict[str, Any]:
    """A stack with its document and its apps."""
    last = (await newest(services, [stack]))[stack.id]
    blueprint = read_blueprint(stack.kind, stack.content, stack.name)
    live = await _live(services, stack)
    return {"Code": 0, "Message": "", **head(stack, last), "content": stack.content, "apps": _apps(blueprint, live)}


async def drawn(services: Services, stack: Stack) -> dict[str, Any]:
    """A stack's relation graph with the apps' live status."""
    return graph(read_blueprint(stack.kind, stack.content, stack.name), await _live(services, stack))


async def _live(services: Services, stack: Stack) -> dict[str, dict[str, Any]]:
    """By member name the app's reply, of those there are."""
    ids = await services.records.stacks.apps(stack.id)
    apps = await services.records.apps.by_ids(list(ids.values()))
    replies = {made["AppID"]: made for made in await shown(services, stack.project, apps)}
    return {name: replies[app_id] for name, app_id in ids.items() if app_id in replies}


def _apps(blueprint: Blueprint, live: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
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
                "Status": made.get("Status", "PENDING"),
                "InstanceSummary": made.get("InstanceSummary", ""),
                "Image": made.get("Image", member.image),
                "message": made.get("message", "not begun"),
                "links": [_link(link.alias, blueprint.member(link.member)) for link in member.links],
            }
        )
    return lines


def _link(alias: str, member: Member) -> dict[str, Any]:
    """A link: what it reaches, under which name, on which ports."""
    return {"service": member.name, "alias": alias, "ports": [f"{a.port}/{a.protocol}" for a in member.answers]}
