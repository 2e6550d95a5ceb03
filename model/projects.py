"""Projects: a tenant, and in its cluster one namespace of the same name (mission, first page)."""

from datetime import datetime
from enum import StrEnum

from model.base import Body
from model.operations import Ask


class ProjectStatus(StrEnum):
    """CREATING and DELETING while the operation runs or after it failed; ACTIVE when the namespace stands."""

    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    DELETING = "DELETING"


class Project(Body):
    """A project as the API shows it."""

    id: str
    name: str
    description: str
    status: ProjectStatus
    created_at: datetime
    created_by: str


class Member(Body):
    """One member of a project."""

    user: str
    role: str


class CreateProject(Ask):
    """Input of project.create."""


class DeleteProject(Ask):
    """Input of project.delete."""

    cascade: bool = False
