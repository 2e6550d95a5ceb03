"""Several Kubernetes documents as one template: workloads become apps, Services the names by which those are reached that serve.

ConfigMap and Secret become configuration groups of the project, Ingresses the hosts by which Services are reached from outside.

What an app comes after is named by the annotation `mooring.io/depends-on: db, cache` (names of workloads: of a Job, until it has
completed); the names of the Services that select those resolve inside it. `mooring.io/rollout` says how its upgrades go. Other
kinds, and keys without a meaning here, are refused by line.
"""

from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from yaml import MappingNode

from model.app_bodies import LONGEST_NAME, Fraction, Labels, Protocol
from model.apps import MOST_INSTANCES, AppSpec
from model.blueprints import Answer, Blueprint, Link, Member, ServiceName, answering
from model.blueprints import ServicePort as NamedPort
from model.config_documents import configuration, texts
from model.config_references import References
from model.configs import group_rule
from model.documents import Node, Problems, inside, read_all, shaped
from model.errors import Invalid
from model.ingress_documents import entrance
from model.jobs import LONGEST_NAME as LONGEST_JOB_NAME
from model.kubernetes_jobs import REFUSED as REFUSED_IN_JOBS
from model.kubernetes_jobs import Job, job_spec
from model.kubernetes_shapes import REFUSED as REFUSED_IN_OTHERS
from model.kubernetes_shapes import Annotations, ConfigMap, Ingress, Metadata, Placed, Secret
from model.layouts import AppType
from model.names import check_name
from model.pod_documents import CheckImage, pod_spec
from model.pod_shapes import NO_DISK, PodTemplate, Written
from model.pod_shapes import REFUSED as REFUSED_IN_PODS
from model.template_rollouts import ANNOTATION, AppRollout, checked, with_amounts, written

OWN = "mooring.io/"
DEPENDS_ON = f"{OWN}depends-on"
MOST_DOCUMENTS = 200
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
_KINDS_REFUSED = {
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
_MODELS: dict[str, type[Written]] = {
    "Deployment": Deployment,
    "StatefulSet": StatefulSet,
    "Job": Job,
    "Service": Service,
    "ConfigMap": ConfigMap,
    "Secret": Secret,
    "Ingress": Ingress,
}


def parse_kubernetes(content: str, deployment: str, check_image: CheckImage, references: References) -> Blueprint:
    """Read several documents; `references` has the project's groups.

    Raises TooLarge, or Invalid with every problem found, each with line, column and field.
    """
    problems, nodes = Problems(), read_all(content)
    if len(nodes) > MOST_DOCUMENTS:
        problems.add(nodes[MOST_DOCUMENTS], "content", f"is one document too many: at most {MOST_DOCUMENTS} are taken")
        problems.check("content")
    found = [placed for node in nodes if (placed := _document(node, problems))]
    workloads = {p.said.metadata.name: p for p in found if isinstance(p.said, Workload)}
    services = [p for p in found if isinstance(p.said, Service)]
    problems.check("content")
    if not workloads:
        problems.add(nodes[0] if nodes else None, "content", "has no Deployment, StatefulSet or Job; describe at least one")
    problems.check("content")
    _check_annotations(found, problems)
    _check_names(found, deployment, problems)
    groups = tuple(configuration(p, deployment, problems) for p in found if isinstance(p.said, ConfigMap | Secret))
    references = references.with_own(texts(groups))
    specs = {name: _spec_of(p, check_image, references, problems) for name, p in workloads.items()}
    reached = _reached(workloads, services, problems)
    names = {s.metadata.name: _service_name(s, member) for member, selecting in reached.items() for s in selecting}
    entrances = tuple(entrance(p, deployment, names, references, problems) for p in found if isinstance(p.said, Ingress))
    after = {name: _after(p, workloads, problems) for name, p in workloads.items()}
    rollouts = {name: _rollout(p, problems) for name, p in workloads.items()}
    problems.check("content")
    _check_order(workloads, after, problems)
    plain = (_member(p, specs[name], reached, after, deployment) for name, p in workloads.items())
    members = tuple(_rolled(member, rollouts[member.name]) for member in plain)
    return Blueprint(members=members, groups=groups, services=tuple(names.values()), entrances=entrances)


def _document(node: Node, problems: Problems) -> Placed | None:
    kinds = [value for key, value in node.value if key.value == "kind"] if isinstance(node, MappingNode) else []
    kind = str(kinds[0].value) if kinds and isinstance(kinds[0].value, str) else ""
    if kind not in _MODELS:
        known = ", ".join(_MODELS)
        told = f"{kind} is not taken: {_KINDS_REFUSED[kind]}" if kind in _KINDS_REFUSED else f"must be one of {known}"
        problems.add(kinds[0] if kinds else node, "kind", told)
        return None
    said: Any = shaped(_MODELS[kind], node, kind, problems, REFUSED)
    return Placed(said=said, node=node, field=f"{kind}/{said.metadata.name}") if said else None


def _check_annotations(found: list[Placed], problems: Problems) -> None:
    """The platform's own annotations are known by name, so that a slip, or one where it would be ignored, is told."""
    told = f"has no meaning here: known are {DEPENDS_ON} and {ANNOTATION}, in a workload's own metadata"
    for p in found:
        is_app = isinstance(p.said, Workload)
        places = [(["metadata"], p.said.metadata.annotations, (DEPENDS_ON, ANNOTATION) if is_app else ())]
        if is_app:
            places.append((["spec", "template", "metadata"], p.said.spec.template.metadata.annotations, ()))
        for path, annotations, known in places:
            for name in annotations:
                if name.startswith(OWN) and name not in known:
                    p.note(problems, [*path, "annotations", name], told)


def _check_names(found: list[Placed], deployment: str, problems: Problems) -> None:
    seen: set[tuple[str, str]] = set()
    for p in found:
        what, name = "app" if isinstance(p.said, Workload) else p.said.kind, p.said.metadata.name
        if (what, name) in seen:
            p.note(problems, ["metadata", "name"], f"gives {name!r} a second time")
        seen.add((what, name))
        rule = _name_rule(name, 63) if isinstance(p.said, Service) else _made_name_rule(p.said, what, f"{deployment}-{name}")
        if rule:
            p.note(problems, ["metadata", "name"], rule)


def _made_name_rule(said: Any, what: str, made: str) -> str | None:
    longest = LONGEST_JOB_NAME if isinstance(said, Job) else LONGEST_NAME if what == "app" else 63
    wrong = group_rule(made) if isinstance(said, ConfigMap | Secret) else _name_rule(made, longest)
    return f"its {what} would be called {made[:120]}, which {wrong}" if wrong else None


def _name_rule(name: str, longest: int) -> str | None:
    try:
        check_name(name, "name", longest=longest)
    except Invalid as error:
        return error.problems[0].message
    return None


def _spec_of(placed: Placed, check_image: CheckImage, references: References, problems: Problems) -> AppSpec:
    if isinstance(placed.said, Job):
        return job_spec(placed.said, placed.node, placed.field, check_image, references, problems)
    return _spec(placed, check_image, references, problems)


def _spec(placed: Placed, check_image: CheckImage, references: References, problems: Problems) -> AppSpec:
    workload: Serving = placed.said
    spec, template = workload.spec, workload.spec.template
    if not spec.selector.match_labels.items() <= template.metadata.labels.items():
        placed.note(problems, ["spec", "selector", "matchLabels"], "must be labels of the template")
    node = inside(placed.node, "spec", "template", "spec")
    made = pod_spec(template.spec, node, f"{placed.field}.spec.template.spec", check_image, problems, references)
    fields: dict[str, Any] = {"min_ready_seconds": spec.min_ready_seconds}
    if isinstance(spec, DeploymentSpec):
        rolling = spec.strategy.rolling_update
        fields |= {"max_surge": rolling.max_surge, "max_unavailable": rolling.max_unavailable}
        if rolling.max_surge in (0, "0%") and rolling.max_unavailable in (0, "0%"):
            placed.note(problems, ["spec", "strategy", "rollingUpdate"], "must not have 0 for both: nothing could be replaced")
    else:
        fields["type"] = "TApp"
    return made.model_copy(update=fields)


def _reached(workloads: dict[str, Placed], services: list[Placed], problems: Problems) -> dict[str, list[Service]]:
    """By workload the Services that select it; each selects exactly one."""
    reached: dict[str, list[Service]] = {name: [] for name in workloads}
    for placed in services:
        chosen = placed.said.spec.selector.items()
        serving = {name: w for name, w in workloads.items() if not isinstance(w.said, Job)}
        selected = [n for n, w in serving.items() if chosen <= w.said.spec.template.metadata.labels.items()]
        if len(selected) != 1:
            which = f"selects {', '.join(selected)}" if selected else "selects none of the documents"
            placed.note(problems, ["spec", "selector"], f"{which}; it must select exactly one that serves, no Job")
            continue
        reached[selected[0]].append(placed.said)
        names = _port_names(workloads[selected[0]].said)
        for index, port in enumerate(placed.said.spec.ports):
            if _target(port, names) is None:
                placed.note(
                    problems,
                    ["spec", "ports", index, "targetPort"],
                    f"is no port from 1 to 65535 nor a name of one of {selected[0]!r}",
                )
    return reached


def _after(placed: Placed, workloads: dict[str, Placed], problems: Problems) -> tuple[str, ...]:
    named = placed.said.metadata.annotations.get(DEPENDS_ON, "")
    names = tuple(dict.fromkeys(name.strip() for name in named.split(",") if name.strip()))
    for name in names:
        if name not in workloads:
            placed.note(problems, ["metadata", "annotations", DEPENDS_ON], f"names {name!r}, and there is no such document")
    return names


def _rollout(at: Placed, problems: Problems) -> AppRollout | None:
    workload: Workload = at.said
    if ANNOTATION not in workload.metadata.annotations:
        return None
    if isinstance(workload, Job):
        told = "means nothing for a Job, which an upgrade runs anew; remove it"
        at.note(problems, ["metadata", "annotations", ANNOTATION], told)
        return None
    path = ("metadata", "annotations", ANNOTATION)
    field = ".".join((at.field, *path))
    found = written(inside(at.node, *path), field, problems)
    if found is None:
        return None
    how, root, inner = found
    says = isinstance(workload, Deployment) and "strategy" in workload.spec.model_fields_set
    if says and (how.max_surge is not None or how.max_unavailable is not None):
        inner.add(root, field, "spec.strategy says already how many are replaced at once: leave maxSurge and maxUnavailable out")
    kind: AppType = "Deployment" if isinstance(workload, Deployment) else "TApp"
    return checked(how, root, field, inner, workload.metadata.name, kind, workload.spec.replicas)


def _rolled(member: Member, rollout: AppRollout | None) -> Member:
    return member.model_copy(update={"rollout": rollout, "spec": with_amounts(member.spec, rollout)})


def _check_order(workloads: dict[str, Placed], after: dict[str, tuple[str, ...]], problems: Problems) -> None:
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        path = list(reversed(error.args[1]))
        told = f"closes a cycle, and no order exists: {' → '.join(path)}"
        workloads[path[0]].note(problems, ["metadata", "annotations", DEPENDS_ON], told)
    problems.check("content")


def _member(
    placed: Placed, spec: AppSpec, reached: dict[str, list[Service]], after: dict[str, tuple[str, ...]], deployment: str
) -> Member:
    workload: Workload = placed.said
    name = workload.metadata.name
    names = _port_names(workload)
    answers = {
        (port.protocol, port.port): Answer(protocol=port.protocol, port=port.port, target=_target(port, names) or port.port)
        for service in reached[name]
        for port in service.spec.ports
    }
    bare = answering((p.protocol, p.container_port) for c in workload.spec.template.spec.containers for p in c.ports)
    return Member(
        name=name,
        app=f"{deployment}-{name}",
        spec=spec.model_copy(update={"network_type": 2 if any(s.spec.type == "NodePort" for s in reached[name]) else 0}),
        replicas=workload.spec.completions if isinstance(workload, Job) else workload.spec.replicas,
        links=tuple(Link(member=other, alias=s.metadata.name) for other in after[name] for s in reached[other]),
        after=after[name],
        answers=tuple(answers.values()) or bare,
    )


def _service_name(service: Service, member: str) -> ServiceName:
    ports = tuple(NamedPort(protocol=p.protocol, port=p.port, name=p.name) for p in service.spec.ports)
    return ServiceName(name=service.metadata.name, member=member, ports=ports)


def _port_names(workload: Workload) -> dict[str, int]:
    return {p.name: p.container_port for c in workload.spec.template.spec.containers for p in c.ports if p.name}


def _target(port: ServicePort, names: dict[str, int]) -> int | None:
    if port.target_port is None:
        return port.port
    if port.target_port.isascii() and port.target_port.isdigit() and len(port.target_port) < 6:
        return int(port.target_port) if 0 < int(port.target_port) < 65536 else None
    return names.get(port.target_port)
