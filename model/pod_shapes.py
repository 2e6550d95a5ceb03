"""The parts of a pod document, their keys named as Kubernetes names them, and why others are refused (Kubernetes: Pod v1)."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from model.app_bodies import Argument, Cpu, Disk, EnvName, Labels, Memory, Priority, Protocol
from model.apps import MOST_INSTANCES
from model.base import Input
from model.directories import Directory
from model.names import DNS_LABEL
from model.scheduling import Affinity, Probe

MOST_CONTAINERS = 20
_LONGEST_CONTAINER = 58  # its directories are volumes named "<container>-data", of at most 63 characters
_FIELDS = re.compile(
    r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']{1,300}'\])|spec\.nodeName|status\.(podIPs?|hostIPs?)"
)

_HOST = "reaches for the host and is refused"
_STORE = "is no volume of a pod here; name the group under configMap or secret of the app"
_LATER = "is not carried out; remove it"
_DISK = "is refused here; deploy an app with a cloud disk for data that must last"
REFUSED: dict[str, str] = {
    **dict.fromkeys(("hostPath", "hostNetwork", "hostPID", "hostIPC", "hostUsers", "hostPort", "hostIP", "procMount"), _HOST),
    **dict.fromkeys(("securityContext", "volumeDevices", "setHostnameAsFQDN", "runtimeClassName"), _HOST),
    **dict.fromkeys(("serviceAccount", "serviceAccountName", "automountServiceAccountToken"), "no instance acts on the cluster"),
    **dict.fromkeys(("configMap", "secret", "projected"), _STORE),
    **dict.fromkeys(("persistentVolumeClaim", "nfs", "iscsi", "cephfs", "rbd", "csi", "ephemeral", "local", "glusterfs"), _DISK),
    **dict.fromkeys(("initContainers", "ephemeralContainers", "lifecycle", "resizePolicy", "envFrom", "resourceFieldRef"), _LATER),
    **dict.fromkeys(("tolerations", "topologySpreadConstraints", "schedulerName", "nodeName", "dnsPolicy", "dnsConfig"), _LATER),
    **dict.fromkeys(("hostAliases", "hostname", "subdomain", "stdin", "stdinOnce", "tty", "workingDir", "subPath"), _LATER),
    **dict.fromkeys(("subPathExpr", "mountPropagation", "medium", "preemptionPolicy", "activeDeadlineSeconds"), _LATER),
    **dict.fromkeys(("terminationMessagePath", "terminationMessagePolicy", "readinessGates", "overhead", "os"), _LATER),
    **dict.fromkeys(("configMapKeyRef", "secretKeyRef"), "is not carried out; name the group under configMap or secret of the app"),
    "imagePullPolicy": "has no meaning here: a tag is resolved to a digest when the app is deployed; remove it",
    "imagePullSecrets": "has no meaning here: the platform's own registry needs none; remove it",
    "apiVersion": "belongs to a Kubernetes document; write the pod's own keys at the top level",
    "kind": "belongs to a Kubernetes document; write the pod's own keys at the top level",
    "metadata": "belongs to a Kubernetes document; write the pod's own keys at the top level",
    "spec": "belongs to a Kubernetes document; write the pod's own keys at the top level",
}


class Written(Input):
    """A part of a document: keys only as Kubernetes writes them."""

    model_config = ConfigDict(populate_by_name=False)


def _label(value: str) -> str:
    if len(value) > _LONGEST_CONTAINER or not DNS_LABEL.fullmatch(value):
        raise ValueError(f"must be at most {_LONGEST_CONTAINER} lower case letters, digits and '-', a letter or digit at each end")
    return value


def _port_name(value: str) -> str:
    if len(value) > 15 or not DNS_LABEL.fullmatch(value) or "--" in value or value.isdigit():
        raise ValueError("must be at most 15 lower case letters, digits and single '-', with a letter")
    return value


def _mount_path(value: str | None) -> str:
    if not value:
        raise ValueError("must be an absolute path of a directory, like /var/lib/data")
    return value


Label = Annotated[str, AfterValidator(_label)]


class FieldRef(Written):
    """A field of the instance itself."""

    field_path: str

    @field_validator("field_path")
    @classmethod
    def _known(cls, value: str) -> str:
        if not _FIELDS.fullmatch(value):
            raise ValueError(
                "must be metadata.name, .namespace, .uid, .labels['key'] or .annotations['key'], spec.nodeName, status.podIP "
                "or status.hostIP"
            )
        return value


class ValueFrom(Written):
    """Where a value is taken from."""

    field_ref: FieldRef


class Variable(Written):
    """One entry of a container's `env`."""

    name: EnvName
    value: Argument | None = None
    value_from: ValueFrom | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Variable":
        if self.value is not None and self.value_from is not None:
            raise ValueError("must not have both value and valueFrom")
        return self


class ContainerPort(Written):
    """One entry of a container's `ports`."""

    container_port: Annotated[int, Field(ge=1, le=65535)]
    name: Annotated[str, AfterValidator(_port_name)] | None = None
    protocol: Protocol = "tcp"


class Amounts(Written):
    """Requests or limits."""

    cpu: Cpu | None = None
    memory: Memory | None = None
    ephemeral_storage: Annotated[Disk | None, Field(alias="ephemeral-storage")] = None
    gpu: Annotated[int, Field(alias="nvidia.com/gpu", ge=0, le=64)] = 0


class ContainerResources(Written):
    """A container's `resources`."""

    requests: Amounts = Amounts()
    limits: Amounts = Amounts()


class VolumeMount(Written):
    """One entry of a container's `volumeMounts`."""

    name: str
    mount_path: Annotated[Directory, AfterValidator(_mount_path)]
    read_only: bool = False


class Container(Written):
    """One entry of `containers`."""

    name: Label
    image: Annotated[str, Field(min_length=1, max_length=512)]
    command: list[Argument] = []
    args: list[Argument] = []
    env: list[Variable] = []
    ports: list[ContainerPort] = []
    resources: ContainerResources = ContainerResources()
    volume_mounts: list[VolumeMount] = []
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None

    @model_validator(mode="before")
    @classmethod
    def _ports_by_name(cls, value: Any) -> Any:
        """A probe may name one of the container's ports."""
        if not isinstance(value, dict) or not isinstance(value.get("ports"), list):
            return value
        ports = {p.get("name"): p.get("containerPort") for p in value["ports"] if isinstance(p, dict) and p.get("name")}
        return {key: _with_port(part, ports) if key.endswith("Probe") else part for key, part in value.items()}


class EmptyDir(Written):
    """An empty directory on the host's disk."""

    size_limit: Disk | None = None


class Volume(Written):
    """One entry of `volumes`: emptyDir only."""

    name: Annotated[str, AfterValidator(_label)]
    empty_dir: EmptyDir

    @model_validator(mode="before")
    @classmethod
    def _nothing_said(cls, value: Any) -> Any:
        """`emptyDir:` alone is an empty directory too."""
        is_bare = isinstance(value, dict) and "emptyDir" in value and value["emptyDir"] is None
        return {**value, "emptyDir": {}} if is_bare else value


class PodParts(Written):
    """What a pod says, whether it serves or runs to its end."""

    containers: Annotated[list[Container], Field(min_length=1, max_length=MOST_CONTAINERS)]
    volumes: Annotated[list[Volume], Field(max_length=MOST_CONTAINERS * 4)] = []
    node_selector: Labels = {}
    affinity: Affinity | None = None
    termination_grace_period_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    priority_class_name: Priority = None


class PodTemplate(PodParts):
    """A pod that serves, wherever it is written."""

    restart_policy: Literal["Always"] = "Always"


class Directories(Written):
    """One entry of `annotation`: where a container keeps its logs and data."""

    container_name: str
    log_path: Directory = None
    data_path: Directory = None


class PodDocument(PodTemplate):
    """The whole document."""

    replicas: Annotated[int, Field(ge=0, le=MOST_INSTANCES)] | None = None
    annotation: Annotated[list[Directories], Field(max_length=MOST_CONTAINERS)] = []


def _with_port(probe: Any, ports: dict[Any, Any]) -> Any:
    if not isinstance(probe, dict):
        return probe
    return {
        action: {**said, "port": ports.get(said["port"], said["port"])}
        if isinstance(said, dict) and isinstance(said.get("port"), str)
        else said
        for action, said in probe.items()
    }
