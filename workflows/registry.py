"""Every kind of operation, a line each; from it come registration, routes' starts, permissions, the crash matrix and the docs."""

from dataclasses import dataclass
from functools import cached_property
from typing import get_type_hints

from model.operations import Ask
from workflows.apps import AppCreate, AppDelete, AppKill, AppRestart, AppScale, AppStart
from workflows.builds import ImageBuild
from workflows.configs import ConfigApply
from workflows.instances import InstanceKill, InstanceStart, InstanceUpdate
from workflows.operation import Operation
from workflows.projects import ProjectCreate, ProjectDelete
from workflows.releases import ObjectRelease
from workflows.stacks import StackDelete, StackDeploy, StackUpgrade
from workflows.upgrades import AppUpgrade


@dataclass(frozen=True)
class Kind:
    """One kind of operation; name and input model are read off the workflow itself.

    What `waits` is admitted as there are places for it (records/admission.py).
    """

    workflow: type[Operation]
    target: str
    permission: str
    queue: str = "control"
    deadline_seconds: int = 300
    waits: bool = True

    @property
    def pool(self) -> str | None:
        """Whose places an operation of it needs one of, as long as it works; None for what is not to wait for others."""
        return self.queue if self.waits else None

    @cached_property
    def name(self) -> str:
        """The pinned name, `noun.verb`."""
        return str(getattr(self.workflow, "__temporal_workflow_definition").name)

    @cached_property
    def ask(self) -> type[Ask]:
        """The input model."""
        found: type[Ask] = get_type_hints(self.workflow.run)["ask"]  # type: ignore[attr-defined]
        return found


KINDS: tuple[Kind, ...] = (
    Kind(ProjectCreate, target="project", permission="platform:admin", deadline_seconds=60, waits=False),
    Kind(ProjectDelete, target="project", permission="project:write", deadline_seconds=1800, waits=False),
    Kind(ObjectRelease, target="object", permission="platform:admin", waits=False),
    Kind(AppCreate, target="app", permission="app:write"),
    Kind(AppStart, target="app", permission="app:write"),
    Kind(AppUpgrade, target="app", permission="app:write"),
    Kind(AppScale, target="app", permission="app:write"),
    Kind(AppRestart, target="app", permission="app:write"),
    Kind(AppKill, target="app", permission="app:write"),
    Kind(AppDelete, target="app", permission="app:write"),
    Kind(InstanceKill, target="app", permission="app:write"),
    Kind(InstanceStart, target="app", permission="app:write"),
    Kind(InstanceUpdate, target="app", permission="app:write"),
    Kind(StackDeploy, target="stack", permission="stack:write", deadline_seconds=1800),
    Kind(StackUpgrade, target="stack", permission="stack:write", deadline_seconds=1800),
    Kind(StackDelete, target="stack", permission="stack:write", deadline_seconds=3600),
    Kind(ConfigApply, target="config", permission="config:write", waits=False),
    Kind(ImageBuild, target="build", permission="build:write", queue="builds", deadline_seconds=1800),
)

BY_NAME = {kind.name: kind for kind in KINDS}
BY_WORKFLOW = {kind.workflow: kind for kind in KINDS}
QUEUES = {kind.name: kind.queue for kind in KINDS}
