"""Ingress documents: hosts and paths that lead to Services of the document (Kubernetes: Ingress v1)."""

from collections.abc import Collection, Mapping, Sequence

from model.blueprints import Entrance, Route, ServiceName, Tls
from model.config_references import References
from model.configs import ConfigKind
from model.documents import Problems
from model.errors import Conflict
from model.kubernetes_shapes import BackendPort, HttpPath, Ingress, Placed
from model.names import DNS_LABEL

_LONGEST_HOST = 253
_NAMED = 10
TLS_ENTRIES = ("tls.crt", "tls.key")


def entrance(
    placed: Placed,
    deployment: str,
    services: Mapping[str, ServiceName],
    unsure: Collection[str],
    references: References,
    problems: Problems,
) -> Entrance:
    """What an Ingress document means; notes at their places what leads nowhere, or further than the document.

    Of Services that are `unsure`, having problems of their own, nothing is said.
    """
    said: Ingress = placed.said
    for name in said.metadata.annotations:
        told = "is for a controller, which may do more for it than this project may; annotations of an Ingress are refused"
        placed.note(problems, ["metadata", "annotations", name], told)
    routes: list[Route] = []
    for number, rule in enumerate(said.spec.rules):
        here: list[str | int] = ["spec", "rules", number]
        if wrong := host_rule(rule.host):
            placed.note(problems, [*here, "host"], wrong)
        for index, path in enumerate(rule.http.paths):
            at: list[str | int] = [*here, "http", "paths", index]
            known = path.backend.service.name not in unsure
            route = _route(placed, at, rule.host, path, services, problems) if known else None
            if any((r.host, r.path, r.exact) == (route.host, route.path, route.exact) for r in routes if route):
                placed.note(problems, at, f"gives {rule.host}{path.path} a second time")
            routes += [route] if route else []
    return Entrance(
        name=said.metadata.name,
        ingress=f"{deployment}-{said.metadata.name}",
        class_name=said.spec.ingress_class_name,
        routes=tuple(routes),
        tls=_tls(placed, references, problems),
    )


def certificate_in_use(secret: str, entries: Sequence[str], stacks: Sequence[str]) -> Conflict:
    """The refusal to take away a certificate that Ingresses have."""
    which = f"the Ingresses of the {'stack' if len(stacks) == 1 else 'stacks'} {', '.join(stacks[:_NAMED])}"
    return Conflict(
        f"Secret {secret!r}: {' and '.join(entries)} cannot go, nor change from text to binary or back: {which} have their "
        "certificate there.",
        hint="Delete those stacks, or upgrade them to a document without it, first; a new certificate goes into the same entries.",
    )


def certificate_gone(secrets: Sequence[str]) -> Conflict:
    """The refusal of Ingresses whose certificates went between the reading of their document and now."""
    return Conflict(
        f"{_named(secrets)}: no longer there with the entries {' and '.join(TLS_ENTRIES)}, which Ingresses of the document need.",
        hint="Create the Secret with its certificate again, or leave it out of the document, then send it again.",
    )


def _named(secrets: Sequence[str]) -> str:
    return ("Secret " if len(secrets) == 1 else "Secrets ") + ", ".join(repr(name) for name in secrets[:_NAMED])


def host_rule(host: str) -> str | None:
    """What is wrong with a host, None when an Ingress here may have it; `*` would take the requests for others' hosts."""
    if "*" in host:
        return "must be one host: a wildcard would take the requests for other projects' hosts"
    labels = host.split(".")
    is_host = len(labels) > 1 and all(len(label) < 64 and DNS_LABEL.fullmatch(label) for label in labels)
    if len(host) > _LONGEST_HOST or not is_host or labels[-1].isdigit():
        return "must be a host in lower case, like shop.example.com"
    return None


def _route(
    placed: Placed, at: list[str | int], host: str, path: HttpPath, services: Mapping[str, ServiceName], problems: Problems
) -> Route | None:
    backend = path.backend.service
    service = services.get(backend.name)
    if service is None:
        placed.note(problems, [*at, "backend", "service", "name"], "names no Service of the document")
        return None
    port = _port(service, backend.port)
    if port is None:
        told = f"is no TCP port of the Service {service.name!r}, by number or by name"
        placed.note(problems, [*at, "backend", "service", "port"], told)
        return None
    return Route(host=host, path=path.path, exact=path.path_type == "Exact", service=service.name, port=port)


def _port(service: ServiceName, said: BackendPort) -> int | None:
    if (said.number is None) == (said.name is None):
        return None
    chosen = (p.port for p in service.ports if p.protocol == "tcp" and (p.port == said.number or p.name == said.name is not None))
    return next(chosen, None)


def _tls(placed: Placed, references: References, problems: Problems) -> tuple[Tls, ...]:
    said: Ingress = placed.said
    ruled = {rule.host for rule in said.spec.rules}
    made = []
    for number, tls in enumerate(said.spec.tls):
        here: list[str | int] = ["spec", "tls", number]
        for index, host in enumerate(tls.hosts):
            if host not in ruled and not placed.is_doubtful("spec", "rules"):
                placed.note(problems, [*here, "hosts", index], "is no host of the rules")
        try:
            found = references.find(ConfigKind.SECRET, tls.secret_name)
            for entry in TLS_ENTRIES:
                found.entry(entry)
            made.append(Tls(hosts=tuple(tls.hosts), secret=found.group))
        except ValueError as error:
            placed.note(problems, [*here, "secretName"], str(error))
    return tuple(made)
