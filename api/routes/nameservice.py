"""The name service: where an app's instances are reached from inside and outside the cluster (manual: 名字服务接口)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.access import Caller, allow
from api.app_operations import check_serves
from api.instances_found import app_meant
from api.services import Services, Using
from model.instances import address_of, node_ports
from model.manifests import selector
from model.nameservice import Wanted, addresses, why_none

router = APIRouter(prefix="/v2/nameservice", tags=["nameservice"])


@router.get("/{project}/{app}")
async def list_addresses(
    services: Using,
    caller: Annotated[Caller, allow("app:read")],
    project: str,
    app: str,
    wanted: Annotated[Wanted, Query()],
) -> dict[str, Any]:
    """List the addresses of the app's instances that serve now, all or those of a `port`, `protocol` or `instanceName`.

    `privateAddr` is inside the cluster, `publicAddr` outside it, empty unless the networkType is NAT. `name` resolves inside the
    cluster: of a general service (TApp) to that instance, of a microservice to all that serve.
    """
    found = await app_meant(services, project, app)
    check_serves(found, "nothing is reached at it")
    pods = (await services.cluster.list("Pod", project, labelSelector=selector(found.id)))["items"]
    service = await services.cluster.find("Service", app, project)
    hosts = await _hosts(services) if node_ports(service) else {}
    content = addresses(found, pods, service, hosts, wanted)
    if content:
        return {"Code": 0, "Message": "", "content": content}
    spec = (await services.records.apps.revision(found.id, found.revision)).spec
    opens = any(container.ports for container in spec.containers)
    return {"Code": 0, "Message": why_none(found, service, wanted, opens=opens), "content": content}


async def _hosts(services: Services) -> dict[str, str]:
    """By node its address."""
    return {node["metadata"]["name"]: address_of(node) for node in (await services.cluster.list("Node"))["items"]}
