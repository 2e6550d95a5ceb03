"""The compose v1 language (manual, compose编排接口): services at the top level, each an app, ordered by their links.

`256m` is MiB, `cpu_shares` 1024 is one core, `links` name what must be ready before, `ports` are published by NAT and `expose`
opens ports for links only; everything else that docker-compose knows is refused by name and line, above all what reaches for
the host (targets S7). `x-mooring` is this platform's own, other `x-…` are passed over. `$$` is a dollar; nothing is filled in.
"""

import re
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from typing import Literal

import yaml

from model.app_bodies import LONGEST_NAME, words
from model.apps import AppSpec, ContainerSpec, EnvVar, Resources
from model.apps import Port as AppPort
from model.base import Frozen
from model.blueprints import Blueprint, Member, answering
from model.blueprints import Link as BlueprintLink
from model.documents import MERGE, Node, Problems, Unread, entries, is_null, items, join, read, text
from model.errors import Invalid, MooringError
from model.interpolation import is_extension, plain_dollars
from model.known_keys import COMPOSE
from model.names import check_name
from model.quantities import compose_size
from model.shaping import Language, inside, shaped
from model.template_rollouts import EXTENSION, AppRollout, ServiceExtension, checked, with_amounts

MOST_SERVICES = 200
MOST_REPLICAS = 1000
LEAST_MEMORY = 4 * 1024 * 1024
GRACE = 30  # seconds; the language has no word for it

_HOST = "reaches for the host and is refused"
_LATER = "is not part of this compose language; remove it"
REFUSED: dict[str, str] = {
    **dict.fromkeys(("devices", "privileged", "cap_add", "security_opt", "cgroup_parent", "ulimits", "pid", "ipc", "uts"), _HOST),
    **dict.fromkeys(("userns_mode", "sysctls", "tmpfs", "mac_address", "device_cgroup_rules", "runtime", "isolation"), _HOST),
    **dict.fromkeys(("cap_drop", "cpu_quota", "cpuset", "dns", "dns_search", "domainname", "entrypoint", "external_links"), _LATER),
    **dict.fromkeys(("extra_hosts", "healthcheck", "hostname", "labels", "log_driver", "log_opt", "logging", "networks"), _LATER),
    **dict.fromkeys(("mem_swappiness", "memswap_limit", "oom_score_adj", "read_only", "restart", "scale", "shm_size"), _LATER),
    **dict.fromkeys(("stdin_open", "stop_grace_period", "stop_signal", "tty", "user", "working_dir"), _LATER),
    "volumes": "is refused: directories and sockets of the host stay the host's, and no disk outlives an instance here yet",
    "volumes_from": "shares another container's directories and is refused",
    "volume_driver": "reaches for the host's storage and is refused",
    "network_mode": "joins the host's or another container's network and is refused; apps of one stack reach each other by links",
    "net": "joins the host's or another container's network and is refused; apps of one stack reach each other by links",
    "extends": "reads another document and is refused; write the service out",
    "include": "reads another document and is refused; write the services out",
    "env_file": "reads a file of the host and is refused; write the entries under environment",
    "build": "builds from a directory of the host and is refused; build the image with a build project and name it as image",
    "dockerfile": "builds from a directory of the host and is refused; build the image with a build project and name it as image",
    "depends_on": "is not compose v1; name the services under links",
    "deploy": "is not compose v1; use replicas, mem_limit and cpu_shares",
    "container_name": "is not supported; an app is called deployment name + '-' + service name",
}

LANGUAGE = Language("Compose", COMPOSE, REFUSED)
_OTHER_VERSIONS = {
    "version": "belongs to compose v2 and v3; write the services at the top level",
    "services": "belongs to compose v2 and v3; write the services at the top level",
    "include": REFUSED["include"],
}


class Link(Frozen):
    """What a service depends on, and the host name it reaches it by."""

    service: str
    alias: str


class Port(Frozen):
    """A port a container listens on."""

    container: int
    protocol: Literal["tcp", "udp"]


# No text of a variable is quoted: a slip may have put a value where its name belongs.
NO_VALUE = "has no '=' and would be taken from the host; write NAME=value"
# A link without any port said: the address then answers on the port that such images have always served.
ASSUMED_PORT = Port(container=80, protocol="tcp")


class Service(Frozen):
    """One service of a compose document; memory in bytes, cpu in thousandths of a core, None where nothing is said.

    `ports` are published outside the cluster, `expose` is for linked services only.
    """

    name: str
    image: str
    links: tuple[Link, ...] = ()
    replicas: int = 1
    memory: int | None = None
    cpu: int | None = None
    environment: tuple[tuple[str, str], ...] = ()
    command: str | tuple[str, ...] | None = None
    ports: tuple[Port, ...] = ()
    expose: tuple[Port, ...] = ()
    rollout: AppRollout | None = None
    extension: ServiceExtension = ServiceExtension()


class Compose(Frozen):
    """A whole document, services in its order."""

    services: tuple[Service, ...]

    def blueprint(self, deployment: str) -> Blueprint:
        """What the deployment of that name makes of it; each app is called deployment name + "-" + service name (mission D)."""
        return Blueprint(members=tuple(_member(service, f"{deployment}-{service.name}") for service in self.services))


CheckImage = Callable[[str], object]


def parse(content: str, deployment: str, check_image: CheckImage = lambda _: None) -> Compose:
    """Read a compose v1 document for the deployment of that name; `check_image` raises ValueError or an error of ours.

    Raises TooLarge, or Invalid with every problem found, each with line, column and field.
    """
    problems = Problems()
    return parse_root(read(content, problems), deployment, check_image, problems)


def parse_root(root: Node | None, deployment: str, check_image: CheckImage, problems: Problems) -> Compose:
    """As `parse`, of a document that is read already; `problems` has what was noted of it."""
    if root is None or is_null(root):
        problems.add(root, "content", "is empty; describe at least one service")
        problems.check("content")
    assert root is not None
    found = entries(plain_dollars(root, problems), "", problems)
    found = {name: pair for name, pair in found.items() if not (is_extension(name) and "image" not in _keys(pair[1]))}
    if len(found) > MOST_SERVICES:
        problems.add(root, "content", f"has {len(found)} services; at most {MOST_SERVICES} are taken: split the stack")
        problems.check("content")
    services = []
    for name, (key, value) in found.items():
        _check_name(name, key, deployment, problems)
        services.append(_service(name, key, value, check_image, problems))
    _check_links(found, services, problems)
    problems.check("content")
    return Compose(services=tuple(services))


def _member(service: Service, app: str) -> Member:
    return Member(
        name=service.name,
        app=app,
        spec=with_amounts(service.extension.of(_spec(service, app)), service.rollout),
        rollout=service.rollout,
        replicas=service.replicas,
        links=tuple(BlueprintLink(member=link.service, alias=link.alias) for link in service.links),
        after=tuple(dict.fromkeys(link.service for link in service.links)),
        answers=answering((p.protocol, p.container) for p in (*service.ports, *service.expose) or (ASSUMED_PORT,)),
    )


def _spec(service: Service, app: str) -> AppSpec:
    """`command` replaces the image's cmd and leaves its entrypoint, `cpu_shares` is a weight and so a request without a limit.

    Source: docker-compose v1, command and cpu_shares.
    """
    container = ContainerSpec(
        name=app,
        image=service.image,
        args=words(service.command),
        cmd=service.command,
        env=tuple(EnvVar(name=key, value=value) for key, value in service.environment),
        ports=tuple(AppPort(protocol=p.protocol, container_port=p.container) for p in service.ports or service.expose),
        resources=Resources(
            cpu_request=None if service.cpu is None else f"{service.cpu}m",
            mem=None if service.memory is None else str(service.memory),
        ),
    )
    return AppSpec(containers=(container,), network_type=2 if service.ports else 0, termination_grace_period_seconds=GRACE)


def _check_name(name: str, key: Node, deployment: str, problems: Problems) -> None:
    try:
        check_name(f"{deployment}-{name}", "name", longest=LONGEST_NAME)
    except Invalid as error:
        problems.add(key, join("", name), f"its app would be called {deployment}-{name[:80]}, which {error.problems[0].message}")


def _service(name: str, key: Node, node: Node, check_image: CheckImage, problems: Problems) -> Service:
    if name in _OTHER_VERSIONS and "image" not in _keys(node):
        problems.add(key, name, _OTHER_VERSIONS[name])
        return Service(name=name, image="")
    said: dict[str, object] = {}
    given = entries(node, name, problems)
    merged = MERGE in given and isinstance(given[MERGE][1], Unread)
    for word, (place, value) in given.items():
        field = join(name, word)
        if word == EXTENSION or is_extension(word) or (word == MERGE and merged):
            continue  # its own is read last: it counts the replicas
        if word in READERS:
            said |= READERS[word](value, field, problems)
        else:
            problems.add(place, field, LANGUAGE.unknown(word))
    if "image" in said:
        try:
            check_image(str(said["image"]))
        except (ValueError, MooringError) as error:
            problems.add(given["image"][1], join(name, "image"), str(error).rstrip("."))
    elif "image" not in given and not merged and isinstance(node, yaml.MappingNode):
        problems.add(key, join(name, "image"), "is required")
    made = Service.model_validate({"name": name, "image": "", **said})
    return _extended(made, given[EXTENSION][1], problems) if EXTENSION in given else made


def _extended(service: Service, node: Node, problems: Problems) -> Service:
    field = join(service.name, EXTENSION)
    found = shaped(ServiceExtension, node, field, problems)
    if found is None:
        return service
    found.check(GRACE, node, field, problems)
    service = service.model_copy(update={"extension": found})
    if found.rollout is None:
        return service
    place, name, count = inside(node, "rollout"), f"{field}.rollout", service.replicas
    return service.model_copy(update={"rollout": checked(found.rollout, place, name, problems, service.name, replicas=count)})


def _keys(node: Node) -> set[str]:
    return {str(key.value) for key, _ in node.value} if isinstance(node, yaml.MappingNode) else set()


def _check_links(found: dict[str, tuple[Node, Node]], services: list[Service], problems: Problems) -> None:
    """Every link names a service of the document, no alias stands for two, and no chain of links leads back."""
    graph: dict[str, list[str]] = {}
    for service in services:
        aliases: dict[str, str] = {}
        for index, link in enumerate(service.links):
            field, place = f"{service.name}.links[{index}]", _link_place(found[service.name][1], index)
            if link.service not in found:
                problems.add(place, field, f"links {link.service!r}, and the document has no such service")
            elif aliases.setdefault(link.alias, link.service) != link.service:
                problems.add(place, field, f"{link.alias!r} stands for {aliases[link.alias]!r} already")
            else:
                graph.setdefault(service.name, []).append(link.service)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        path = list(reversed(error.args[1]))
        index = [link.service for link in next(s for s in services if s.name == path[0]).links].index(path[1])
        place = _link_place(found[path[0]][1], index)
        problems.add(place, f"{path[0]}.links[{index}]", f"closes a cycle, and no order exists: {' → '.join(path)}")


def _link_place(service: Node, index: int) -> Node:
    node: Node = next(value for key, value in service.value if key.value == "links").value[index]
    return node


# Readers: each takes a value's node and returns the Service fields it says; what is wrong is noted and left out.
_ALIAS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PORT = re.compile(r"([0-9]{1,5})(?:/(tcp|udp))?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def _image(node: Node, field: str, problems: Problems) -> dict[str, object]:
    said = text(node, field, problems)
    return {} if said is None else {"image": said}


def _links(node: Node, field: str, problems: Problems) -> dict[str, object]:
    links = []
    for place, item in items(node, field, problems):
        said = text(item, place, problems)
        service, _, alias = (said or "").partition(":")
        alias = alias or service
        if said is not None and not (len(alias) <= 253 and _ALIAS.fullmatch(alias)):
            problems.add(item, place, f"{alias[:80]!r} is no host name: lower case letters, digits, '-' and '.'")
        links.append(Link(service=service, alias=alias))
    return {"links": tuple(links)}


def _replicas(node: Node, field: str, problems: Problems) -> dict[str, object]:
    number = _whole(node, field, problems, 1, MOST_REPLICAS)
    return {} if number is None else {"replicas": number}


def _mem_limit(node: Node, field: str, problems: Problems) -> dict[str, object]:
    said = text(node, field, problems)
    if said is None:
        return {}
    try:
        memory = compose_size(said)
    except ValueError as error:
        problems.add(node, field, str(error))
        return {}
    if not LEAST_MEMORY <= memory < 2**50:
        problems.add(node, field, "must be at least 4m and below 1 PiB")
    return {"memory": memory}


def _cpu_shares(node: Node, field: str, problems: Problems) -> dict[str, object]:
    """1024 shares are one core; 512 → 500 thousandths, 1 → 1 (Kubernetes knows no less)."""
    shares = _whole(node, field, problems, 1, 1024 * 1024)
    return {} if shares is None else {"cpu": max(1, round(shares * 1000 / 1024))}


def _environment(node: Node, field: str, problems: Problems) -> dict[str, object]:
    pairs: dict[str, str] = {}
    if isinstance(node, yaml.SequenceNode):
        for place, item in items(node, field, problems):
            written = text(item, place, problems)
            if written is not None:
                _listed(written, item, place, pairs, problems)
    elif not is_null(node):
        for name, (_, value) in entries(node, field, problems).items():
            if is_null(value):
                problems.add(value, join(field, name), "would be taken from the host; give it a value")
            elif (said := text(value, join(field, name), problems)) is not None:
                _variable(name, said, value, join(field, name), pairs, problems)
    return {"environment": tuple(pairs.items())}


def _listed(written: str, node: Node, field: str, pairs: dict[str, str], problems: Problems) -> None:
    name, equals, value = written.partition("=")
    if not equals:
        problems.add(node, field, NO_VALUE)
    elif name in pairs:
        problems.add(node, field, "gives a variable of this name a second time")
    else:
        _variable(name, value, node, field, pairs, problems)


def _variable(name: str, value: str, node: Node, field: str, pairs: dict[str, str], problems: Problems) -> None:
    if not _VARIABLE.fullmatch(name):
        problems.add(node, field, "the name must start with a letter or '_' and contain only letters, digits, '_', '.', '-'")
    pairs[name] = value


def _command(node: Node, field: str, problems: Problems) -> dict[str, object]:
    if isinstance(node, yaml.SequenceNode):
        return {"command": tuple(text(item, place, problems) or "" for place, item in items(node, field, problems))}
    said = text(node, field, problems)
    if said is None:
        return {}
    try:
        words(said)
    except ValueError as error:
        problems.add(node, field, str(error))
    return {"command": said}


def _ports(node: Node, field: str, problems: Problems) -> dict[str, object]:
    ports: list[Port] = []
    for place, item in items(node, field, problems):
        port = _port(item, place, problems)
        if port in ports:
            problems.add(item, place, f"names {port.container}/{port.protocol} a second time")
        elif port:
            ports.append(port)
    return {field.rpartition(".")[2]: tuple(ports)}


def _port(node: Node, field: str, problems: Problems) -> Port | None:
    said = text(node, field, problems)
    if said is None:
        return None
    found = _PORT.fullmatch(said)
    if not found:
        _, colon, container = said[:80].rpartition(":")
        fix = f'write "{container}": the cluster picks the port outside, and the app\'s portmapping tells it'
        rule = f"a port or address of the host cannot be chosen; {fix}" if colon else 'must be one port, like "80" or "53/udp"'
        problems.add(node, field, rule)
    elif not 0 < int(found[1]) < 65536:
        problems.add(node, field, "a port is a number from 1 to 65535")
    else:
        return Port.model_validate({"container": int(found[1]), "protocol": found[2] or "tcp"})
    return None


def _whole(node: Node, field: str, problems: Problems, least: int, most: int) -> int | None:
    said = text(node, field, problems)
    if said is None:
        return None
    if not (said.isascii() and said.isdigit() and len(said) <= 12 and least <= int(said) <= most):
        problems.add(node, field, f"must be a whole number from {least} to {most}")
        return None
    return int(said)


READERS: dict[str, Callable[[Node, str, Problems], dict[str, object]]] = {
    "image": _image,
    "links": _links,
    "replicas": _replicas,
    "mem_limit": _mem_limit,
    "cpu_shares": _cpu_shares,
    "environment": _environment,
    "command": _command,
    "ports": _ports,
    "expose": _ports,
}
