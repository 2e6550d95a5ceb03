"""Several Kubernetes documents as one template: workloads become apps, Services the names by which those are reached that serve.

ConfigMap and Secret become configuration groups of the project, Ingresses the hosts by which Services are reached from outside.

What an app comes after is named by the annotation `mooring.io/depends-on: db, cache` (names of workloads: of a Job, until it has
completed); the names of the Services that select those resolve inside it. `mooring.io/rollout` says how its upgrades go. Other
kinds, and keys without a meaning here, are refused by line.
"""

from graphlib import CycleError, TopologicalSorter
from typing import Any

from yaml import MappingNode, ScalarNode

from model.app_bodies import LONGEST_NAME
from model.apps import AppSpec
from model.blueprints import Answer, Blueprint, Link, Member, ServiceName, answering
from model.blueprints import ServicePort as NamedPort
from model.config_documents import configuration, texts
from model.config_references import References
from model.configs import ConfigKind, group_rule
from model.documents import Node, Problems, entries, items, read_all
from model.errors import Invalid
from model.ingress_documents import entrance
from model.jobs import LONGEST_NAME as LONGEST_JOB_NAME
from model.kubernetes_jobs import Job, job_spec
from model.kubernetes_shapes import ConfigMap, Ingress, Placed, Secret
from model.kubernetes_workloads import (
    KINDS_REFUSED,
    LANGUAGE,
    MODELS,
    Deployment,
    DeploymentSpec,
    Service,
    ServicePort,
    Serving,
    Workload,
)
from model.layouts import AppType
from model.names import check_name
from model.pod_documents import CheckImage, PodAt, pod_spec
from model.shaping import inside, partly
from model.template_rollouts import ANNOTATION, AppRollout, checked, with_amounts, written

OWN = "mooring.io/"
DEPENDS_ON = f"{OWN}depends-on"
MOST_DOCUMENTS = 200
_WORKLOADS = {"Deployment", "StatefulSet", "Job"}
_GROUPS = {kind.object: kind for kind in ConfigKind}


def parse_kubernetes(
    content: str, deployment: str, check_image: CheckImage, references: References, problems: Problems
) -> Blueprint:
    """Read several documents; `references` has the project's groups, `problems` what was noted already.

    Raises TooLarge, or Invalid with every problem found, each with line, column and field.
    """
    nodes = [node for one in read_all(content, problems) for node in _listed(one, problems)]
    if len(nodes) > MOST_DOCUMENTS:
        problems.add(nodes[MOST_DOCUMENTS], "content", f"is one document too many: at most {MOST_DOCUMENTS} are taken")
        problems.check("content")
    found = [placed for node in nodes if (placed := _document(node, problems))]
    workloads = {p.said.metadata.name: p for p in found if isinstance(p.said, Workload)}
    services = [p for p in found if isinstance(p.said, Service)]
    kinds = {kind for kind, _ in map(_named, nodes)}
    if not kinds & _WORKLOADS:
        problems.add(nodes[0] if nodes else None, "content", "has no Deployment, StatefulSet or Job; describe at least one")
    _check_annotations(found, problems)
    _check_names(found, deployment, problems)
    groups = tuple(configuration(p, deployment, problems) for p in found if isinstance(p.said, ConfigMap | Secret))
    unsure = {_named(node) for node in nodes} - {_named(p.node) for p in found if not p.is_doubtful()}
    references = references.with_own(texts(groups), [(_GROUPS[kind], name) for kind, name in unsure if kind in _GROUPS])
    specs = {name: _spec_of(p, check_image, references, problems) for name, p in workloads.items()}
    is_unsure = bool({kind for kind, _ in unsure} & _WORKLOADS)
    reached = _reached(workloads, services, problems, is_unsure=is_unsure)
    names = {s.metadata.name: _service_name(s, member) for member, selecting in reached.items() for s in selecting}
    vague = [s.said.metadata.name for s in services if s.said.metadata.name not in names] + [n for k, n in unsure if k == "Service"]
    ingresses = [p for p in found if isinstance(p.said, Ingress)]
    entrances = tuple(entrance(p, deployment, names, vague, references, problems) for p in ingresses)
    known = {name for kind, name in map(_named, nodes) if kind in _WORKLOADS or kind not in MODELS}
    after = {name: _after(p, known, problems) for name, p in workloads.items()}
    rollouts = {name: _rollout(p, problems) for name, p in workloads.items()}
    _check_order(workloads, after, problems)
    problems.check("content")
    plain = (_member(p, specs[name], reached, after, deployment) for name, p in workloads.items())
    members = tuple(_rolled(member, rollouts[member.name]) for member in plain)
    return Blueprint(members=members, groups=groups, services=tuple(names.values()), entrances=entrances)


def _listed(node: Node, problems: Problems) -> list[Node]:
    """The documents of a `List`, as kubectl writes several; any other document is one."""
    if _named(node)[0] != "List":
        return [node]
    found = entries(node, "List", problems)
    for key, (place, _) in found.items():
        if key not in ("apiVersion", "kind", "metadata", "items"):
            problems.add(place, f"List.{key}", LANGUAGE.unknown(key))
    if "items" not in found:
        problems.add(node, "List.items", "is required")
        return []
    return [one for _, item in items(found["items"][1], "List.items", problems) for one in _listed(item, problems)]


def _named(node: Node) -> tuple[str, str]:
    """The kind and name that a document says, right or wrong otherwise; "" for what it does not say."""

    def said(inside: Node | None, key: str) -> Node | None:
        pairs = inside.value if isinstance(inside, MappingNode) else []
        return next((value for known, value in pairs if known.value == key), None)

    def text(value: Node | None) -> str:
        return str(value.value) if isinstance(value, ScalarNode) else ""

    return text(said(node, "kind")), text(said(said(node, "metadata"), "name"))


def _document(node: Node, problems: Problems) -> Placed | None:
    kinds = [value for key, value in node.value if key.value == "kind"] if isinstance(node, MappingNode) else []
    kind = _named(node)[0]
    if kind not in MODELS:
        known = ", ".join(MODELS)
        told = f"{kind} is not taken: {KINDS_REFUSED[kind]}" if kind in KINDS_REFUSED else f"must be one of {known}"
        problems.add(kinds[0] if kinds else node, "kind", told)
        return None
    shaped = partly(MODELS[kind], node, kind, problems, LANGUAGE)
    said: Any = shaped.said
    field = f"{kind}/{said.metadata.name}" if said else ""
    return Placed(said=said, node=shaped.node, field=field, is_doubtful=shaped.is_doubtful) if said else None


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
    path = ("spec", "template", "spec")

    def is_doubtful(*inner: str | int) -> bool:
        return placed.is_doubtful(*path, *inner)

    at = PodAt(inside(placed.node, *path), f"{placed.field}.{'.'.join(path)}", problems, is_doubtful)
    if isinstance(placed.said, Job):
        return job_spec(placed.said, at, check_image, references)
    return _spec(placed, at, check_image, references, problems)


def _spec(placed: Placed, at: PodAt, check_image: CheckImage, references: References, problems: Problems) -> AppSpec:
    workload: Serving = placed.said
    spec, template = workload.spec, workload.spec.template
    selected = spec.selector.match_labels.items() <= template.metadata.labels.items()
    if not selected and not placed.is_doubtful("spec", "template", "metadata"):
        placed.note(problems, ["spec", "selector", "matchLabels"], "must be labels of the template")
    made = pod_spec(template.spec, at, check_image, references)
    fields: dict[str, Any] = {"min_ready_seconds": spec.min_ready_seconds}
    if isinstance(spec, DeploymentSpec):
        rolling = spec.strategy.rolling_update
        fields |= {"max_surge": rolling.max_surge, "max_unavailable": rolling.max_unavailable}
        if rolling.max_surge in (0, "0%") and rolling.max_unavailable in (0, "0%"):
            placed.note(problems, ["spec", "strategy", "rollingUpdate"], "must not have 0 for both: nothing could be replaced")
    else:
        fields["type"] = "TApp"
    return made.model_copy(update=fields)


def _reached(
    workloads: dict[str, Placed], services: list[Placed], problems: Problems, *, is_unsure: bool
) -> dict[str, list[Service]]:
    """By workload the Services that select it; each selects exactly one. `is_unsure` says that some workload is not told whole."""
    reached: dict[str, list[Service]] = {name: [] for name in workloads}
    for placed in services:
        chosen = placed.said.spec.selector.items()
        serving = {name: w for name, w in workloads.items() if not isinstance(w.said, Job)}
        selected = [n for n, w in serving.items() if chosen <= w.said.spec.template.metadata.labels.items()]
        if not selected and is_unsure:
            continue
        if len(selected) != 1:
            which = f"selects {', '.join(selected)}" if selected else "selects none of the documents"
            placed.note(problems, ["spec", "selector"], f"{which}; it must select exactly one that serves, no Job")
            continue
        reached[selected[0]].append(placed.said)
        names = _port_names(workloads[selected[0]].said)
        for index, port in enumerate(placed.said.spec.ports):
            if _target(port, names) is None and not workloads[selected[0]].is_doubtful("spec", "template", "spec"):
                placed.note(
                    problems,
                    ["spec", "ports", index, "targetPort"],
                    f"is no port from 1 to 65535 nor a name of one of {selected[0]!r}",
                )
    return reached


def _after(placed: Placed, workloads: set[str], problems: Problems) -> tuple[str, ...]:
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
