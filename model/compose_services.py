"""Modern compose files (`services:`), as far as they have a meaning here (Compose Specification).

A service becomes an app, `depends_on` is the order of starting, and every condition is met by readiness: an app that serves; one
that another waits for to complete is a Job. Only the names in `depends_on` and `links` of what serves resolve inside a service.
Keys without a meaning here are refused with their line.
"""

import math
import re
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from model import quantities
from model.app_bodies import LONGEST_NAME, Argument, EnvName, words
from model.apps import MOST_INSTANCES, AppSpec, ContainerSpec, EnvVar, Port, Resources
from model.base import Input
from model.blueprints import Blueprint, Link, Member, answering
from model.compose import ASSUMED_PORT, MOST_SERVICES
from model.compose import REFUSED as REFUSED_V1
from model.compose_jobs import COMPLETED, UNREACHED, known_restart, run_of, what_is_wrong
from model.documents import Node, Problems, inside, locate, shaped
from model.errors import Invalid, MooringError
from model.jobs import LONGEST_NAME as LONGEST_JOB_NAME
from model.names import check_name
from model.pod_documents import CheckImage
from model.scheduling import ExecAction, Probe
from model.template_rollouts import EXTENSION, AppRollout, Extension, checked, with_amounts

_ALIAS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PORT = re.compile(r"([0-9]{1,5})(?:/(tcp|udp))?")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([bkmg])b?", re.IGNORECASE)
_SPAN = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?(?:([0-9]+)ms)?")
_UNITS = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_LEAST_MEMORY = 4 * 2**20

_MODERN = ("depends_on", "deploy", "healthcheck", "entrypoint", "stop_grace_period", "restart", "scale", "links")
REFUSED: dict[str, str] = {key: told for key, told in REFUSED_V1.items() if key not in _MODERN} | {
    "version": "has no meaning any more; remove it",
    "networks": "has no meaning here: apps of a project share one network; remove it",
    "secrets": "is not carried out; name the group under secret of the app",
    "configs": "is not carried out; name the group under configMap of the app",
    "env_file": "reads a file of the host and is refused; write the entries under environment",
    "pull_policy": "has no meaning here: a tag is resolved to a digest when the app is deployed; remove it",
    "platform": "has no meaning here; remove it",
    "profiles": "has no meaning here: every service is deployed; remove it",
    "init": "has no meaning here; remove it",
    "mode": "has no meaning here: every app has as many instances as it says; remove it",
    "update_config": "is not carried out here; say it under x-mooring.rollout",
    "rollback_config": "is not carried out here; upgrade the stack with onFailure instead",
    "restart_policy": "has no meaning here: instances are always restarted; remove it",
    "placement": "is not carried out; remove it",
    "disable": "has no meaning here; leave the healthcheck out",
    "start_interval": "is not carried out; remove it",
    "published": "a port of the host cannot be chosen; remove it: the cluster picks it, and the app's portmapping tells it",
    "host_ip": "an address of the host cannot be chosen; remove it",
    "pids": "is not carried out; remove it",
    "devices": "reaches for the host and is refused",
    "volumes": REFUSED_V1["volumes"],
}


class Said(Input):
    """A part of a compose file: keys as they are written there."""

    model_config = ConfigDict(alias_generator=None, populate_by_name=True)


def _memory(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value if not value.isdigit() else f"{value}b")
    size = int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if not _LEAST_MEMORY <= size < 2**50:
        raise ValueError("must be bytes, or a number with k, m or g (256m is 256 MiB), at least 4m")
    return str(size)


def _cpus(value: str) -> str:
    if not 0 < quantities.cores(value) <= 10**6:
        raise ValueError("must be cores like 0.5")
    return value


def _span(value: Any) -> Any:
    """Seconds, rounded up: Kubernetes knows no less."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) and value else None
    if found is None or not any(found.groups()):
        raise ValueError('must be a time like "30s" or "1m30s"')
    hours, minutes, seconds, thousandths = (float(part or 0) for part in found.groups())
    return math.ceil(hours * 3600 + minutes * 60 + seconds + thousandths / 1000)


def _port(value: Any) -> Any:
    """The short form of a port becomes the long one."""
    if not isinstance(value, str):
        return value
    found = _PORT.fullmatch(value)
    if ":" in value:
        fix = f'write "{value.rpartition(":")[2]}": the cluster picks the port outside, and the app\'s portmapping tells it'
        raise ValueError(f"a port or address of the host cannot be chosen; {fix}")
    if not found:
        raise ValueError('must be one port from 1 to 65535, like "80" or "53/udp"')
    return {"target": found[1], "protocol": found[2] or "tcp"}


def _words(value: Any) -> Any:
    if not isinstance(value, str) and not (isinstance(value, list) and all(isinstance(word, str) for word in value)):
        raise ValueError("must be a command, or a list of its words")
    words(value)
    return value


def _variables(value: Any) -> Any:
    """A list of NAME=value becomes a mapping."""
    if not isinstance(value, list):
        return value
    pairs: dict[str, str] = {}
    for line in value:
        name, equals, said = str(line).partition("=")
        if not equals:
            raise ValueError(f"would take {name[:80]!r} from the host; write {name[:80]}=value")
        if name in pairs:
            raise ValueError(f"gives {name[:80]!r} a second time")
        pairs[name] = said
    return pairs


def _test(value: Any) -> Any:
    _words(value)
    first, *rest = ["CMD-SHELL", value] if isinstance(value, str) else value or [""]
    if [first, *rest] != ["NONE"] and not (first == "CMD" and rest) and not (first == "CMD-SHELL" and len(rest) == 1):
        raise ValueError('must be a command, or a list that begins with "CMD" or "CMD-SHELL", or ["NONE"]')
    return value


def _dependencies(value: Any) -> Any:
    """A list of names becomes a mapping."""
    return {str(name): {} for name in value} if isinstance(value, list) else value


def _condition(value: str) -> str:
    if value not in ("service_started", "service_healthy", COMPLETED):
        raise ValueError(f"must be service_started, service_healthy or {COMPLETED}")
    return value


Memory = Annotated[str, BeforeValidator(_memory)]
Cpus = Annotated[str, AfterValidator(_cpus)]
Span = Annotated[int, BeforeValidator(_span)]
Words = Annotated[str | list[Argument], BeforeValidator(_words)]


class Amounts(Said):
    """Limits or reservations."""

    cpus: Cpus | None = None
    memory: Memory | None = None


class DeployResources(Said):
    """`deploy.resources`."""

    limits: Amounts = Amounts()
    reservations: Amounts = Amounts()


class Deploy(Said):
    """A service's `deploy`."""

    replicas: Annotated[int, Field(ge=0, le=MOST_INSTANCES)] | None = None
    resources: DeployResources = DeployResources()


class Healthcheck(Said):
    """A service's `healthcheck`: what decides whether an instance serves."""

    test: Annotated[str | list[str], BeforeValidator(_test)]
    interval: Span = 30
    timeout: Span = 30
    retries: Annotated[int, Field(ge=1, le=1000)] = 3
    start_period: Span = 0


class Dependency(Said):
    """One entry of `depends_on`."""

    condition: Annotated[str, AfterValidator(_condition)] = "service_started"
    required: bool = True


class ServicePort(Said):
    """One entry of `ports` or `expose`."""

    target: Annotated[int, Field(ge=1, le=65535)]
    protocol: Literal["tcp", "udp"] = "tcp"


class Service(Said):
    """One service."""

    image: Annotated[str, Field(min_length=1, max_length=512)]
    command: Words | None = None
    entrypoint: Words | None = None
    environment: Annotated[dict[EnvName, Argument], BeforeValidator(_variables)] = {}
    ports: list[Annotated[ServicePort, BeforeValidator(_port)]] = []
    expose: list[Annotated[ServicePort, BeforeValidator(_port)]] = []
    links: list[str] = []
    depends_on: Annotated[dict[str, Dependency], BeforeValidator(_dependencies)] = {}
    deploy: Deploy = Deploy()
    healthcheck: Healthcheck | None = None
    mem_limit: Memory | None = None
    mem_reservation: Memory | None = None
    cpus: Cpus | None = None
    scale: Annotated[int, Field(ge=0, le=MOST_INSTANCES)] | None = None
    stop_grace_period: Span = 30
    restart: Annotated[str, AfterValidator(known_restart)] | None = None
    extension: Annotated[Extension, Field(alias=EXTENSION)] = Extension()

    @property
    def replicas(self) -> int:
        """How many instances; 1 where nothing is said."""
        said = self.scale if self.scale is not None else self.deploy.replicas
        return 1 if said is None else said

    @property
    def aliases(self) -> dict[str, str]:
        """By the name it is reached by the service that is linked; one it depends on is reached by its own."""
        linked = {alias or name: name for name, _, alias in (link.partition(":") for link in self.links)}
        serving = {name: name for name, how in self.depends_on.items() if how.condition != COMPLETED}
        return {**serving, **linked}


class File(Said):
    """The whole file."""

    name: str | None = None
    services: Annotated[dict[str, Service], Field(min_length=1, max_length=MOST_SERVICES)]

    @cached_property
    def jobs(self) -> frozenset[str]:
        """The services that run to their end: others wait for them to complete."""
        return frozenset(name for s in self.services.values() for name, how in s.depends_on.items() if how.condition == COMPLETED)


def parse_services(root: Node, deployment: str, check_image: CheckImage) -> Blueprint:
    """What a file means for the deployment of that name.

    Raises Invalid with every problem found, each with line, column and field.
    """
    problems = Problems()
    file = shaped(File, root, "", problems, REFUSED)
    problems.check("content")
    assert file is not None, "check() raises for what was noted"
    for name, service in file.services.items():
        _check(name, service, file, deployment, check_image, lambda path, told: problems.add(*locate(root, "", path), told))
    rollouts = {name: _rollout(root, name, service, problems) for name, service in file.services.items()}
    problems.check("content")
    _check_order(root, file, problems)
    members = (_member(name, service, f"{deployment}-{name}", rollouts[name]) for name, service in file.services.items())
    return Blueprint(members=tuple(_as_job(m, file) if m.name in file.jobs else m for m in members))


def _check(name: str, service: Service, file: File, deployment: str, check_image: CheckImage, note: Any) -> None:
    here, is_job = ["services", name], name in file.jobs
    for key, told in what_is_wrong(service, is_job=is_job):
        note([*here, key], told)
    try:
        check_name(f"{deployment}-{name}", "name", longest=LONGEST_JOB_NAME if is_job else LONGEST_NAME)
    except Invalid as error:
        note(here, f"its app would be called {deployment}-{name[:80]}, which {error.problems[0].message}")
    try:
        check_image(service.image)
    except (ValueError, MooringError) as error:
        note([*here, "image"], str(error).rstrip("."))
    for other, how in service.depends_on.items():
        if other not in file.services:
            note([*here, "depends_on"], f"names {other!r}, and the file has no such service")
        elif how.condition == "service_healthy" and file.services[other].healthcheck is None:
            note([*here, "depends_on"], f"waits for {other!r} to be healthy, and that has no healthcheck")
    for alias, other in service.aliases.items():
        if other in file.jobs:
            note([*here, "links" if other not in service.depends_on else "depends_on"], UNREACHED.format(other))
        if other not in file.services and other not in service.depends_on:
            note([*here, "links"], f"links {other!r}, and the file has no such service")
        if not (len(alias) <= 253 and _ALIAS.fullmatch(alias)):
            note([*here, "links"], f"{alias[:80]!r} is no host name: lower case letters, digits, '-' and '.'")
    ports = _numbers(service.ports or service.expose)
    if len(set(ports)) < len(ports):
        note([*here, "ports"], "names a port a second time")
    if service.scale is not None and service.deploy.replicas is not None:
        note([*here, "scale"], "is said by deploy.replicas already")


def _check_order(root: Node, file: File, problems: Problems) -> None:
    try:
        TopologicalSorter({name: _after(service) for name, service in file.services.items()}).prepare()
    except CycleError as error:
        path = list(reversed(error.args[1]))
        where = "depends_on" if path[1] in file.services[path[0]].depends_on else "links"
        problems.add(*locate(root, "", ["services", path[0], where]), f"closes a cycle, and no order exists: {' → '.join(path)}")
    problems.check("content")


def _after(service: Service) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*service.depends_on, *service.aliases.values()]))


def _numbers(ports: list[ServicePort]) -> list[tuple[str, int]]:
    return [(port.protocol, port.target) for port in ports]


def _rollout(root: Node, name: str, service: Service, problems: Problems) -> AppRollout | None:
    if service.extension.rollout is None:
        return None
    path = ("services", name, EXTENSION, "rollout")
    return checked(service.extension.rollout, inside(root, *path), ".".join(path), problems, name, replicas=service.replicas)


def _member(name: str, service: Service, app: str, rollout: AppRollout | None) -> Member:
    ports = _numbers([*service.ports, *service.expose])
    answers = answering(ports or [(ASSUMED_PORT.protocol, ASSUMED_PORT.container)])
    return Member(
        name=name,
        app=app,
        spec=with_amounts(_spec(service, app, _numbers(service.ports or service.expose)), rollout),
        rollout=rollout,
        replicas=service.replicas,
        links=tuple(Link(member=other, alias=alias) for alias, other in service.aliases.items()),
        after=_after(service),
        answers=answers,
    )


def _as_job(member: Member, file: File) -> Member:
    spec = member.spec.model_copy(update={"type": "Job", "job": run_of(file.services[member.name].restart)})
    return member.model_copy(update={"spec": spec, "answers": ()})


def _spec(service: Service, app: str, ports: list[tuple[str, int]]) -> AppSpec:
    limits, asked = service.deploy.resources.limits, service.deploy.resources.reservations
    cpu, mem = limits.cpus or service.cpus, limits.memory or service.mem_limit
    container = ContainerSpec(
        name=app,
        image=service.image,
        command=words(service.entrypoint),
        args=words(service.command),
        cmd=tuple(service.command) if isinstance(service.command, list) else service.command,
        env=tuple(EnvVar(name=key, value=value) for key, value in service.environment.items()),
        ports=tuple(Port.model_validate({"protocol": protocol, "container_port": port}) for protocol, port in ports),
        resources=Resources(cpu=cpu, cpu_request=asked.cpus, mem=mem, mem_request=asked.memory or service.mem_reservation),
        readiness_probe=_probe(service.healthcheck),
    )
    grace = service.stop_grace_period
    return AppSpec(containers=(container,), network_type=2 if service.ports else 0, termination_grace_period_seconds=grace)


def _probe(check: Healthcheck | None) -> Probe | None:
    """A healthcheck decides, as in Docker, whether an instance is well; it restarts none, so it is a readiness probe."""
    if check is None or check.test == ["NONE"]:
        return None
    listed = ["CMD-SHELL", check.test] if isinstance(check.test, str) else check.test
    command = ["/bin/sh", "-c", listed[1]] if listed[0] == "CMD-SHELL" else listed[1:]
    return Probe(
        exec=ExecAction(command=command),
        period_seconds=max(1, check.interval),
        timeout_seconds=max(1, check.timeout),
        failure_threshold=check.retries,
    )
