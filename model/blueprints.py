"""What a document of any kind describes: apps, what each comes after, and the names they reach each other by (manual, 应用编排).

Every language of the platform is read into this, so that deploying, planning, drawing and deleting know only one thing.
"""

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter

from pydantic import Field

from model.apps import AppSpec, HostAlias
from model.apps import Port as AppPort
from model.base import Frozen
from model.configs import ConfigKind
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


class Configuration(Frozen):
    """A configuration group of a document: `name` there, `group` in the project; what it holds is shown nowhere."""

    name: str
    group: str
    kind: ConfigKind
    content: dict[str, bytes] = Field(repr=False)

    @property
    def part(self) -> str:
        """What it is called among the parts of its stack; a member's name has no "/"."""
        return f"{self.kind.value}/{self.name}"


class ServicePort(Frozen):
    """One port of a Service of a document."""

    protocol: str
    port: int
    name: str | None = None


class ServiceName(Frozen):
    """A Service of a document: a name and ports that lead to a member."""

    name: str
    member: str
    ports: tuple[ServicePort, ...]


class Route(Frozen):
    """Requests of a host and path (or, unless `exact`, below it) that go to a port of a Service."""

    host: str
    path: str
    exact: bool
    service: str
    port: int


class Tls(Frozen):
    """The hosts whose certificate a Secret of the project has."""

    hosts: tuple[str, ...]
    secret: str


class Entrance(Frozen):
    """An Ingress of a document: `name` there, `ingress` in the project."""

    name: str
    ingress: str
    class_name: str | None
    routes: tuple[Route, ...]
    tls: tuple[Tls, ...] = ()


class Blueprint(Frozen):
    """A whole document, its members in the document's order.

    Its parts are the members and the groups: what is brought to a version by an operation of its own.
    """

    members: tuple[Member, ...]
    groups: tuple[Configuration, ...] = ()
    services: tuple[ServiceName, ...] = ()
    entrances: tuple[Entrance, ...] = ()

    def member(self, name: str) -> Member:
        """The member of that name."""
        return next(member for member in self.members if member.name == name)

    def group(self, part: str) -> Configuration | None:
        """The group of that part's name, None where there is none."""
        return next((group for group in self.groups if group.part == part), None)

    @property
    def has_secrets(self) -> bool:
        """Whether its text has secrets in it."""
        return any(group.kind is ConfigKind.SECRET for group in self.groups)

    @property
    def hosts(self) -> list[str]:
        """The hosts that its Ingresses take requests for, each once."""
        return list(dict.fromkeys(route.host for entrance in self.entrances for route in entrance.routes))

    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """Each part's name → the names of those it comes after: members that are started before it, groups that it uses."""
        parts = {(group.kind, group.group): group.part for group in self.groups}
        return {group.part: () for group in self.groups} | {m.name: (*m.after, *_used(m, parts)) for m in self.members}

    def dependents(self) -> dict[str, tuple[str, ...]]:
        """Each part's name → the names of those that come after it, what it is deleted after."""
        after = self.dependencies()
        return {name: tuple(other for other in after if name in after[other]) for name in reversed(list(after))}

    def levels(self) -> dict[str, int]:
        """Each member's name → its place in the order: 1 for those that come after none, else one more than the last of them."""
        after = {member.name: member.after for member in self.members}
        levels: dict[str, int] = {}
        for name in TopologicalSorter(after).static_order():
            levels[name] = 1 + max((levels[other] for other in after[name]), default=0)
        return levels

    def linked(self) -> list[Member]:
        """The members that another one, or an Ingress, reaches by a name, in the document's order."""
        names = {link.member for member in self.members for link in member.links}
        routed = {route.service for entrance in self.entrances for route in entrance.routes}
        names |= {service.member for service in self.services if service.name in routed}
        return [member for member in self.members if member.name in names]


def completed(member: Member, addresses: Mapping[str, str], contents: Mapping[str, str] | None = None) -> AppSpec:
    """The member's spec with its links' names standing for `addresses`, which are by member name.

    `contents` has the ids of what the document's groups hold, by "kind/group/entry": those that are read as variables are noted.
    """
    hostnames: dict[str, list[str]] = {}
    for link in member.links:
        hostnames.setdefault(addresses[link.member], []).append(link.alias)
    aliases = tuple(HostAlias(ip=ip, hostnames=tuple(names)) for ip, names in hostnames.items())
    read = {
        place
        for container in member.spec.containers
        for kind, _, use in container.uses
        for key in use.key
        if use.type == "Env" and (place := f"{kind.value}/{use.name}/{key}") in (contents or {})
    }
    variables = {place: (contents or {})[place] for place in sorted(read)}
    return member.spec.model_copy(update={"host_aliases": aliases, "variables": variables})


def is_group(part: str) -> bool:
    """Whether a part of a stack is a group, by its name."""
    return "/" in part


def _used(member: Member, parts: Mapping[tuple[ConfigKind, str], str]) -> list[str]:
    places = ((kind, use.name) for container in member.spec.containers for kind, _, use in container.uses)
    return list(dict.fromkeys(parts[place] for place in places if place in parts))


def answering(ports: Iterable[tuple[str, int]]) -> tuple[Answer, ...]:
    """The address answers on each (protocol, port) as the container does, each once."""
    return tuple(Answer(protocol=protocol, port=port, target=port) for protocol, port in dict.fromkeys(ports))
