"""Stacks: the apps of one deployed document, started in the order of their links (manual, compose编排接口)."""

import hashlib
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from model.app_bodies import words
from model.apps import AppSpec, ContainerSpec, EnvVar, HostAlias, Resources
from model.apps import Port as AppPort
from model.base import Frozen, Input
from model.compose import Compose, Port, Service
from model.errors import BY_REASON, Evidence, InternalError, MooringError, OperationError
from model.operations import Ask, Status
from model.pod_templates import APP

STACK_ID = "mooring.io/stack-id"
# A link without any port said: the address then answers on the port that such images have always served.
ASSUMED_PORT = Port(container=80, protocol="tcp")


class NewStack(Input):
    """Body of POST /v2/composes/{project}: the manual's two fields, and more."""

    stack_instance_name: str
    content: str
    cluster: str | None = None
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] | None = None


class Stack(Frozen):
    """A deployed document; `name` is the deployment's, `content` what was sent last."""

    id: str
    project: str
    project_id: str
    name: str
    cluster: str
    content: str
    created_at: datetime
    created_by: str


class StackAsk(Ask):
    """Input of every operation on a stack: the stack by reference, never its document."""

    stack_id: str


class DeployStack(StackAsk):
    """Input of stack.deploy."""


class DeleteStack(StackAsk):
    """Input of stack.delete."""


class Plan(Frozen):
    """The parts of a stack by service name in their order, each with those it comes after.

    `addresses` has what links to a service resolve to, by service name.
    """

    after: dict[str, tuple[str, ...]]
    addresses: dict[str, str] = {}


class Part(Frozen):
    """One app of a stack, for the step that accepts its child operation; `seconds` is the child's deadline.

    `addresses` has those of the services it comes after.
    """

    ask: StackAsk
    service: str
    seconds: int
    addresses: dict[str, str] = {}


def stack_status(kind: str, status: str) -> str:
    """A stack's own state, by its newest operation: DEPLOYING, DEPLOYED, FAILED, CANCELLED or DELETING."""
    if kind == "stack.delete":
        return "FAILED" if status == Status.FAILED else "DELETING"
    ended = {Status.SUCCEEDED: "DEPLOYED", Status.FAILED: "FAILED", Status.CANCELLED: "CANCELLED"}
    return ended.get(Status(status), "DEPLOYING")


def app_name(stack: str, service: str) -> str:
    """What the app of a service is called (mission D).

    >>> app_name("compose", "c1")
    'compose-c1'
    """
    return f"{stack}-{service}"


def app_spec(name: str, service: Service, addresses: dict[str, str]) -> AppSpec:
    """The app a service means; `addresses` has the linked services' addresses by service name.

    `command` replaces the image's cmd and leaves its entrypoint, `cpu_shares` is a weight and so a request without a limit
    (docker-compose v1: command, cpu_shares).
    """
    hostnames: dict[str, list[str]] = {}
    for link in service.links:
        hostnames.setdefault(addresses[link.service], []).append(link.alias)
    container = ContainerSpec(
        name=name,
        image=service.image,
        args=words(service.command),
        cmd=service.command,
        env=tuple(EnvVar(name=key, value=value) for key, value in service.environment),
        ports=tuple(AppPort(protocol=p.protocol, container_port=p.container) for p in service.ports or service.expose),
        resources=Resources(
            cpu_request=None if service.cpu is None else f"{service.cpu}m",
            mem=None if service.memory is None else str(service.memory),
        ),
    )
    aliases = tuple(HostAlias(ip=ip, hostnames=tuple(names)) for ip, names in hostnames.items())
    return AppSpec(containers=(container,), network_type=2 if service.ports else 0, host_aliases=aliases)


def link_ports(service: Service) -> tuple[Port, ...]:
    """The ports a linked service's address answers on: all it names, else the assumed one."""
    return tuple(dict.fromkeys([*service.ports, *service.expose])) or (ASSUMED_PORT,)


def link_service(stack: Stack, service: Service) -> dict[str, Any]:
    """The Service whose address a linked app's aliases stand for; it outlives the app's own, so a kill and start keep it."""
    digest = hashlib.sha256(f"{stack.id}/{service.name}".encode()).hexdigest()
    app = app_name(stack.name, service.name)
    labels = {"app.kubernetes.io/managed-by": "mooring", "app.kubernetes.io/name": app, STACK_ID: stack.id}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"link-{digest[:20]}", "namespace": stack.project, "labels": labels},
        "spec": {
            "type": "ClusterIP",
            "selector": {APP: app},
            "ports": [
                {
                    "name": f"{port.protocol}-{port.container}",
                    "protocol": port.protocol.upper(),
                    "port": port.container,
                    "targetPort": port.container,
                }
                for port in link_ports(service)
            ],
        },
    }


def linked(compose: Compose) -> list[Service]:
    """The services that another one links, in the document's order."""
    names = {link.service for service in compose.services for link in service.links}
    return [service for service in compose.services if service.name in names]


def failure(failed: dict[str, tuple[str | None, OperationError]], left: list[str]) -> MooringError:
    """Why a stack's operation failed: the first failed app's own reason, with every failed child's operation as evidence.

    `failed` has, by app name, the child operation's id where there is one and its error; `left` the apps not begun.
    """
    first, (_, error) = next(iter(failed.items()))
    kind = BY_REASON.get(error.reason, InternalError)
    seen = [
        Evidence(type="operation", source=operation or app, text=f"{app}: {told.reason}: {told.message}")
        for app, (operation, told) in failed.items()
    ]
    others = f" {len(failed) - 1} more failed: {', '.join(list(failed)[1:])}." if len(failed) > 1 else ""
    waiting = f" Not begun, because they depend on it: {', '.join(left)}." if left else ""
    hint = f"{error.hint} Retrying this operation goes on from {first}; what is ready already stays as it is."
    return kind(f"The app {first} failed: {error.message}{others}{waiting}", hint=hint, evidence=[*seen, *error.evidence])
