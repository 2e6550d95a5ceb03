"""What the scenarios of apps are given: a project with the app `web`, one small instance of it."""

from typing import Any

from tests.platform import Platform

WEB: dict[str, Any] = {
    "name": "web",
    "imageRef": "busybox",
    "cmd": "httpd -f -p 8080",
    "terminationGracePeriodSeconds": 1,
    "portMappings": [{"protocol": "TCP", "containerPort": "8080"}],
}

_SERVICE = "  image: busybox\n  command: sh -c 'trap exit TERM; while :; do sleep 1; done'\n"
STACK = {"stackInstanceName": "shop", "content": f"web:\n{_SERVICE}  links: [api]\napi:\n{_SERVICE}"}


def web(project: str, verb: str = "") -> str:
    """The path of the app, or of what is done to it."""
    return f"/v2/applications/{project}/web" + (f"/{verb}" if verb else "")


async def running(platform: Platform) -> str:
    """The project, once `web` runs in it."""
    project = await platform.project("crash")
    await platform.done("POST", f"/v2/applications/{project}", WEB)
    return project


async def shown(platform: Platform, project: str) -> Any:
    """The end state as the API tells it."""
    listed = await platform.get(f"/v2/applications/{project}")
    return [(app["Name"], app["Status"], app["InstanceNum"], app["Image"]) for app in listed["applications"]]
