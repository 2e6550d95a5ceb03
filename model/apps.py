"""Apps: what is asked for (the spec), one life of it (the app), its revisions, and the inputs of its operations (mission B).

A spec has `containers[]` from the start; the manual's create body is the case of one. It does not hold the number of
instances: that is the app's own, so that going back to an older revision leaves the count alone.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from model.base import Frozen
from model.config_mounts import ConfigUse
from model.configs import ConfigKind
from model.gray import GrayPlan, OnFailure
from model.images import ImageRef, parse
from model.layouts import AppType, Layout
from model.operations import Ask
from model.scheduling import Affinity, Probe, ReadinessProbe

DEPLOYMENT = "Deployment"
DEFAULT_CLUSTER = "default"
MOST_INSTANCES = 1000
DEFAULT_DEADLINE = 300
DEFAULT_METRICS_PATH = "/metrics"
OnUnschedulable = Literal["wait", "fail"]


class AppStatus(StrEnum):
    """An app's status as the manual names it; COMPLETED is a Job's that has run to its end."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    UPDATING = "UPDATING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    DELETING = "DELETING"


class AppPhase(StrEnum):
    """What the record knows of an app's life: LIVE holds the name and may have objects, STOPPED has none, DELETED is history."""

    LIVE = "LIVE"
    STOPPED = "STOPPED"
    DELETED = "DELETED"


class EnvVar(Frozen):
    """One environment variable; the value is taken literally, or is a field of the instance itself (Kubernetes: fieldRef)."""

    name: str
    value: str = ""
    field_path: str | None = None


class Port(Frozen):
    """One port a container listens on."""

    protocol: Literal["tcp", "udp"]
    container_port: int
    name: str | None = None


class Resources(Frozen):
    """Requests and limits in one, as Kubernetes quantities; None asks for nothing and sets no limit.

    `cpu_request`, `mem_request` and `disk_request` are asked for where that differs from the limit.
    """

    cpu: str | None = None
    cpu_request: str | None = None
    mem: str | None = None
    mem_request: str | None = None
    disk: str | None = None
    disk_request: str | None = None
    gpu: int = 0


class Mount(Frozen):
    """Where a container sees one of the instance's volumes."""

    volume: str
    path: str
    read_only: bool = False


class SharedVolume(Frozen):
    """An empty directory that an instance's containers share; it ends with the instance (Kubernetes: emptyDir)."""

    name: str
    size_limit: str | None = None


class ContainerSpec(Frozen):
    """One container; images show their tag.

    `command` replaces the image's entrypoint and cmd where it is not empty, `args` its cmd alone. `expands` says that $(NAME)
    in them and in values stands for a variable, as in a pod spec; else all text is literal. `pre_stop_sleep` is how many seconds
    it goes on serving before it is told to end.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    expands: bool = False
    cmd: str | tuple[str, ...] | None = None
    env: tuple[EnvVar, ...] = ()
    config_map: tuple[ConfigUse, ...] = ()
    secret: tuple[ConfigUse, ...] = ()
    ports: tuple[Port, ...] = ()
    resources: Resources = Resources()
    log_dir: str | None = None
    data_dir: str | None = None
    mounts: tuple[Mount, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: ReadinessProbe | None = None
    startup_probe: Probe | None = None
    pre_stop_sleep: int | None = None

    @property
    def asked(self) -> bool:
        """Whether a readiness probe asks it."""
        return self.readiness_probe is not None and not self.readiness_probe.none

    @property
    def uses(self) -> Iterator[tuple[ConfigKind, int, ConfigUse]]:
        """The configuration groups it uses: the kind, the place in the field of that kind, and how."""
        for kind, uses in ((ConfigKind.CONFIGMAP, self.config_map), (ConfigKind.SECRET, self.secret)):
            for index, use in enumerate(uses):
                yield kind, index, use


class JobRun(Frozen):
    """How a Job's instances are run to their end (Kubernetes: JobSpec v1 batch); how many have to complete is the app's own.

    `backoff_limit` is how many tries may fail before the run has; `parallelism` how many run at once, None means one.
    """

    restart_policy: Literal["Never", "OnFailure"] = "Never"
    backoff_limit: int = 6
    parallelism: int | None = None
    active_deadline_seconds: int | None = None


class HostAlias(Frozen):
    """A name that resolves to an address inside the pod (a link of an orchestration)."""

    ip: str
    hostnames: tuple[str, ...]


class AppSpec(Frozen):
    """Everything of an app but its number of instances; immutable, one row per revision.

    `min_ready_seconds` is how long an instance has to be ready until it counts; None leaves it to `model/serving.py`.
    With a `metrics_port` each instance's figures are read there, at `metrics_path`, by the metrics store. A Job has `job`.
    `variables` has by "kind/group/entry" the id of the content that entries of the stack's own groups had which are read as
    variables: a container reads those when it starts, so that another content is another version of the app.
    """

    type: AppType = "Deployment"
    containers: tuple[ContainerSpec, ...] = Field(min_length=1)
    volumes: tuple[SharedVolume, ...] = ()
    network_type: Literal[0, 2] = 0
    node_labels: dict[str, str] = {}
    affinity: Affinity | None = None
    termination_grace_period_seconds: int = 30
    priority_class_name: str | None = None
    host_aliases: tuple[HostAlias, ...] = ()
    min_ready_seconds: int | None = None
    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"
    metrics_port: int | None = None
    metrics_path: str = DEFAULT_METRICS_PATH
    job: JobRun | None = None
    variables: dict[str, str] = {}


class App(Frozen):
    """One life of an app; `id` is the AppID, `layout` what is wanted of its instances now."""

    id: str
    project: str
    project_id: str
    name: str
    type: AppType
    cluster: str
    phase: AppPhase
    layout: Layout
    username: str
    created_at: datetime
    created_by: str

    @property
    def path(self) -> str:
        """Where the API has it, for the next step that a message names."""
        return f"/v2/applications/{self.project}/{self.name}"

    @property
    def replicas(self) -> int:
        """The number of instances wanted."""
        return self.layout.total

    @property
    def revision(self) -> int:
        """The revision in force."""
        return self.layout.revision


class Revision(Frozen):
    """One spec of an app; `digests` by container name once resolved.

    `pinned` are the digests, by container name, of images that are not looked up: those of a rollback, and those that nobody named.
    `copy_of` is the revision that a rollback went back to, by its first number.
    """

    app_id: str
    number: int
    copy_of: int | None = None
    spec: AppSpec
    digests: dict[str, str] = {}
    pinned: dict[str, str] = {}
    created_at: datetime
    created_by: str
    reason: str

    @property
    def origin(self) -> int:
        """Its number, or that of the revision that it is a rollback to."""
        return self.copy_of or self.number

    def images(self, registry: str) -> dict[str, ImageRef]:
        """Each container's image, read; `registry` is the platform's own host."""
        return {c.name: parse(c.image, registry) for c in self.spec.containers}


class AppAsk(Ask):
    """Input of every operation on an app: the app by reference, never its spec."""

    app_id: str


class MoveApp(AppAsk):
    """Input of every operation that takes an app from one layout to another: both by reference (records: layouts).

    `resolve` names the revisions whose images are looked up first. `runs_to_end` says that the app is a Job. Where there is no room
    it waits or fails as `on_unschedulable` says; `notice` is what was said of that when it was asked for.
    """

    before: int
    after: int
    resolve: tuple[int, ...] = ()
    on_failure: OnFailure = "keep"
    runs_to_end: bool = False
    on_unschedulable: OnUnschedulable | None = None
    notice: str = ""


class CreateApp(MoveApp):
    """Input of app.create: deploy for the first time."""


class StartApp(MoveApp):
    """Input of app.start: make a stopped app's objects again; the images of all its versions must still be there."""


class UpgradeApp(MoveApp):
    """Input of app.upgrade, which a rollback is too: every instance comes to `revision`.

    In batches by `gray`; None is at once, as availability allows. `leaves` is the revision that was in force, `restores` the
    earlier one that `revision` repeats. `undoes` is the operation before which the layout was `after`.
    """

    revision: int
    gray: GrayPlan | None = None
    leaves: int | None = None
    restores: int | None = None
    undoes: str | None = None

    @property
    def title(self) -> str:
        """What it does, in words.

        >>> ask = {"operation_id": "op-1", "project": "p", "target": "web", "actor": "ann", "app_id": "a", "before": 1, "after": 2}
        >>> UpgradeApp(**ask, revision=4, leaves=3, restores=2).title
        'Roll back from revision 3 to revision 2 (as revision 4)'
        """
        if self.undoes:
            return f"Return to the versions before {self.undoes} (revision {self.revision})"
        if self.restores:
            return f"Roll back from revision {self.leaves} to revision {self.restores} (as revision {self.revision})"
        return f"Roll to revision {self.revision}"

    @property
    def shown(self) -> dict[str, int | None]:
        """From which revision it goes to which, as replies and the record tell it; `revision` is the one that is in force then."""
        return {"fromRevision": self.leaves, "toRevision": self.restores or self.revision, "revision": self.revision}


class ScaleApp(MoveApp):
    """Input of app.scale: go to `replicas` instances; `gone` names those that go, where they were chosen.

    `marks` says that they are pods of a Deployment, which have to be marked; a TApp's are known by their index. `within` is the
    upgrade in whose pause it is done, `came_from` how many there were: that keeps the app, and goes on from there.
    """

    replicas: int
    gone: tuple[str, ...] = ()
    marks: bool = False
    within: str | None = None
    came_from: int | None = None


class RestartApp(MoveApp):
    """Input of app.restart: every running instance is started anew, as availability allows."""


class InstanceAsk(MoveApp):
    """Input of the operations on one TApp instance, whose target is the app."""

    index: str


class KillInstance(InstanceAsk):
    """Input of instance.kill: stop this one; its index and what belongs to it are kept."""


class StartInstance(InstanceAsk):
    """Input of instance.start: the same index, name and version again."""


class UpdateInstance(InstanceAsk):
    """Input of instance.update: bring this one to `revision`, in place where only images differ."""

    revision: int


class KillApp(AppAsk):
    """Input of app.kill: remove the objects, keep the spec."""


class DeleteApp(AppAsk):
    """Input of app.delete: remove the objects and take the app out of the lists."""


def differences(before: AppSpec, after: AppSpec) -> list[dict[str, Any]]:
    """What changed, as [{field, before, after}] in the order of the spec; container fields as `containers.<name>.<field>`."""
    old, new = _flat(before), _flat(after)
    return [
        {"field": field, "before": old.get(field), "after": new.get(field)}
        for field in dict.fromkeys([*old, *new])
        if old.get(field) != new.get(field)
    ]


def _flat(spec: AppSpec) -> dict[str, Any]:
    whole = spec.model_dump(mode="json", by_alias=True)
    containers = whole.pop("containers")
    named = {f"containers.{c['name']}.{field}": value for c in containers for field, value in c.items() if field != "name"}
    return {**named, **whole}
