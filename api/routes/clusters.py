"""Clusters: what their hosts have, and who uses it."""

from typing import Annotated, Any

from fastapi import APIRouter

from api.access import Caller, allow
from api.aside import aside
from api.parameters import Page, Size
from api.services import Services, Using
from model.apps import DEFAULT_CLUSTER
from model.capacity import Host, hosts, total
from model.errors import NotFound

router = APIRouter(prefix="/v2/clusters", tags=["clusters"])


@router.get("/{cluster}/hosts")
async def list_hosts(
    services: Using, caller: Annotated[Caller, allow(None)], cluster: str, size: Size = 10, page: Page = 0
) -> dict[str, Any]:
    """List a cluster's hosts: capacity, allocatable, requested and free, and of each project what its instances have asked for.

    A platform admin sees the shares of all projects, others those of their own beside what is asked for in all. `total` is the
    number of hosts, `all` the sums over them.
    """
    if cluster != DEFAULT_CLUSTER:
        raise NotFound(f"There is no cluster {cluster!r}.", hint=f"This platform has {DEFAULT_CLUSTER!r}.")
    seen = None if caller.actor.admin else frozenset(caller.actor.roles)
    found = await services.hosts.get(cluster, lambda: _read(services))
    shown = [host.seen_by(seen).model_dump(by_alias=True) for host in found[page * size : (page + 1) * size]]
    sums = {name: amounts.model_dump(by_alias=True) for name, amounts in total(found).items()}
    return {"total": len(found), "page": page, "size": size, "hosts": shown, "all": sums}


async def _read(services: Services) -> list[Host]:
    nodes = (await services.cluster.list("Node"))["items"]
    bound = (await services.cluster.list("Pod", fieldSelector="spec.nodeName!="))["items"]
    return await aside(hosts, nodes, bound)  # of thousands of pods it takes a while
