"""Where an app is reached: its instances' addresses, and the names that lead to them (manual: 名字服务接口)."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field, field_validator

from model.apps import App
from model.base import Input
from model.instances import Instance, host_of, instances_of, port_mappings
from model.pods import Object, is_ready, leaves


class Wanted(Input):
    """The query: which addresses are asked for; what is empty asks for all (manual: default "")."""

    port: int | None = Field(default=None, ge=1, le=65535)
    protocol: str | None = None
    instance_name: str | None = None

    @field_validator("port", "protocol", "instance_name", mode="before")
    @classmethod
    def _empty_is_all(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("protocol")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value.lower() not in ("tcp", "udp"):
            raise ValueError("must be tcp or udp")
        return value.lower() if value else None


def addresses(
    app: App, pods: Iterable[Object], service: Object | None, hosts: Mapping[str, str], wanted: Wanted
) -> list[dict[str, Any]]:
    """A line for each wanted port of each instance that serves; `hosts` has the nodes' addresses by node."""
    lines = []
    for instance in instances_of(app, pods):
        pod = instance.pod
        if pod is None or not is_ready(pod) or leaves(pod) or wanted.instance_name not in (None, instance.name):
            continue
        for port in port_mappings(pod, service, hosts.get(pod["spec"].get("nodeName", ""), "")):
            if wanted.port in (None, port["containerPort"]) and wanted.protocol in (None, port["protocol"]):
                lines.append(_line(instance, port))
    return lines


def _line(instance: Instance, port: Mapping[str, Any]) -> dict[str, Any]:
    outside = f"{host_of(port['hostIp'])}:{port['hostPort']}" if port["hostIp"] else ""
    return {
        "instanceName": instance.name,
        "protocol": port["protocol"],
        "port": port["containerPort"],
        "privateAddr": port["privateAddr"],
        "publicAddr": outside,
        "name": instance.dns_name,
    }


def why_none(app: App, service: Object | None, wanted: Wanted, *, opens: bool) -> str:
    """Why there is no address, in words; `opens` is whether the version in force has ports."""
    if service is None and opens:
        return f"The app {app.name!r} has no address yet: that comes with its instances. Its status says how far it is."
    if service is None:
        return f"The app {app.name!r} opens no ports. Name them in portMappings."
    opened = [(port["targetPort"], port["protocol"].lower()) for port in service["spec"]["ports"]]
    if not any(wanted.port in (None, port) and wanted.protocol in (None, protocol) for port, protocol in opened):
        named = ", ".join(f"{port}/{protocol}" for port, protocol in opened)
        return f"The app {app.name!r} does not open that port. It opens {named}; others are named in portMappings."
    asked = [f"port {wanted.port}"] if wanted.port else []
    asked += [wanted.protocol] if wanted.protocol else []
    asked += [f"the instance {wanted.instance_name!r}"] if wanted.instance_name else []
    of = f" with {', '.join(asked)}" if asked else ""
    return f"No instance of the app {app.name!r} serves now{of}. The list of its instances says why."
