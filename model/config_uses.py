"""Which app uses which entry: read off specs, and off the pods that run (manual, 配置管理 2.3: 关联应用)."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from model.apps import AppSpec
from model.base import Frozen
from model.config_mounts import ConfigUse
from model.configs import ConfigKind, Entry, variable_rule
from model.errors import Conflict, Problem
from model.pod_templates import APP, APP_ID
from model.pods import runs_to_end

Object = dict[str, Any]
_NAMED = 10


class Use(Frozen):
    """One entry in one app, as files in `mount_path` or as a variable; `app_id` of a pod is the label, 32 digits.

    What `runs_to_end` reads a changed entry at its next run: it is not restarted for it.
    """

    app_id: str
    app_name: str
    kind: ConfigKind
    group: str
    key: str
    type: Literal["Volume", "Env"]
    mount_path: str = ""
    runs_to_end: bool = False


def uses_of_spec(app_id: str, app_name: str, spec: AppSpec) -> set[Use]:
    """What a spec asks for, whatever of it is overridden."""
    who = {"app_id": app_id, "app_name": app_name, "runs_to_end": spec.job is not None}
    return {
        Use(**who, kind=kind, group=use.name, key=key, type=use.type, mount_path=use.mount_path or "")
        for container in spec.containers
        for kind, _, use in container.uses
        for key in use.key
    }


def uses_of_pod(pod: Object) -> set[Use]:
    """What an instance that exists was made with, read off itself (Kubernetes: Pod v1, projected volumes and env valueFrom)."""
    labels, found = pod["metadata"].get("labels", {}), set()
    who = {"app_id": labels.get(APP_ID, ""), "app_name": labels.get(APP, ""), "runs_to_end": runs_to_end(pod)}
    sources = {v["name"]: v["projected"].get("sources", []) for v in pod["spec"].get("volumes", []) if "projected" in v}
    for container in pod["spec"]["containers"]:
        for mount in container.get("volumeMounts", []):
            for source in sources.get(mount["name"], []):
                for kind in ConfigKind:
                    chosen = source.get(kind.field, {})
                    for item in chosen.get("items", []):
                        place = {"type": "Volume", "mount_path": mount["mountPath"]}
                        found.add(Use(kind=kind, group=chosen["name"], key=item["key"], **place, **who))
        for variable in container.get("env", []):
            for kind in ConfigKind:
                if ref := variable.get("valueFrom", {}).get(f"{kind.field}KeyRef"):
                    found.add(Use(kind=kind, group=ref["name"], key=ref["key"], type="Env", **who))
    return found


def counted(uses: Iterable[Use], entries: Iterable[str]) -> dict[str, int]:
    """By entry how many apps use it (appMapNum)."""
    apps: dict[str, set[str]] = {name: set() for name in entries}
    for use in uses:
        if use.key in apps:
            apps[use.key].add(use.app_id)
    return {name: len(ids) for name, ids in apps.items()}


def check_free(kind: ConfigKind, group: str, forbidden: Mapping[str, str], uses: Iterable[Use]) -> None:
    """Raise Conflict naming the apps when one of the entries is in use; `forbidden` says what must not happen to it."""
    users: dict[str, set[str]] = {}
    for use in uses:
        if use.key in forbidden:
            users.setdefault(use.key, set()).add(use.app_name)
    if users:
        told = "; ".join(
            f"the entry {key!r} cannot {forbidden[key]}: {_names(users[key])} use{'s' if len(users[key]) == 1 else ''} it"
            for key in sorted(users)[:_NAMED]
        )
        raise Conflict(
            f"{kind.object} {group!r}: {told}.",
            hint="Delete those apps, or roll them out without the entry, first.",
        )


def _names(names: set[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ("the app " if len(shown) == 1 else "the apps ") + ", ".join(shown[:_NAMED]) + more


def problems_of(spec: AppSpec, groups: Mapping[tuple[ConfigKind, str], Mapping[str, Entry] | None]) -> list[Problem]:
    """What a spec asks for that the groups do not have; None stands for a group that does not exist."""
    found = []
    for container in spec.containers:
        for kind, index, use in container.uses:
            entries, place = groups[kind, use.name], f"{kind.field}.{index}"
            if entries is None:
                found.append(Problem(field=f"{place}.name", message=f"there is no {kind} {use.name!r} in this project"))
                continue
            for number, key in enumerate(use.key):
                rule = _usable(key, use, entries)
                found += [Problem(field=f"{place}.key.{number}", message=rule)] if rule else []
    return found


def _usable(key: str, use: ConfigUse, entries: Mapping[str, Entry]) -> str | None:
    if key not in entries:
        there = ", ".join(sorted(entries)[:_NAMED]) or "no entries at all"
        return f"{use.name!r} has no entry {key!r}; it has {there}"
    if use.type == "Env" and not entries[key].text:
        return f"{key!r} is binary and cannot be an environment variable; use it as a file"
    rule = variable_rule(use.called(key)) if use.type == "Env" else None
    return f"{use.called(key)!r} {rule}" if rule else None
