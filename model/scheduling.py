"""Probes, lifecycle and affinity, named as Kubernetes names them; only what a tenant may say (Kubernetes: Pod v1)."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from model.base import Input

PortNumber = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=0, le=86400)]
Weight = Annotated[int, Field(ge=1, le=100)]


class HttpHeader(Input):
    """A header a probe sends."""

    name: str
    value: str


class HttpGet(Input):
    """Probe by HTTP; there is no `host`: a probe asks the instance itself."""

    path: str = "/"
    port: PortNumber
    scheme: Literal["HTTP", "HTTPS"] = "HTTP"
    http_headers: list[HttpHeader] = []


class TcpSocket(Input):
    """Probe by opening a connection."""

    port: PortNumber


class ExecAction(Input):
    """Probe by running a command in the container; 0 is success."""

    command: Annotated[list[str], Field(min_length=1)]


class Grpc(Input):
    """Probe by the gRPC health protocol."""

    port: PortNumber
    service: str = ""


class Probe(Input):
    """One probe; exactly one of httpGet, tcpSocket, exec and grpc."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    exec: ExecAction | None = None
    grpc: Grpc | None = None
    initial_delay_seconds: Seconds = 0
    period_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 1
    success_threshold: Annotated[int, Field(ge=1, le=1000)] = 1
    failure_threshold: Annotated[int, Field(ge=1, le=1000)] = 3

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        if sum(a is not None for a in (self.http_get, self.tcp_socket, self.exec, self.grpc)) != 1:
            raise ValueError("must have exactly one of httpGet, tcpSocket, exec and grpc")
        return self


class ReadinessProbe(Probe):
    """The probe that decides whether an instance serves; `none` says that nothing is asked, where a default would be."""

    none: bool = False

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        if sum(a is not None for a in (self.http_get, self.tcp_socket, self.exec, self.grpc, self.none or None)) != 1:
            raise ValueError('must have exactly one of httpGet, tcpSocket, exec and grpc, or be {"none": true}')
        return self


class Sleep(Input):
    """A wait in the kubelet itself: the image needs no program for it."""

    seconds: Annotated[int, Field(ge=0, le=3600)]


class PreStop(Input):
    """What happens before a container is told to end."""

    sleep: Sleep

    @model_validator(mode="before")
    @classmethod
    def _wrong_only(cls, value: Any) -> Any:
        return _filled(value, {"sleep": _NO_WAIT})


class Lifecycle(Input):
    """What happens around a container's end; 0 seconds turn a default off."""

    pre_stop: PreStop

    @model_validator(mode="before")
    @classmethod
    def _wrong_only(cls, value: Any) -> Any:
        return value if isinstance(value, dict) and "pre_stop" in value else _filled(value, {"preStop": {"sleep": _NO_WAIT}})


_NO_WAIT = {"seconds": 0}


def _filled(value: Any, needed: dict[str, Any]) -> Any:
    """What is said, with what is needed where it says something else instead: then only that is told, which is refused."""
    return needed | value if isinstance(value, dict) and value else value


class Expression(Input):
    """A requirement on a label."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: list[str] = []


class LabelSelector(Input):
    """Which pods are meant."""

    match_labels: dict[str, str] = {}
    match_expressions: list[Expression] = []


class NodeTerm(Input):
    """All of these hold for a node."""

    match_expressions: list[Expression] = []
    match_fields: list[Expression] = []


class NodeSelector(Input):
    """One of these terms holds."""

    node_selector_terms: Annotated[list[NodeTerm], Field(min_length=1)]


class PreferredNode(Input):
    """A preference among nodes."""

    weight: Weight
    preference: NodeTerm


class NodeAffinity(Input):
    """Which nodes."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: list[PreferredNode] = []


class PodTerm(Input):
    """Near to, or away from, pods of this project that match."""

    label_selector: LabelSelector
    topology_key: str


class PreferredPod(Input):
    """A preference about neighbours."""

    weight: Weight
    pod_affinity_term: PodTerm


class PodAffinity(Input):
    """Which neighbours."""

    required_during_scheduling_ignored_during_execution: list[PodTerm] = []
    preferred_during_scheduling_ignored_during_execution: list[PreferredPod] = []


class Affinity(Input):
    """Where instances go; pod terms always mean the app's own project."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None
