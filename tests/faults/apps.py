"""What the scenarios of apps are given: a project with the app `web`, a Deployment of one small instance or a TApp of three."""

from typing import Any

from tests.images import publish
from tests.platform import Platform

WEB: dict[str, Any] = {
    "name": "web",
    "imageRef": "busybox",
    "cmd": "httpd -f -p 8080",
    "minReadySeconds": 0,
    "terminationGracePeriodSeconds": 1,
    "portMappings": [{"protocol": "TCP", "containerPort": "8080"}],
}
TAPP = WEB | {"type": "TApp", "instanceNum": 3}
JOB = {"name": "web", "type": "Job", "imageRef": "busybox", "cmd": "sleep 1", "instanceNum": 2, "parallelism": 2}

# busybox serves an empty directory: "not found" is its answer.
GATED = [{"http": {"port": 8080, "expectStatus": 404}}]

# A probe of its own, as minReadySeconds 0 above: what one takes to be proved without says nothing about a crash.
_SERVICE = (
    "  image: busybox\n  command: sh -c 'httpd -p 8080; trap exit TERM; while :; do sleep 1; done'\n"
    "  x-mooring:\n    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}\n"
)
STACK = {"stackInstanceName": "shop", "content": f"web:\n{_SERVICE}  links: [api]\napi:\n{_SERVICE}"}


def web(project: str, verb: str = "") -> str:
    """The path of the app, or of what is done to it."""
    return f"/v2/applications/{project}/web" + (f"/{verb}" if verb else "")


async def running(platform: Platform) -> str:
    """The project, once `web` runs in it."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/applications/{project}", WEB)
    return project


async def tapp(platform: Platform) -> str:
    """The project, once the three instances of a TApp `web` run in it."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/applications/{project}", TAPP)
    return project


async def job(platform: Platform) -> str:
    """The project, once a Job `web` has run in it."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/applications/{project}", JOB)
    return project


async def ran(platform: Platform, project: str) -> Any:
    """The end state as the API tells it, with every try of every run."""
    listed = await platform.get(f"/v2/instances/{project}/web/lists", size=200)
    tries = sorted((one["version"], one["status"], one["restarts"]) for one in listed["instances"])
    return [await versions(platform, project), tries]


async def other_image() -> str:
    """The image of another version, with another digest than the app's; the same in every run."""
    await publish("other", "other")
    return "busybox:other"


def instance(project: str, index: int, verb: str) -> str:
    """The path of what is done to one instance of the TApp."""
    return f"/v2/instances/{project}/web-{index}/{index}/{verb}"


async def versions(platform: Platform, project: str) -> Any:
    """The end state as the API tells it, with the version of each instance."""
    app = await platform.get(web(project))
    return [app["Status"], app["InstanceNum"], app["InstanceSummary"], app["versions"]]


async def several(platform: Platform) -> str:
    """The project, once two instances of `web` run in it."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/applications/{project}", {**WEB, "instanceNum": 2})
    return project


async def shown(platform: Platform, project: str) -> Any:
    """The end state as the API tells it."""
    listed = await platform.get(f"/v2/applications/{project}")
    return [(app["Name"], app["Status"], app["InstanceNum"], app["Image"]) for app in listed["applications"]]
