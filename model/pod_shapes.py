"""The parts of a pod document, their keys named as Kubernetes names them, and why others are refused (Kubernetes: Pod v1)."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from model.app_bodies import Argument, Cpu, Disk, EnvName, Labels, Memory, Priority, Protocol
from model.apps import MOST_INSTANCES
from model.base import Input
from model.configs import ConfigKind, file_rule
from model.directories import Directory
from model.documents import Node
from model.known_keys import KUBERNETES
from model.names import DNS_LABEL
from model.scheduling import Affinity, Lifecycle, Probe, ReadinessProbe
from model.security_contexts import refuse
from model.shaping import Language, Path, is_empty

MOST_CONTAINERS = 20
MOST_MOUNTS = 100  # of one container
_LONGEST_CONTAINER = 58  # its directories are volumes named "<container>-data", of at most 63 characters
_FIELDS = re.compile(
    r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']{1,300}'\])|spec\.nodeName|status\.(podIPs?|hostIPs?)"
)

_HOST = "reaches for the host and is refused"
_THERE = "has no meaning here: what an app uses of a group has to be there; remove it"
_LATER = "is not carried out; remove it"
NO_DISK = "no disk outlives an instance here yet; use emptyDir for data that need not last"
_DISK = f"is refused: {NO_DISK}"
_AT_TOP = "belongs to a Kubernetes document; write the pod's own keys at the top level"
REFUSED: dict[str, str] = {
    **dict.fromkeys(("hostPath", "hostNetwork", "hostPID", "hostIPC", "hostUsers", "hostPort", "hostIP", "procMount"), _HOST),
    **dict.fromkeys(("volumeDevices", "setHostnameAsFQDN", "runtimeClassName"), _HOST),
    **dict.fromkeys(("serviceAccount", "serviceAccountName", "automountServiceAccountToken"), "no instance acts on the cluster"),
    **dict.fromkeys(("downwardAPI", "podCertificate", "clusterTrustBundle"), _LATER),
    "serviceAccountToken": "no instance acts on the cluster",
    "optional": _THERE,
    **dict.fromkeys(("defaultMode", "mode"), "has no meaning here: files of groups are readable by all; remove it"),
    **dict.fromkeys(("persistentVolumeClaim", "nfs", "iscsi", "cephfs", "rbd", "csi", "ephemeral", "local", "glusterfs"), _DISK),
    **dict.fromkeys(("initContainers", "ephemeralContainers", "postStart", "resizePolicy", "resourceFieldRef"), _LATER),
    **dict.fromkeys(("tolerations", "topologySpreadConstraints", "schedulerName", "nodeName"), _LATER),
    **dict.fromkeys(("dnsPolicy", "dnsConfig"), "is the platform's to choose; remove it"),
    "enableServiceLinks": "has no meaning here: no variables of Services are set; remove it",
    **dict.fromkeys(("hostAliases", "hostname", "subdomain", "stdin", "stdinOnce", "tty", "workingDir", "subPath"), _LATER),
    **dict.fromkeys(("subPathExpr", "mountPropagation", "medium", "preemptionPolicy", "activeDeadlineSeconds"), _LATER),
    **dict.fromkeys(("terminationMessagePath", "terminationMessagePolicy", "readinessGates", "overhead", "os"), _LATER),
    **dict.fromkeys(("exec", "httpGet", "tcpSocket"), "is not carried out before an end; write preStop: {sleep: {seconds: 5}}"),
    "imagePullPolicy": "has no meaning here: a tag is resolved to a digest when the app is deployed; remove it",
    "imagePullSecrets": "has no meaning here: the platform's own registry needs none; remove it",
}


def says_nothing(path: Path, node: Node) -> bool:
    """Whether a key of Kubernetes may be passed over: nothing is set by it, as generated documents have it (`status: {}`)."""
    return str(path[-1]) in KUBERNETES and is_empty(node)


LANGUAGE = Language(
    "Kubernetes", KUBERNETES, REFUSED | dict.fromkeys(("apiVersion", "kind", "metadata", "spec"), _AT_TOP), says_nothing
)


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


def _file(value: str) -> str:
    if rule := file_rule(value):
        raise ValueError(rule)
    return value


SecurityContext = Annotated[None, BeforeValidator(refuse)]
Label = Annotated[str, AfterValidator(_label)]
GroupName = Annotated[str, Field(min_length=1, max_length=253)]
EntryName = Annotated[str, Field(min_length=1, max_length=253)]


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


class KeyRef(Written):
    """One entry of a group."""

    name: GroupName
    key: EntryName


class ValueFrom(Written):
    """Where a value is taken from: a field of the instance, or an entry of a group."""

    field_ref: FieldRef | None = None
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None

    @model_validator(mode="after")
    def _one(self) -> "ValueFrom":
        if sum(found is not None for found in (self.field_ref, self.config_map_key_ref, self.secret_key_ref)) != 1:
            raise ValueError("must have one of fieldRef, configMapKeyRef and secretKeyRef")
        return self

    @property
    def key_ref(self) -> tuple[str, ConfigKind, KeyRef] | None:
        """The field, the kind and the entry, where it is one."""
        if self.config_map_key_ref:
            return "configMapKeyRef", ConfigKind.CONFIGMAP, self.config_map_key_ref
        return ("secretKeyRef", ConfigKind.SECRET, self.secret_key_ref) if self.secret_key_ref else None


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


class GroupRef(Written):
    """A whole group."""

    name: GroupName


class EnvFrom(Written):
    """One entry of a container's `envFrom`: all entries of a group as variables."""

    prefix: Annotated[str, Field(max_length=100)] = ""
    config_map_ref: GroupRef | None = None
    secret_ref: GroupRef | None = None

    @model_validator(mode="after")
    def _one(self) -> "EnvFrom":
        if (self.config_map_ref is None) == (self.secret_ref is None):
            raise ValueError("must have one of configMapRef and secretRef")
        return self

    @property
    def group(self) -> tuple[ConfigKind, str]:
        """The kind and name."""
        if self.config_map_ref:
            return ConfigKind.CONFIGMAP, self.config_map_ref.name
        assert self.secret_ref is not None
        return ConfigKind.SECRET, self.secret_ref.name


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
    env_from: Annotated[list[EnvFrom], Field(max_length=100)] = []
    ports: list[ContainerPort] = []
    resources: ContainerResources = ContainerResources()
    volume_mounts: Annotated[list[VolumeMount], Field(max_length=MOST_MOUNTS)] = []
    liveness_probe: Probe | None = None
    readiness_probe: ReadinessProbe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    security_context: SecurityContext = None

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


class KeyToPath(Written):
    """An entry and the file it becomes, which lies in the volume itself."""

    key: EntryName
    path: Annotated[str, AfterValidator(_file)]


class GroupFiles(Written):
    """Entries of a group as files, all where `items` does not choose."""

    name: GroupName
    items: Annotated[list[KeyToPath], Field(min_length=1, max_length=500)] | None = None


class SecretFiles(GroupFiles):
    """The same of a Secret as a volume of its own, which Kubernetes names otherwise."""

    name: Annotated[GroupName, Field(alias="secretName")]


class ProjectedSource(Written):
    """One entry of `projected.sources`."""

    config_map: GroupFiles | None = None
    secret: GroupFiles | None = None

    @model_validator(mode="after")
    def _one(self) -> "ProjectedSource":
        if (self.config_map is None) == (self.secret is None):
            raise ValueError("must have one of configMap and secret")
        return self


class Projected(Written):
    """Files of several groups in one directory."""

    sources: Annotated[list[ProjectedSource], Field(min_length=1, max_length=100)]


class Volume(Written):
    """One entry of `volumes`: an empty directory, or entries of groups."""

    name: Annotated[str, AfterValidator(_label)]
    empty_dir: EmptyDir | None = None
    config_map: GroupFiles | None = None
    secret: SecretFiles | None = None
    projected: Projected | None = None

    @model_validator(mode="after")
    def _one(self) -> "Volume":
        if sum(source is not None for source in (self.empty_dir, self.config_map, self.secret, self.projected)) != 1:
            raise ValueError("must have one of emptyDir, configMap, secret and projected")
        return self

    def sources(self) -> list[tuple[list[str | int], ConfigKind, GroupFiles]]:
        """Its groups, each with its path in the volume; none for an empty directory."""
        kinds = ((ConfigKind.CONFIGMAP, self.config_map), (ConfigKind.SECRET, self.secret))
        found: list[tuple[list[str | int], ConfigKind, GroupFiles]] = []
        found += [([kind.field], kind, files) for kind, files in kinds if files]
        for number, source in enumerate(self.projected.sources if self.projected else ()):
            here: list[str | int] = ["projected", "sources", number]
            found += [([*here, "configMap"], ConfigKind.CONFIGMAP, source.config_map)] if source.config_map else []
            found += [([*here, "secret"], ConfigKind.SECRET, source.secret)] if source.secret else []
        return found

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
    security_context: SecurityContext = None


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
