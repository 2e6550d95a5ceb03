"""Objects of any kind that stand in a namespace, also of kinds that the platform makes none of, by metadata only."""

from urllib.parse import quote

from clients.kubernetes import METADATA_LIST, METADATA_ONLY, Cluster, Object
from model.errors import NotFound


async def left_in(cluster: Cluster, namespace: str, resource: str) -> list[Object]:
    """The objects of a resource (`configmaps`, `widgets.example.com`); raises NotFound where the cluster knows no such resource."""
    listed = await cluster.ask("GET", await _place(cluster, namespace, resource), accept=METADATA_LIST)
    found: list[Object] = listed["items"] or []
    return found


async def find_object(cluster: Cluster, namespace: str, thing: str) -> Object | None:
    """One object by resource and name (`configmaps/settings`), None when there is none; `namespaces/<name>` is the namespace.

    Raises NotFound where the cluster knows no such resource.
    """
    path = await _path(cluster, namespace, thing)
    try:
        return await cluster.ask("GET", path, accept=METADATA_ONLY)
    except NotFound:
        return None


async def set_finalizers(cluster: Cluster, namespace: str, thing: str, found: Object, finalizers: list[str]) -> None:
    """Leave an object these finalizers, as it was `found`; raises NotFound, and Conflict where it is another or was changed."""
    metadata = {name: found["metadata"][name] for name in ("uid", "resourceVersion")} | {"finalizers": finalizers}
    path, change = await _path(cluster, namespace, thing), {"metadata": metadata}
    await cluster.ask("PATCH", path, change, content_type="application/merge-patch+json", accept=METADATA_ONLY)


async def _path(cluster: Cluster, namespace: str, thing: str) -> str:
    resource, _, name = thing.partition("/")
    if resource == "namespaces":
        return f"/api/v1/namespaces/{quote(name, safe='')}"
    return f"{await _place(cluster, namespace, resource)}/{quote(name, safe='')}"


async def _place(cluster: Cluster, namespace: str, resource: str) -> str:
    """The collection's path, in the version that the cluster prefers of those that have it (Kubernetes: Discovery API)."""
    plural, _, group = resource.partition(".")
    meant = ""
    for root in await _versions(cluster, group) if group else ["/api/v1"]:
        for one in (await cluster.ask("GET", root))["resources"]:
            if one["namespaced"] and one["name"] == plural:
                return f"{root}/namespaces/{quote(namespace, safe='')}/{quote(plural, safe='')}"
            if one["namespaced"] and plural in (one.get("singularName"), *one.get("shortNames", [])):
                meant = f"{one['name']}.{group}".rstrip(".")
    write = f"Write {meant}" if meant else "Write its plural with its group"
    raise NotFound(
        f"The cluster has no resource {resource!r} in namespaces.",
        hint=f"{write}, as failed deletions do: configmaps/settings, jobs.batch/nightly.",
    )


async def _versions(cluster: Cluster, group: str) -> list[str]:
    """The paths of the group's served versions, the preferred one first; none where there is no such group."""
    try:
        known = await cluster.ask("GET", f"/apis/{quote(group, safe='')}")
    except NotFound:
        return []
    served = [known["preferredVersion"], *known["versions"]]
    return list(dict.fromkeys(f"/apis/{one['groupVersion']}" for one in served))
