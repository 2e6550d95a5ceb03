"""Configuration groups as replies, the apps that use them counted (manual: ConfigMap接口, Secret接口)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from api.access import Caller
from api.services import Services
from model.config_mounts import CONFIGURED
from model.config_uses import Use, counted
from model.configs import ConfigKind, Entry, Group, GroupVersion, is_text, written
from model.errors import ClusterUnreachable
from model.projects import Project
from records import Records


async def used(services: Services, records: Records, project: Project) -> set[Use]:
    """Who uses which entry: by the record, and by the instances that are there, of whichever version; raises ClusterUnreachable."""
    pods = (await services.cluster.list("Pod", project.name, labelSelector=CONFIGURED))["items"]
    return await records.configs.used(project.id, pods)


async def used_now(services: Services, project: Project) -> tuple[set[Use], str]:
    """The same for a reply: where the cluster does not answer, by the record alone, and words that say so."""
    try:
        return await used(services, services.records, project), ""
    except ClusterUnreachable as error:
        told = f"{error.message} appMapNum counts by the record alone, without instances of earlier versions."
        return await services.records.configs.uses(project.id), told


def of_group(uses: Iterable[Use], group: Group) -> list[Use]:
    """The uses of one group's entries."""
    return [use for use in uses if (use.kind, use.group) == (group.kind, group.name)]


def head(group: Group, version: GroupVersion) -> dict[str, Any]:
    """A group without its contents, as lists show it."""
    return {
        "name": group.name,
        "projectName": group.project,
        "created_at": group.created_at.isoformat(),
        "userName": group.created_by,
        "configNum": len(version.entries),
        "version": version.number,
        "updatedAt": version.created_at.isoformat(),
        "updatedBy": version.created_by,
        "inCluster": group.in_cluster,
    }


async def contents(
    services: Services, caller: Caller, group: Group, version: GroupVersion, *, known: Sequence[str] = ()
) -> dict[str, Any]:
    """`data` and, for what is binary in a ConfigMap, `encoding`.

    Whoever may not read secrets gets the entries' names with empty values. That somebody is shown a secret is recorded, but
    for the entries that are `known`: the caller has just sent them.
    """
    if group.kind is ConfigKind.SECRET and not may_read(caller, group):
        return {"data": dict.fromkeys(version.entries, ""), "valuesHidden": True}
    found = await services.records.configs.contents(version.entries)
    told = [name for name in found if name not in known]
    if group.kind is ConfigKind.SECRET and told:
        await services.records.configs.note_read(group, version.number, told, caller.actor.name)
    return _data(group.kind, found)


def may_read(caller: Caller, group: Group) -> bool:
    """Whether the caller may be shown the values of the group's entries."""
    return group.kind is ConfigKind.CONFIGMAP or caller.actor.may("secret:read", caller.project)


def entry_lines(group: Group, entries: Mapping[str, Entry], uses: Iterable[Use]) -> dict[str, Any]:
    """What is known of the entries beside their values."""
    sizes = {name: {"size": entry.size, "text": entry.text} for name, entry in entries.items()}
    return {"appMapNum": counted(of_group(uses, group), entries), "entries": sizes}


def apps_reply(uses: Iterable[Use], key: str) -> dict[str, Any]:
    """The apps that use one entry, and how (manual: 获取ConfigMap某个Key关联的app信息)."""
    lines = sorted({(u.app_name, u.app_id, u.type, u.mount_path) for u in uses if u.key == key})
    return {"content": [{"appId": app_id, "appName": name, "type": type, "mountPath": path} for name, app_id, type, path in lines]}


def restarts(group: Group, uses: Iterable[Use], keys: Sequence[str]) -> dict[str, Any]:
    """Which apps read a changed entry only when they start: said in words, and where each is restarted."""
    needing: dict[tuple[str, str], list[str]] = {}
    for use in uses:
        if use.type == "Env" and use.key in keys and not use.runs_to_end:
            needing.setdefault((use.app_name, use.app_id), []).append(use.key)
    if not needing:
        return {}
    names = ", ".join(name for name, _ in sorted(needing))
    apps = f"/v2/applications/{group.project}"
    lines = [
        {"appId": app_id, "appName": name, "entries": sorted(set(found)), "restart": f"{apps}/{name}/restart"}
        for (name, app_id), found in sorted(needing.items())
    ]
    told = f"As environment variables the entries are read when an instance starts: restart {names} (POST to `restart`)."
    return {"message": told, "restartNeeded": lines}


def version_line(group: Group, version: GroupVersion) -> dict[str, Any]:
    """One line of the versions list."""
    return {
        "version": version.number,
        "current": version.number == group.version,
        "createdAt": version.created_at.isoformat(),
        "createdBy": version.created_by,
        "reason": version.reason,
        "changes": [change.model_dump() for change in version.changes],
        "entries": sorted(version.entries),
    }


def _data(kind: ConfigKind, found: Mapping[str, bytes]) -> dict[str, Any]:
    binary = {name: "base64" for name, value in found.items() if kind is ConfigKind.CONFIGMAP and not is_text(value)}
    return {"data": {name: written(kind, value) for name, value in found.items()}, **({"encoding": binary} if binary else {})}
