"""The body that creates an app: the manual's exactly, and more fields named as Kubernetes names them (app接口)."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from model import quantities
from model.apps import (
    DEFAULT_DEADLINE,
    DEFAULT_METRICS_PATH,
    MOST_INSTANCES,
    AppSpec,
    ContainerSpec,
    EnvVar,
    OnUnschedulable,
    Port,
    Resources,
)
from model.autoscaling import Scale
from model.base import Input
from model.config_bodies import ConfigBody
from model.config_mounts import conflicts
from model.directories import Directory
from model.errors import Invalid, NotImplementedYet, Problem, TooLarge
from model.job_bodies import JobFields, with_run
from model.layouts import AppType
from model.names import check_name
from model.rule_words import Like
from model.scheduling import Affinity, Lifecycle, Probe, ReadinessProbe
from model.serving import check_end, renewed
from model.shell_words import split

LONGEST_NAME = 52  # a pod's name is cut at 63 characters: "<app>-<10>-<5>" then still starts with the whole name
ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
ENV_NAME_RULE = "must be letters, digits, '_', '-' and '.', not starting with a digit"
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_METRICS_PATH = Like(
    r"^/([-._a-zA-Z0-9][-._/a-zA-Z0-9]*)?$", "must be a path of letters, digits, '-', '_', '.' and '/', such as /metrics"
)
_PERCENT = re.compile(r"(100|[1-9]?[0-9])%")
_SMALLEST_MEMORY = 4 * 2**20  # below that no container can be started (runc refuses it)
# Kubernetes and its scheduler reckon in 64 bits: beyond them an amount is taken for a small one.
_MOST_CORES, _MOST_BYTES = 10**6, 2**50
_LONGEST_VALUE = 120_000  # bytes; Linux gives a program no argument or variable over 128 KiB (execve(2): MAX_ARG_STRLEN)
_LARGEST_TEXT = 512 * 1024  # bytes; a cluster's store takes objects up to 1.5 MiB, and a Deployment lists its fields again
NO_SURGE = "is for Deployment apps: a TApp's instances have names, so none can be there twice"
_MOST_PORTS = 100  # a cluster has 2768 NodePorts for all projects together


def _text(value: Any) -> Any:
    """A quantity may come as a JSON number."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _cpu(value: str) -> str:
    if not 0 < quantities.cores(value) <= _MOST_CORES:
        raise ValueError(f"must be more than 0 and at most {_MOST_CORES} cores")
    return value


def _memory(value: str) -> str:
    if not _SMALLEST_MEMORY <= quantities.size(value) <= _MOST_BYTES:
        raise ValueError("must be at least 4Mi and at most 1024Ti")
    return value


def _disk(value: str) -> str:
    if not 0 < quantities.size(value) <= _MOST_BYTES:
        raise ValueError("must be more than 0 and at most 1024Ti")
    return value


def _fraction(value: int | str) -> int | str:
    if isinstance(value, str) and not _PERCENT.fullmatch(value):
        raise ValueError('must be a number of instances, or a percentage like "25%"')
    return value


def _label_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_LABEL_NAME.fullmatch(name)) and (not slash or (len(prefix) <= 253 and bool(_LABEL_PREFIX.fullmatch(prefix))))


def _labels(value: dict[str, str]) -> dict[str, str]:
    for key, text in value.items():
        if not _label_key(key):
            raise ValueError(f"{key!r} is no label: at most 63 letters, digits, '-', '_' or '.', perhaps after a domain and '/'")
        if text and not _LABEL_NAME.fullmatch(text):
            raise ValueError(f"the value of {key!r} must be at most 63 letters, digits, '-', '_' or '.'")
    return value


def _command(value: str | list[str]) -> str | list[str]:
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        raise ValueError(f"must have at most {_LONGEST_VALUE} characters as a text; give the words as a list")
    for word in words(value):
        _argument(word)
    return value


def _argument(value: str) -> str:
    if len(value.encode()) > _LONGEST_VALUE:
        raise ValueError(f"must have at most {_LONGEST_VALUE} bytes: no program can be given more")
    return value


def _priority(value: str | None) -> str | None:
    if value is None:
        return None
    if len(value) > 253 or not _LABEL_PREFIX.fullmatch(value):
        raise ValueError("must be the name of a priority class: lower case letters, digits, '-' and '.'")
    if value.startswith("system-"):
        raise ValueError(
            "must not start with 'system-': those classes are the cluster's own and would push out other projects' instances"
        )
    return value


def _env_name(value: str) -> str:
    if not ENV_NAME.fullmatch(value):
        raise ValueError(ENV_NAME_RULE)
    return value


def _app_name(value: str) -> str:
    try:
        return check_name(value, "name", longest=LONGEST_NAME)
    except Invalid as error:
        raise ValueError(error.problems[0].message) from error


def _protocol(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def words(command: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """The words of a command, split as a POSIX shell splits them, no shell being run; a list is taken as it is.

    >>> words("sh -c 'echo a b'")
    ('sh', '-c', 'echo a b')
    """
    if command is None:
        return ()
    try:
        found = split(command) if isinstance(command, str) else tuple(command)
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {error}") from error
    if any("\0" in word for word in found):
        raise ValueError("must not contain NUL")
    return found


Cpu = Annotated[str, BeforeValidator(_text), AfterValidator(_cpu)]
Memory = Annotated[str, BeforeValidator(_text), AfterValidator(_memory)]
Disk = Annotated[str, BeforeValidator(_text), AfterValidator(_disk)]
Labels = Annotated[dict[str, str], AfterValidator(_labels)]
Priority = Annotated[str | None, AfterValidator(_priority)]
Argument = Annotated[str, AfterValidator(_argument)]
EnvName = Annotated[str, AfterValidator(_env_name)]
Protocol = Annotated[Literal["tcp", "udp"], BeforeValidator(_protocol)]
AppName = Annotated[str, AfterValidator(_app_name)]
Fraction = Annotated[Annotated[int, Field(ge=0, le=MOST_INSTANCES)] | str, AfterValidator(_fraction)]


class ResourcesBody(Input):
    """`resources`: cpu in cores, mem and disk in bytes with a unit, gpu a whole number; requests and limits in one."""

    cpu: Cpu | None = None
    mem: Memory | None = None
    disk: Disk | None = None
    gpu: Annotated[int, Field(ge=0, le=64)] = 0


class EnvBody(Input):
    """One entry of `dockerEnv`."""

    name: EnvName
    value: Argument


class PortBody(Input):
    """One entry of `portMappings`."""

    protocol: Protocol = "tcp"
    container_port: Annotated[int, Field(ge=1, le=65535)]


class AppFields(JobFields):
    """What create and rollout have in common; in a rollout a field that is not given stays as it is."""

    resources: ResourcesBody | None = None
    cmd: Annotated[str | list[str], AfterValidator(_command)] | None = None
    docker_env: list[EnvBody] | None = None
    port_mappings: Annotated[list[PortBody], Field(max_length=_MOST_PORTS)] | None = None
    config_map: Annotated[list[ConfigBody], Field(max_length=100)] | None = None
    secret: Annotated[list[ConfigBody], Field(max_length=100)] | None = None
    docker_log_dir: Directory = None
    docker_data_dir: Directory = None
    network_type: Annotated[int, Field(ge=0, le=3)] | None = None
    node_labels: Labels | None = None
    liveness_probe: Probe | None = None
    readiness_probe: ReadinessProbe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    affinity: Affinity | None = None
    termination_grace_period_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    priority_class_name: Priority = None
    min_ready_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    max_surge: Fraction | None = None
    max_unavailable: Fraction | None = None
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    metrics_path: Annotated[str, Field(max_length=200), _METRICS_PATH] | None = None
    deadline_seconds: Annotated[int, Field(ge=5, le=86400)] = DEFAULT_DEADLINE
    on_unschedulable: OnUnschedulable | None = None
    # The manual's fields that later versions carry out; not empty they are answered with 501 (refuse_unbuilt).
    volumes: str | None = None
    internal_volumes: list[Any] | None = None

    @field_validator("docker_env")
    @classmethod
    def _names_once(cls, value: list[EnvBody] | None) -> list[EnvBody] | None:
        check_once([e.name for e in value or []], "the variable {} is given twice")
        return value

    @field_validator("port_mappings")
    @classmethod
    def _ports_once(cls, value: list[PortBody] | None) -> list[PortBody] | None:
        check_once([f"{p.protocol} {p.container_port}" for p in value or []], "the port {} is given twice")
        return value

    @field_validator("liveness_probe", "startup_probe")
    @classmethod
    def _one_success(cls, value: Probe | None) -> Probe | None:
        if value and value.success_threshold != 1:
            raise ValueError("successThreshold must be 1 for liveness and startup")
        return value


class NewApp(AppFields):
    """Body of POST /v2/applications/{project}."""

    name: AppName
    image_ref: Annotated[str, Field(min_length=1, max_length=512)]
    instance_num: Annotated[int, Field(ge=0, le=MOST_INSTANCES)] = 1
    user_name: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    type: AppType = "Deployment"
    cluster: str | None = None
    scale: Scale | None = None


def refuse_unbuilt(body: AppFields) -> None:
    """Raise NotImplementedYet naming the field whose meaning this version does not carry out; empty ones pass."""
    later = {
        "volumes": body.volumes,
        "internalVolumes": body.internal_volumes,
        f"networkType {body.network_type}": body.network_type in (1, 3),
    }
    for field, given in later.items():
        if given:
            raise NotImplementedYet(f"{field} is not carried out by this version of the platform.", hint=_instead(field))


def spec_of(new: NewApp) -> AppSpec:
    """The spec a create body means. Raises NotImplementedYet and Invalid."""
    refuse_unbuilt(new)
    base = AppSpec(type=new.type, containers=(ContainerSpec(name=new.name, image=new.image_ref),))
    if new.type == "TApp" and new.max_surge is not None:
        raise invalid_field("maxSurge", NO_SURGE)
    return with_run(with_fields(base, new, new.name, None), new)


def with_fields(spec: AppSpec, body: AppFields, chosen: str, image: str | None) -> AppSpec:
    """The spec with the fields that were given, those of containers on `chosen`. Raises Invalid and TooLarge."""
    plain = AppSpec(containers=spec.containers)
    given = body.model_fields_set
    new_container = {name: value for field, name, value in _container_fields(body) if field in given}
    if image:
        new_container["image"] = image
    new_pod = {
        name: getattr(plain, name) if getattr(body, name) is None else getattr(body, name) for name in _POD_FIELDS if name in given
    }
    containers = tuple(c.model_copy(update=new_container) if c.name == chosen else c for c in spec.containers)
    after = spec.model_copy(update={**new_pod, "containers": containers})
    if len(after.model_dump_json().encode()) > _LARGEST_TEXT:
        raise TooLarge(
            f"The app's spec exceeds {_LARGEST_TEXT // 1024} KiB.", hint="Shorten dockerEnv or cmd; keep large texts in files."
        )
    made = next(c for c in after.containers if c.name == chosen)
    others = [("dockerLogDir", made.log_dir), ("dockerDataDir", made.data_dir), *(("a volume", m.path) for m in made.mounts)]
    clashes = conflicts(made.config_map, made.secret, others)
    if clashes:
        raise Invalid("; ".join(f"{p.field}: {p.message}" for p in clashes) + ".", problems=clashes)
    if after.metrics_port is None and after.metrics_path != DEFAULT_METRICS_PATH:
        raise invalid_field("metricsPath", "means nothing without metricsPort")
    after = renewed(spec, after, said=bool(given & {"port_mappings", "readiness_probe", "lifecycle"}))
    check_end(after)
    if after.max_surge in (0, "0%") and after.max_unavailable in (0, "0%"):
        raise invalid_field("maxSurge", "must not be 0 together with maxUnavailable: nothing could be replaced")
    return after


_POD_FIELDS = (
    "network_type",
    "node_labels",
    "affinity",
    "termination_grace_period_seconds",
    "priority_class_name",
    "min_ready_seconds",
    "max_surge",
    "max_unavailable",
    "metrics_port",
    "metrics_path",
)


def _container_fields(body: AppFields) -> list[tuple[str, str, Any]]:
    """(field of the body, field of the container, value in the container)."""
    resources = body.resources
    return [
        ("resources", "resources", Resources(**resources.model_dump()) if resources else Resources()),
        ("cmd", "command", words(body.cmd)),
        ("cmd", "cmd", tuple(body.cmd) if isinstance(body.cmd, list) else body.cmd),
        ("docker_env", "env", tuple(EnvVar(**e.model_dump()) for e in body.docker_env or [])),
        ("config_map", "config_map", tuple(u.use() for u in body.config_map or [])),
        ("secret", "secret", tuple(u.use() for u in body.secret or [])),
        (
            "port_mappings",
            "ports",
            tuple(Port(**p.model_dump()) for p in body.port_mappings or []),
        ),
        ("docker_log_dir", "log_dir", body.docker_log_dir),
        ("docker_data_dir", "data_dir", body.docker_data_dir),
        ("liveness_probe", "liveness_probe", body.liveness_probe),
        ("readiness_probe", "readiness_probe", body.readiness_probe),
        ("startup_probe", "startup_probe", body.startup_probe),
        ("lifecycle", "pre_stop_sleep", body.lifecycle.pre_stop.sleep.seconds if body.lifecycle else None),
    ]


def _instead(field: str) -> str:
    return "Use networkType 0 (overlay) or 2 (NAT)." if field.startswith("networkType") else f"Leave {field.split()[0]} out."


def check_once(values: list[str], rule: str) -> None:
    """Raise ValueError with `rule` about the first value that comes twice."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(rule.format(value))
        seen.add(value)


def invalid_field(field: str, rule: str) -> Invalid:
    """The error of one field."""
    return Invalid(f"{field}: {rule}.", problems=[Problem(field=field, message=rule)])
