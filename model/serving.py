"""What an app that declares a port gets by default, so that no request is lost while its instances come and go (pure).

Without a readiness probe an instance counts as ready before it listens, and one that ends at once still gets requests from
proxies that do not know of it yet. So a container with a tcp port is asked whether it takes connections there, and all containers
of such an instance go on for a moment before they are told to end. The defaults are written into the spec where the app comes in:
they are shown, may be said otherwise, and an app that was made before there were any is not changed by them.
"""

from collections.abc import Mapping
from typing import Any

from model.apps import AppSpec, ContainerSpec
from model.errors import Invalid, Problem
from model.scheduling import Probe, ReadinessProbe

_DRAIN = 5  # seconds until no proxy sends a request to an instance that ends
_SETTLE = 2  # seconds in which the kubelet, which looks once a second, sees a program that ends right after its start
_PROVE = 10
_OFTEN = {"periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 10}
_OFF = '{"readinessProbe": {"none": true}} turns that off'


def default_probe(container: ContainerSpec) -> ReadinessProbe | None:
    """The probe of a container without one: its first tcp port takes connections; None where it declares none.

    It is asked often, to serve soon, and given up late: one that is busy is to keep its place. A container that only sleeps, as
    the manual's example does, listens nowhere, whatever ports it declares.
    """
    port = _first_port(container)
    if port is None:
        return None
    return ReadinessProbe.model_validate({"tcpSocket": {"port": port}, **_OFTEN})


def hint_of_default(probe: Mapping[str, Any]) -> str | None:
    """What to do where a probe (Kubernetes: Probe) that is the default fails; None of any other."""
    if "tcpSocket" not in probe or any(probe.get(field) != value for field, value in _OFTEN.items()):
        return None
    port = probe["tcpSocket"]["port"]
    return (
        f"Nothing takes connections on port {port} of the instance, as portMappings says: let the program listen there, on all "
        f"addresses and not only 127.0.0.1; or correct portMappings, which the probe follows. Where nothing shall be asked, {_OFF}."
    )


def default_sleep(spec: AppSpec) -> int | None:
    """Seconds that each container goes on before it is told to end; half of the grace period at most, the rest is its own.

    None for what declares no port, and for a general service (TApp): its image is changed in the running pod, which stays in its
    Service meanwhile, so that a wait before the container's end would only make the change longer.
    """
    if spec.type == "TApp":
        return None
    serves = any(c.ports and not _only_sleeps(c) for c in spec.containers)
    return min(_DRAIN, spec.termination_grace_period_seconds // 2) if serves else None


def with_defaults(spec: AppSpec) -> AppSpec:
    """The spec with what it does not say of readiness and of its end; a Job serves nobody and stays as it is. Idempotent."""
    if spec.type == "Job":
        return spec
    sleep = default_sleep(spec)
    filled = (
        c.model_copy(
            update={
                "readiness_probe": c.readiness_probe or default_probe(c),
                "pre_stop_sleep": sleep if c.pre_stop_sleep is None else c.pre_stop_sleep,
            }
        )
        for c in spec.containers
    )
    return spec.model_copy(update={"containers": tuple(filled)})


def renewed(before: AppSpec, after: AppSpec, *, said: bool) -> AppSpec:
    """`after`, with the defaults that follow from what it says now instead of those of `before`.

    One that was made before there were defaults stays without, unless ports, probe or end are `said` now. A probe that says no
    more than the default of a port which is declared no longer follows the port too.
    """
    after = _following(before, after)
    bare = without_defaults(before)
    if not said and bare == before != with_defaults(before):
        return after
    return with_defaults(without_defaults(after, before))


def _following(before: AppSpec, after: AppSpec) -> AppSpec:
    """`after`, without readiness probes as a person writes the default of the port before: `tcpSocket` there, and no more."""
    known = {c.name: c for c in before.containers}
    declared = _declared(after)
    followed = []
    for container in after.containers:
        port = _first_port(known[container.name]) if container.name in known else None
        gone = port is not None and port not in declared
        follows = gone and container.readiness_probe == ReadinessProbe.model_validate({"tcpSocket": {"port": port}})
        followed.append(container.model_copy(update={"readiness_probe": None}) if follows else container)
    return after.model_copy(update={"containers": tuple(followed)})


def left_behind(before: AppSpec, after: AppSpec) -> list[str]:
    """In words the probes of `after` that go on asking a port which `before` declared and no container declares any more."""
    gone = _declared(before) - _declared(after)
    found = []
    for container in after.containers:
        for name in ("readiness_probe", "liveness_probe", "startup_probe"):
            probe: Probe | None = getattr(container, name)
            asked = (probe.tcp_socket or probe.http_get or probe.grpc) if probe else None
            if asked and asked.port in gone:
                word = name.replace("_p", "P")
                found.append(
                    f"The {word} of {container.name!r} goes on asking port {asked.port}, which portMappings declares no longer: "
                    f"say {word} too if nothing listens there now."
                )
    return found


def _declared(spec: AppSpec) -> set[int]:
    return {port.container_port for container in spec.containers for port in container.ports}


def same_but_defaults(now: AppSpec, wanted: AppSpec) -> bool:
    """Whether `now` is of a time before there were defaults, and nothing else differs."""
    bare = without_defaults(wanted)
    plain = (c.model_copy(update={"readiness_probe": c.readiness_probe if c.asked else None}) for c in bare.containers)
    return now == bare.model_copy(update={"containers": tuple(plain)})


def without_defaults(spec: AppSpec, of: AppSpec | None = None) -> AppSpec:
    """The spec without what is as the defaults of `of` would be, by default its own."""
    source = of or spec
    sleep, known = default_sleep(source), {c.name: c for c in source.containers}
    bare = []
    for container in spec.containers:
        probe = default_probe(known[container.name]) if container.name in known else None
        is_default = {
            "readiness_probe": container.readiness_probe == probe,
            "pre_stop_sleep": container.pre_stop_sleep == sleep,
        }
        bare.append(container.model_copy(update={field: None for field, found in is_default.items() if found}))
    return spec.model_copy(update={"containers": tuple(bare)})


def settle_seconds(spec: AppSpec) -> int:
    """How long an instance has to be ready until it counts, where none that serves is taken away for it."""
    if spec.min_ready_seconds is not None:
        return spec.min_ready_seconds
    return 0 if all(c.asked for c in spec.containers) else _SETTLE


def proving_seconds(spec: AppSpec) -> int:
    """How long an instance has to be ready before one that serves is taken away for it: at once with a readiness probe of its own.

    That containers run, or take connections, tells little of a version: many die a few seconds later.
    """
    if spec.min_ready_seconds is not None:
        return spec.min_ready_seconds
    return 0 if all(c.asked and c.readiness_probe != default_probe(c) for c in spec.containers) else _PROVE


def notices(spec: AppSpec) -> list[str]:
    """What the defaults mean for the app, in words with how to say otherwise."""
    found = []
    for container in spec.containers:
        probe = default_probe(container)
        if probe and probe.tcp_socket and container.readiness_probe == probe:
            port = probe.tcp_socket.port
            told = f"An instance serves once {container.name!r} takes connections on port {port}, as there is no readinessProbe"
            found.append(f"{told}; {_OFF}.")
    seconds = default_sleep(spec)
    if seconds and all(c.pre_stop_sleep == seconds for c in spec.containers):
        told = f"An instance that ends goes on serving for {seconds} s first, until nothing is sent to it any more"
        found.append(f'{told}; {{"lifecycle": {{"preStop": {{"sleep": {{"seconds": 0}}}}}}}} turns that off.')
    return found


def check_end(spec: AppSpec) -> None:
    """Raise Invalid where a container would wait for as long as it may take to end, or longer."""
    longest = max((c.pre_stop_sleep or 0 for c in spec.containers), default=0)
    if longest and longest >= spec.termination_grace_period_seconds:
        rule = end_rule(spec.termination_grace_period_seconds)
        raise Invalid(f"lifecycle: {rule}.", problems=[Problem(field="lifecycle", message=rule)])


def end_rule(grace: int) -> str:
    """What is wrong with a wait that leaves nothing of the grace period."""
    return f"must sleep for less than terminationGracePeriodSeconds ({grace}): the rest is the program's time to end"


def _first_port(container: ContainerSpec) -> int | None:
    """The port on which it is asked whether it serves, None where it serves none."""
    return None if _only_sleeps(container) else next((p.container_port for p in container.ports if p.protocol == "tcp"), None)


def _only_sleeps(container: ContainerSpec) -> bool:
    return bool(container.command) and container.command[0].rpartition("/")[2] == "sleep"
