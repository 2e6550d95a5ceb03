"""The pod language (manual, pod编排接口): one app of several containers, its keys named as Kubernetes names them.

Every key without a meaning here is refused with its line, above all what reaches for the host (targets S1).
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from model import quantities
from model.apps import DEFAULT_DEADLINE, AppSpec, ContainerSpec, EnvVar, Mount, Port, Resources, SharedVolume
from model.autoscaling import Scale
from model.base import Frozen, Input
from model.config_references import References
from model.documents import Node, Problems, is_null, read
from model.errors import MooringError
from model.pod_references import PodReferences
from model.pod_shapes import LANGUAGE, Container, ContainerResources, Directories, PodDocument, PodParts, Variable
from model.revisions import as_written
from model.scheduling import Probe
from model.serving import end_rule, same_but_defaults, with_defaults
from model.shaping import inside, locate, partly
from model.template_rollouts import EXTENSION, AppRollout, Extension, checked, with_amounts

MOST_PORTS = 100


class NewPodStack(Input):
    """Body of POST /v2/podstack/{project}: the manual's three fields, and more."""

    stack_instance_name: str
    content: str
    scale: Scale | None = None
    cluster: str | None = None
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] = DEFAULT_DEADLINE


class PodStackChange(Input):
    """Body of POST /v2/podstack/{project}/{appName}: the manual's `content`, and what a rollout has."""

    content: str
    scale: Scale | None = None
    on_failure: Literal["keep", "rollback"] = "keep"
    reason: Annotated[str, Field(max_length=500)] = ""
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] = DEFAULT_DEADLINE


class PodApp(Frozen):
    """The app a document means; `replicas` is None where it says nothing, `rollout` says how its upgrades go."""

    spec: AppSpec
    replicas: int | None
    rollout: AppRollout | None = None


class Document(PodDocument):
    """The whole document with what this platform adds to it."""

    extension: Annotated[Extension, Field(alias=EXTENSION)] = Extension()


CheckImage = Callable[[str], object]


def parse_pod(
    content: str,
    check_image: CheckImage = lambda _: None,
    references: References | None = None,
    problems: Problems | None = None,
) -> PodApp:
    """Read a pod document; `check_image` raises ValueError or an error of ours, `references` has the project's groups.

    Raises TooLarge, or Invalid with every problem found, those noted in `problems` already among them, each with line, column
    and field.
    """
    problems = problems or Problems()
    root = read(content, problems)
    if root is None or is_null(root):
        problems.add(root, "content", "is empty; describe at least one container")
        problems.check("content")
    assert root is not None
    found = partly(Document, root, "", problems, LANGUAGE)
    if (document := found.said) is None:
        problems.check("content")
        raise AssertionError("check() raises for what was noted")
    at = PodAt(node=found.node, field="", problems=problems, is_doubtful=found.is_doubtful)
    spec = pod_spec(document, at, check_image, references or References(), document.annotation)
    rollout = None
    if how := document.extension.rollout:
        path = (EXTENSION, "rollout")
        rollout = checked(how, inside(found.node, *path), ".".join(path), problems, "the pod", replicas=document.replicas)
    problems.check("content")
    return PodApp(spec=with_amounts(with_defaults(spec), rollout), replicas=document.replicas, rollout=rollout)


def in_place_of(before: AppSpec, pod: PodApp) -> AppSpec:
    """The spec after an update of the document, which says all of the pod; how it is reached, and what else is not said, stays."""
    said = {name: getattr(pod.spec, name) for name in _OF_THE_POD}
    after = as_written(before, with_amounts(before.model_copy(update=said), pod.rollout))
    return before if same_but_defaults(before, after) else after


_OF_THE_POD = ("containers", "volumes", "node_labels", "affinity", "termination_grace_period_seconds", "priority_class_name")


class PodAt(NamedTuple):
    """Where a pod stands in its document, and which of its parts were left out as wrong."""

    node: Node
    field: str
    problems: Problems
    is_doubtful: Callable[..., bool]

    def note(self, path: Sequence[str | int], message: str) -> None:
        """Note a problem at a path of the pod."""
        place, name = locate(self.node, self.field, path)
        self.problems.add(place, name, message)


def pod_spec(
    pod: PodParts,
    at: PodAt,
    check_image: CheckImage,
    references: References,
    directories: Sequence[Directories] = (),
) -> AppSpec:
    """The spec a pod means; notes at their places what its parts say against each other."""
    check = _Checks(at)
    check.once(["containers"], [c.name for c in pod.containers], "name")
    check.once(["volumes"], [v.name for v in pod.volumes], "name")
    by_container = check.directories(pod, directories)
    check.ports(pod)
    groups = PodReferences(pod, references, at.note)
    for index, container in enumerate(pod.containers):
        kept = by_container.get(container.name)
        check.container(index, container, pod, kept, check_image)
        own = [path for path in (kept.log_path, kept.data_path) if path] if kept else []
        groups.check_mounts(index, container, own, kept=at.problems.kept)
    return AppSpec(
        containers=tuple(_container(c, by_container.get(c.name), groups, i) for i, c in enumerate(pod.containers)),
        volumes=tuple(SharedVolume(name=v.name, size_limit=v.empty_dir.size_limit) for v in pod.volumes if v.empty_dir),
        node_labels=pod.node_selector,
        affinity=pod.affinity,
        termination_grace_period_seconds=pod.termination_grace_period_seconds,
        priority_class_name=pod.priority_class_name,
    )


class _Checks:
    """What a pod's parts must be to each other."""

    def __init__(self, at: PodAt) -> None:
        self._at = at
        self.note = at.note

    def once(self, path: Sequence[str | int], names: Sequence[str], *key: str) -> None:
        """Every name stands for one thing."""
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in seen:
                self.note([*path, index, *key], f"gives {name!r} a second time")
            seen.add(name)

    def directories(self, pod: PodParts, listed: Sequence[Directories]) -> dict[str, Directories]:
        """The directories by container."""
        names = [c.name for c in pod.containers]
        self.once(["annotation"], [d.container_name for d in listed], "containerName")
        unsure = self._at.is_doubtful("containers")
        for index, one in enumerate(listed):
            if one.container_name not in names and not unsure:
                self.note(["annotation", index, "containerName"], f"names none of the containers: {', '.join(names)}")
        return {one.container_name: one for one in listed}

    def ports(self, pod: PodParts) -> None:
        """Containers of an instance share its address, so a port is one container's."""
        taken: dict[tuple[str, int], str] = {}
        names: set[str] = set()
        for index, container in enumerate(pod.containers):
            for number, port in enumerate(container.ports):
                owner = taken.setdefault((port.protocol, port.container_port), f"{index}/{number}")
                if owner != f"{index}/{number}":
                    where = pod.containers[int(owner.partition("/")[0])].name
                    self.note(
                        ["containers", index, "ports", number, "containerPort"],
                        f"{port.container_port}/{port.protocol} is the container {where!r}'s already: both have one address",
                    )
                if port.name in names:
                    self.note(["containers", index, "ports", number, "name"], f"gives {port.name!r} a second time")
                names |= {port.name} if port.name else set()
        if len(taken) > MOST_PORTS:
            self.note(["containers"], f"must have at most {MOST_PORTS} ports in all")

    def container(self, index: int, container: Container, pod: PodParts, kept: Directories | None, check_image: CheckImage) -> None:
        """One container against the rest."""
        here: list[str | int] = ["containers", index]
        try:
            check_image(container.image)
        except (ValueError, MooringError) as error:
            self.note([*here, "image"], str(error).rstrip("."))
        self.once([*here, "env"], [e.name for e in container.env], "name")
        own = {path for path in (kept.log_path, kept.data_path) if path} if kept else set()
        volumes = {v.name for v in pod.volumes}
        for number, mount in enumerate(container.volume_mounts):
            if mount.name not in volumes and not self._at.is_doubtful("volumes"):
                self.note([*here, "volumeMounts", number, "name"], f"names {mount.name!r}, and volumes has no such entry")
            if mount.mount_path in own:
                self.note([*here, "volumeMounts", number, "mountPath"], "is the place of another volume, or of logPath or dataPath")
            own.add(str(mount.mount_path))
        if kept and {f"{container.name}-log", f"{container.name}-data"} & volumes:
            self.note([*here, "name"], "its log and data directories are volumes of the names of two under volumes; rename those")
        slept, grace = container.lifecycle, pod.termination_grace_period_seconds
        if slept and slept.pre_stop.sleep.seconds >= max(grace, 1):
            self.note([*here, "lifecycle", "preStop", "sleep", "seconds"], end_rule(grace))
        for resource, request, limit in _pairs(container.resources):
            if request is not None and limit is not None and request > limit:
                self.note([*here, "resources", "requests", resource], "must not be more than the limit")
        for probe in ("livenessProbe", "startupProbe"):
            found: Probe | None = container.liveness_probe if probe == "livenessProbe" else container.startup_probe
            if found and found.success_threshold != 1:
                self.note([*here, probe, "successThreshold"], "must be 1 for liveness and startup")


def _pairs(resources: ContainerResources) -> list[tuple[str, Decimal | None, Decimal | None]]:
    """(resource, request, limit) in one unit each."""

    def read(amount: str | None, of: Callable[[str], Decimal | int]) -> Decimal | None:
        return None if amount is None else Decimal(of(amount))

    asked, limits = resources.requests, resources.limits
    return [
        ("cpu", read(asked.cpu, quantities.cores), read(limits.cpu, quantities.cores)),
        ("memory", read(asked.memory, quantities.size), read(limits.memory, quantities.size)),
        ("ephemeral-storage", read(asked.ephemeral_storage, quantities.size), read(limits.ephemeral_storage, quantities.size)),
        ("nvidia.com/gpu", Decimal(asked.gpu) if asked.gpu != limits.gpu and asked.gpu else None, Decimal(limits.gpu)),
    ]


def _container(container: Container, kept: Directories | None, groups: PodReferences, index: int) -> ContainerSpec:
    asked, limits = container.resources.requests, container.resources.limits
    return ContainerSpec(
        name=container.name,
        image=container.image,
        command=tuple(container.command),
        args=tuple(container.args),
        cmd=tuple(container.command) or None,
        expands=True,
        env=tuple(made for variable in container.env if (made := _variable(variable))),
        **groups.of(index, container),
        ports=tuple(Port(protocol=p.protocol, container_port=p.container_port, name=p.name) for p in container.ports),
        resources=Resources(
            cpu=limits.cpu,
            cpu_request=asked.cpu,
            mem=limits.memory,
            mem_request=asked.memory,
            disk=limits.ephemeral_storage,
            disk_request=asked.ephemeral_storage,
            gpu=limits.gpu,
        ),
        log_dir=kept.log_path if kept else None,
        data_dir=kept.data_path if kept else None,
        mounts=tuple(
            Mount(volume=m.name, path=str(m.mount_path), read_only=m.read_only)
            for m in container.volume_mounts
            if not groups.is_group(m.name)
        ),
        liveness_probe=container.liveness_probe,
        readiness_probe=container.readiness_probe,
        startup_probe=container.startup_probe,
        pre_stop_sleep=container.lifecycle.pre_stop.sleep.seconds if container.lifecycle else None,
    )


def _variable(variable: Variable) -> EnvVar | None:
    """A variable whose value the document says, or a field of the instance; entries of groups are no part of `env`."""
    if variable.value_from is None:
        return EnvVar(name=variable.name, value=variable.value or "")
    field = variable.value_from.field_ref
    return EnvVar(name=variable.name, field_path=field.field_path) if field else None
