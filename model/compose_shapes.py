"""The parts of a modern compose file, and why other keys are refused (Compose Specification)."""

import math
import re
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo

from model import quantities
from model.app_bodies import ENV_NAME, ENV_NAME_RULE, Argument, EnvName, words
from model.apps import MOST_INSTANCES
from model.base import Input
from model.compose import MOST_SERVICES, NO_VALUE
from model.compose import REFUSED as REFUSED_V1
from model.compose_jobs import COMPLETED, known_restart
from model.documents import Node
from model.interpolation import is_extension
from model.known_keys import COMPOSE
from model.shaping import Language, Path, Several
from model.template_rollouts import EXTENSION, ServiceExtension

_PORT = re.compile(r"([0-9]{1,5})(?:/(tcp|udp))?")
_SPAN = re.compile("".join(rf"(?:([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?){unit})?" for unit in ("h", "m", "s", "ms", "us", "ns")))
_SECONDS = tuple(Decimal(of) for of in ("3600", "60", "1", "0.001", "0.000001", "0.000000001"))
_LONGEST_SPAN = 3600
_LEAST_MEMORY = 4 * 2**20

# What a person can do: a body of the API names groups, and so does a Kubernetes document.
_GROUPS = (
    "write the stack as Kubernetes documents with a ConfigMap or Secret, or deploy the app by itself and name the group under "
    "configMap or secret of its body"
)
_MODERN = ("depends_on", "deploy", "healthcheck", "entrypoint", "stop_grace_period", "restart", "scale", "links")
REFUSED: dict[str, str] = {key: told for key, told in REFUSED_V1.items() if key not in _MODERN} | {
    "networks": "has no meaning here: apps of a project share one network; remove it",
    "secrets": f"is not carried out in a compose file; {_GROUPS}",
    "configs": f"is not carried out in a compose file; {_GROUPS}",
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
    "disable": 'has no meaning here; write test: ["NONE"]',
    "start_interval": "is not carried out; remove it",
    "published": "a port of the host cannot be chosen; remove it: the cluster picks it, and the app's portmapping tells it",
    "host_ip": "an address of the host cannot be chosen; remove it",
    "pids": "is not carried out; remove it",
    "devices": "reaches for the host and is refused",
    "volumes": REFUSED_V1["volumes"],
}


def _says_nothing(path: Path, _: Node) -> bool:
    """Extensions of others, and the version, which no reader of today looks at (Compose Specification: version, x-)."""
    return is_extension(str(path[-1])) or path == ("version",)


LANGUAGE = Language("Compose", COMPOSE, REFUSED, _says_nothing)


class Said(Input):
    """A part of a compose file: keys as they are written there."""

    model_config = ConfigDict(alias_generator=None, populate_by_name=True)


def _memory(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    size = quantities.compose_size(value)
    if not _LEAST_MEMORY <= size < 2**50:
        raise ValueError("must be at least 4m and below 1 PiB")
    return str(size)


def _cpus(value: str) -> str:
    if not 0 < quantities.cores(value) <= 10**6:
        raise ValueError("must be cores like 0.5")
    return value


def _span(value: Any, info: ValidationInfo) -> Any:
    """Whole seconds, as Kubernetes reckons; a document of before may have others, which were rounded up."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) and value else None
    if found is None or not any(found.groups()):
        raise ValueError('must be a time like "30s" or "1m30s"')
    seconds = sum(Decimal(part or 0) * of for part, of in zip(found.groups(), _SECONDS, strict=True))
    if seconds != int(seconds) and not (info.context or {}).get("kept"):
        raise ValueError(f'must be whole seconds, as no probe and no end is timed finer here; write "{math.ceil(seconds)}s"')
    return math.ceil(seconds)


def _longest(value: int, info: ValidationInfo) -> int:
    if value > _LONGEST_SPAN and not (info.context or {}).get("kept"):
        raise ValueError(f"must be at most {_LONGEST_SPAN}s")
    return min(value, _LONGEST_SPAN)


def _some(value: int, info: ValidationInfo) -> int:
    if value < 1 and not (info.context or {}).get("kept"):
        raise ValueError("must be at least 1s")
    return max(value, 1)


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
    """A list of NAME=value becomes a mapping; what is wrong is told without a word of the text, which may be a secret."""
    if not isinstance(value, list):
        return value
    pairs: dict[str, str] = {}
    wrong: list[tuple[Path, str]] = []
    for number, line in enumerate(value):
        name, equals, said = line.partition("=") if isinstance(line, str) else ("", "", "")
        if not equals:
            wrong.append(((number,), NO_VALUE if isinstance(line, str) else "must be text: write NAME=value"))
        elif not ENV_NAME.fullmatch(name):
            wrong.append(((number,), f"its name {ENV_NAME_RULE}"))
        elif name in pairs:
            wrong.append(((number,), "gives a variable of this name a second time"))
        pairs[name] = said
    if wrong:
        raise Several(wrong)
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
Span = Annotated[int, BeforeValidator(_span), AfterValidator(_longest)]
ProbeSpan = Annotated[int, BeforeValidator(_span), AfterValidator(_longest), AfterValidator(_some)]
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
    interval: ProbeSpan = 30
    timeout: ProbeSpan = 30
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
    extension: Annotated[ServiceExtension, Field(alias=EXTENSION)] = ServiceExtension()

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
