"""What a document of any kind describes: apps, what each comes after, and the names they reach each other by (manual, 应用编排).

Every language of the platform is read into this, so that deploying, planning, drawing and deleting know only one thing.
"""

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter

from model.apps import AppSpec, HostAlias
from model.apps import Port as AppPort
from model.base import Frozen
from model.template_rollouts import AppRollout


class Link(Frozen):
    """A name by which a member reaches another one."""

    member: str
    alias: str


class Answer(Frozen):
    """A port that a member's address answers on, and the container's port behind it."""

    protocol: str
    port: int
    target: int


class Member(Frozen):
    """One app of a document: `name` in the document, `app` in the project; the spec without what its links stand for.

    `replicas` is None where the document says nothing. `after` names the members it is started after, `rollout`
    says how its upgrades go.
    """

    name: str
    app: str
    spec: AppSpec
    replicas: int | None = None
    links: tuple[Link, ...] = ()
    after: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()
    rollout: AppRollout | None = None

    @property
    def ports(self) -> tuple[AppPort, ...]:
        """All its containers' ports."""
        return tuple(port for container in self.spec.containers for port in container.ports)

    @property
    def image(self) -> str:
        """The first container's image."""
        return self.spec.containers[0].image


class Blueprint(Frozen):
    """A whole document, its members in the document's order."""

    members: tuple[Member, ...]

    def member(self, name: str) -> Member:
        """The member of that name."""
        return next(member for member in self.members if member.name == name)

    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """Each member's name → the names of those it is started after."""
        return {member.name: member.after for member in self.members}

    def dependents(self) -> dict[str, tuple[str, ...]]:
        """Each member's name → the names of those that are started after it, what it is deleted after."""
        after = self.dependencies()
        return {name: tuple(other for other in after if name in after[other]) for name in reversed(list(after))}

    def levels(self) -> dict[str, int]:
        """Each member's name → its place in the order: 1 for those that come after none, else one more than the last of them."""
        after = self.dependencies()
        levels: dict[str, int] = {}
        for name in TopologicalSorter(after).static_order():
            levels[name] = 1 + max((levels[other] for other in after[name]), default=0)
        return levels

    def linked(self) -> list[Member]:
        """The members that another one reaches by a name, in the document's order."""
        names = {link.member for member in self.members for link in member.links}
        return [member for member in self.members if member.name in names]


def with_aliases(member: Member, addresses: Mapping[str, str]) -> AppSpec:
    """The member's spec with its links' names standing for `addresses`, which are by member name."""
    hostnames: dict[str, list[str]] = {}
    for link in member.links:
        hostnames.setdefault(addresses[link.member], []).append(link.alias)
    aliases = tuple(HostAlias(ip=ip, hostnames=tuple(names)) for ip, names in hostnames.items())
    return member.spec.model_copy(update={"host_aliases": aliases})


def answering(ports: Iterable[tuple[str, int]]) -> tuple[Answer, ...]:
    """The address answers on each (protocol, port) as the container does, each once."""
    return tuple(Answer(protocol=protocol, port=port, target=port) for protocol, port in dict.fromkeys(ports))
