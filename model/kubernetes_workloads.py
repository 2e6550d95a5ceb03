"""Workloads and Services of Kubernetes documents, and why other keys and kinds are refused (Kubernetes: apps/v1, Service v1)."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from model.app_bodies import Fraction, Labels, Protocol
from model.apps import MOST_INSTANCES
from model.known_keys import KUBERNETES
from model.kubernetes_jobs import REFUSED as REFUSED_IN_JOBS
from model.kubernetes_jobs import Job
from model.kubernetes_shapes import REFUSED as REFUSED_IN_OTHERS
from model.kubernetes_shapes import Annotations, ConfigMap, Ingress, Metadata, Secret
from model.pod_shapes import NO_DISK, PodTemplate, Written, says_nothing
from model.pod_shapes import REFUSED as REFUSED_IN_PODS
from model.shaping import Language

_LATER = "is not carried out; remove it"
REFUSED = (
    REFUSED_IN_PODS
    | REFUSED_IN_JOBS
    | REFUSED_IN_OTHERS
    | {
        "namespace": "is chosen by the project; remove it",
        "status": "is the cluster's own; remove it",
        "nodePort": "a port of the node cannot be chosen; remove it: the cluster picks it, and the app's portmapping tells it",
        "externalIPs": "reaches for the host and is refused",
        "clusterIP": "has no meaning here: every instance of a StatefulSet has an address of its own; remove it",
        "volumeClaimTemplates": f"is not carried out: {NO_DISK}",
        **dict.fromkeys(("serviceName", "podManagementPolicy", "updateStrategy", "revisionHistoryLimit", "paused"), _LATER),
        **dict.fromkeys(("progressDeadlineSeconds", "ownerReferences", "finalizers", "generateName"), _LATER),
    }
)
LANGUAGE = Language("Kubernetes", KUBERNETES, REFUSED, says_nothing)
KINDS_REFUSED = {
    "CronJob": "nothing here starts by the clock; write a Job, and start it from outside by its app's restart",
    "DaemonSet": "an app's instances are counted, not one a node",
    "PersistentVolumeClaim": NO_DISK,
    "Pod": "write a Deployment of it, or a template of the kind pod",
}


def _amount(value: Any) -> Any:
    """A document's values are text: a number is one again."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value


Amount = Annotated[Fraction, BeforeValidator(_amount)]


class TemplateMetadata(Written):
    """`spec.template.metadata`."""

    labels: Labels
    annotations: Annotations = {}


class Template(Written):
    """`spec.template`."""

    metadata: TemplateMetadata
    spec: PodTemplate


class Selector(Written):
    """`spec.selector` of a workload."""

    match_labels: Labels


class RollingUpdate(Written):
    """`spec.strategy.rollingUpdate`."""

    max_surge: Amount = "25%"
    max_unavailable: Amount = "25%"


class Strategy(Written):
    """`spec.strategy`."""

    type: Literal["RollingUpdate"] = "RollingUpdate"
    rolling_update: RollingUpdate = RollingUpdate()


class StatefulSetSpec(Written):
    """`spec` of a StatefulSet."""

    replicas: Annotated[int, Field(ge=0, le=MOST_INSTANCES)] = 1
    selector: Selector
    template: Template
    min_ready_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None


class DeploymentSpec(StatefulSetSpec):
    """`spec` of a Deployment."""

    strategy: Strategy = Strategy()


class Deployment(Written):
    """A microservice: instances alike."""

    api_version: Literal["apps/v1"]
    kind: Literal["Deployment"]
    metadata: Metadata
    spec: DeploymentSpec


class StatefulSet(Written):
    """A general service (TApp): every instance has an identity."""

    api_version: Literal["apps/v1"]
    kind: Literal["StatefulSet"]
    metadata: Metadata
    spec: StatefulSetSpec


class ServicePort(Written):
    """One entry of a Service's `ports`."""

    port: Annotated[int, Field(ge=1, le=65535)]
    target_port: str | None = None
    name: str | None = None
    protocol: Protocol = "tcp"


class ServiceSpec(Written):
    """`spec` of a Service."""

    selector: Annotated[Labels, Field(min_length=1)]
    ports: Annotated[list[ServicePort], Field(min_length=1, max_length=100)]
    type: Literal["ClusterIP", "NodePort"] = "ClusterIP"


class Service(Written):
    """A name and ports by which one workload is reached."""

    api_version: Literal["v1"]
    kind: Literal["Service"]
    metadata: Metadata
    spec: ServiceSpec


Serving = Deployment | StatefulSet
Workload = Deployment | StatefulSet | Job
MODELS: dict[str, type[Written]] = {
    "Deployment": Deployment,
    "StatefulSet": StatefulSet,
    "Job": Job,
    "Service": Service,
    "ConfigMap": ConfigMap,
    "Secret": Secret,
    "Ingress": Ingress,
}
