"""Modern compose files (`services:`), as far as they have a meaning here (Compose Specification).

A service becomes an app, `depends_on` is the order of starting, and every condition is met by readiness: an app that serves; one
that another waits for to complete is a Job. Only the names in `depends_on` and `links` of what serves resolve inside a service.
Keys without a meaning here are refused with their line.
"""

import math
import re
from graphlib import CycleError, TopologicalSorter

from model.app_bodies import LONGEST_NAME, words
from model.apps import AppSpec, ContainerSpec, EnvVar, Port, Resources
from model.blueprints import Blueprint, Link, Member, answering
from model.compose import ASSUMED_PORT
from model.compose_jobs import UNREACHED, run_of, what_is_wrong
from model.compose_shapes import LANGUAGE, File, Healthcheck, Service, ServicePort
from model.documents import Node, Problems
from model.errors import Invalid, MooringError
from model.interpolation import plain_dollars
from model.jobs import LONGEST_NAME as LONGEST_JOB_NAME
from model.names import check_name
from model.pod_documents import CheckImage
from model.scheduling import ExecAction, Probe, ReadinessProbe
from model.shaping import Shaped, inside, locate, partly
from model.template_rollouts import EXTENSION, AppRollout, checked, with_amounts

_ALIAS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_START_INTERVAL = 5  # seconds between checks before the first success (Compose Specification: start_interval's default)
_MOST_FAILURES = 1000  # of a probe


def parse_services(root: Node, deployment: str, check_image: CheckImage, problems: Problems) -> Blueprint:
    """What a file means for the deployment of that name; `problems` has what was noted of it already.

    Raises Invalid with every problem found, each with line, column and field.
    """
    found = partly(File, plain_dollars(root, problems), "", problems, LANGUAGE)
    if found.said is None:
        problems.check("content")
        raise AssertionError("check() raises for what was noted")
    _Checks(found, found.said, deployment, problems).all(check_image)
    file = found.said
    rollouts = {name: _rollout(found.node, name, service, problems) for name, service in file.services.items()}
    _check_order(found.node, file, problems)
    problems.check("content")
    members = (_member(name, service, f"{deployment}-{name}", rollouts[name]) for name, service in file.services.items())
    return Blueprint(members=tuple(_as_job(m, file) if m.name in file.jobs else m for m in members))


class _Checks:
    """What the services of a file must be to each other; of what was left out as wrong nothing is said."""

    def __init__(self, found: Shaped[File], file: File, deployment: str, problems: Problems) -> None:
        self._found, self._file = found, file
        self._deployment = deployment
        self._problems = problems

    def all(self, check_image: CheckImage) -> None:
        """Note what is wrong, each at its place."""
        services = self._file.services
        unsure = any(self._found.is_doubtful("services", name, "depends_on") for name in services)
        for name, service in services.items():
            if not unsure:  # who runs to its end is known by who waits for it
                for key, told in what_is_wrong(service, is_job=name in self._file.jobs):
                    self._note([name, key], told)
            self._name(name)
            self._image(name, service, check_image)
            self._reaches(name, service)
            ports = _numbers(service.ports or service.expose)
            if len(set(ports)) < len(ports):
                self._note([name, "ports"], "names a port a second time")
            if service.scale is not None and service.deploy.replicas is not None:
                self._note([name, "scale"], "is said by deploy.replicas already")

    def _note(self, path: list[str | int], told: str) -> None:
        self._problems.add(*locate(self._found.node, "", ["services", *path]), told)

    def _has(self, service: str) -> bool:
        """Whether the file has it, right or wrong."""
        return service in self._file.services or self._found.is_doubtful("services", service)

    def _name(self, name: str) -> None:
        longest = LONGEST_JOB_NAME if name in self._file.jobs else LONGEST_NAME
        try:
            check_name(f"{self._deployment}-{name}", "name", longest=longest)
        except Invalid as error:
            self._note([name], f"its app would be called {self._deployment}-{name[:80]}, which {error.problems[0].message}")

    def _image(self, name: str, service: Service, check_image: CheckImage) -> None:
        try:
            check_image(service.image)
        except (ValueError, MooringError) as error:
            self._note([name, "image"], str(error).rstrip("."))

    def _reaches(self, name: str, service: Service) -> None:
        for other, how in service.depends_on.items():
            if not self._has(other):
                self._note([name, "depends_on"], f"names {other!r}, and the file has no such service")
            elif how.condition == "service_healthy" and self._is_unchecked(other):
                self._note([name, "depends_on"], f"waits for {other!r} to be healthy, and that has no healthcheck")
        for alias, other in service.aliases.items():
            if other in self._file.jobs:
                self._note([name, "links" if other not in service.depends_on else "depends_on"], UNREACHED.format(other))
            if not self._has(other) and other not in service.depends_on:
                self._note([name, "links"], f"links {other!r}, and the file has no such service")
            if not (len(alias) <= 253 and _ALIAS.fullmatch(alias)):
                self._note([name, "links"], f"{alias[:80]!r} is no host name: lower case letters, digits, '-' and '.'")

    def _is_unchecked(self, name: str) -> bool:
        found = self._file.services.get(name)
        return found is not None and found.healthcheck is None and not self._found.is_doubtful("services", name, "healthcheck")


def _check_order(root: Node, file: File, problems: Problems) -> None:
    try:
        TopologicalSorter({name: _after(service) for name, service in file.services.items()}).prepare()
    except CycleError as error:
        path = list(reversed(error.args[1]))
        where = "depends_on" if path[1] in file.services[path[0]].depends_on else "links"
        problems.add(*locate(root, "", ["services", path[0], where]), f"closes a cycle, and no order exists: {' → '.join(path)}")


def _after(service: Service) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*service.depends_on, *service.aliases.values()]))


def _numbers(ports: list[ServicePort]) -> list[tuple[str, int]]:
    return [(port.protocol, port.target) for port in ports]


def _rollout(root: Node, name: str, service: Service, problems: Problems) -> AppRollout | None:
    here = ("services", name, EXTENSION)
    if service.extension.lifecycle:
        service.extension.check(service.stop_grace_period, inside(root, *here), ".".join(here), problems)
    if service.extension.rollout is None:
        return None
    path = (*here, "rollout")
    return checked(service.extension.rollout, inside(root, *path), ".".join(path), problems, name, replicas=service.replicas)


def _member(name: str, service: Service, app: str, rollout: AppRollout | None) -> Member:
    ports = _numbers([*service.ports, *service.expose])
    answers = answering(ports or [(ASSUMED_PORT.protocol, ASSUMED_PORT.container)])
    return Member(
        name=name,
        app=app,
        spec=with_amounts(service.extension.of(_spec(service, app, _numbers(service.ports or service.expose))), rollout),
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
        **_probes(service.healthcheck),
    )
    grace = service.stop_grace_period
    return AppSpec(containers=(container,), network_type=2 if service.ports else 0, termination_grace_period_seconds=grace)


def _probes(check: Healthcheck | None) -> dict[str, Probe]:
    """A healthcheck decides, as in Docker, whether an instance is well; it restarts none, so it is a readiness probe.

    With `start_period` a startup probe comes before it, by which an instance has that time, and its retries after it, to be well
    for the first time; one that is not by then is begun anew. `retries` count from its first success.
    """
    if check is None:
        return {}
    if check.test == ["NONE"]:
        return {"readiness_probe": ReadinessProbe(none=True)}
    listed = ["CMD-SHELL", check.test] if isinstance(check.test, str) else check.test
    action = ExecAction(command=["/bin/sh", "-c", listed[1]] if listed[0] == "CMD-SHELL" else listed[1:])
    every, lasts, tries = check.interval, check.timeout, check.retries
    ready = ReadinessProbe(exec=action, period_seconds=every, timeout_seconds=lasts, failure_threshold=tries)
    if not check.start_period:
        return {"readiness_probe": ready}
    period = min(every, _START_INTERVAL)
    window = min(math.ceil((check.start_period + every * tries) / period), _MOST_FAILURES)
    begun = Probe(exec=action, period_seconds=period, timeout_seconds=lasts, failure_threshold=window)
    return {"readiness_probe": ready, "startup_probe": begun}
