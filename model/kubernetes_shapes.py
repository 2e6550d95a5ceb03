"""Parts of Kubernetes documents: what every one has, configuration, Ingresses (Kubernetes: ConfigMap, Secret v1; Ingress v1)."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from model.app_bodies import Labels
from model.base import Frozen
from model.configs import MOST_ENTRIES
from model.documents import Problems
from model.pod_shapes import Written
from model.rule_words import Like
from model.shaping import locate

_PATH = Like(r"^/[A-Za-z0-9/_.-]*$", "must be a path of letters, digits, '-', '_', '.' and '/', such as /shop")
_CLASS = Like(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "must be lower case letters, digits, '-' and '.', such as nginx")
Annotations = Annotated[dict[str, str], Field(max_length=200)]


class Metadata(Written):
    """A document's `metadata`; labels say nothing here but what a selector asks for."""

    name: str
    labels: Labels = {}
    annotations: Annotations = {}


class Placed(Frozen):
    """A document with its node, for places, as far as it is right: `is_doubtful` tells of a path whether anything was left out."""

    model_config = {"arbitrary_types_allowed": True}
    said: Any
    node: Any
    field: str
    is_doubtful: Callable[..., bool] = lambda *_: False

    def note(self, problems: Problems, path: Sequence[str | int], message: str) -> None:
        """Note a problem at a path of the document."""
        place, name = locate(self.node, self.field, path)
        problems.add(place, name, message)


Data = Annotated[dict[str, str], Field(max_length=MOST_ENTRIES, repr=False)]


class ConfigMap(Written):
    """A configuration group; `binaryData` is base64."""

    api_version: Literal["v1"]
    kind: Literal["ConfigMap"]
    metadata: Metadata
    data: Data = {}
    binary_data: Data = {}


class Secret(Written):
    """A configuration group whose contents are secret; `data` is base64."""

    api_version: Literal["v1"]
    kind: Literal["Secret"]
    metadata: Metadata
    type: Literal["Opaque"] = "Opaque"
    data: Data = {}
    string_data: Data = {}


class BackendPort(Written):
    """The port of a Service, by number or by name."""

    number: Annotated[int, Field(ge=1, le=65535)] | None = None
    name: str | None = None


class BackendService(Written):
    """The Service that requests go to."""

    name: str
    port: BackendPort


class Backend(Written):
    """Where the requests of a path go."""

    service: BackendService


class HttpPath(Written):
    """Requests of a path; what a path may be is the strictest that controllers take (ingress-nginx: strict-validate-path-type)."""

    path: Annotated[str, Field(max_length=500), _PATH] = "/"
    path_type: Literal["Prefix", "Exact"]
    backend: Backend


class Http(Written):
    """A rule's paths."""

    paths: Annotated[list[HttpPath], Field(min_length=1, max_length=100)]


class IngressRule(Written):
    """Requests of a host."""

    host: str
    http: Http


class IngressTls(Written):
    """The certificate of hosts, in a Secret with the entries tls.crt and tls.key."""

    hosts: Annotated[list[str], Field(min_length=1, max_length=100)]
    secret_name: str


class IngressSpec(Written):
    """`spec` of an Ingress."""

    ingress_class_name: Annotated[str, Field(max_length=253), _CLASS] | None = None
    rules: Annotated[list[IngressRule], Field(min_length=1, max_length=100)]
    tls: Annotated[list[IngressTls], Field(max_length=100)] = []


class Ingress(Written):
    """Hosts and paths by which Services are reached from outside the cluster."""

    api_version: Literal["networking.k8s.io/v1"]
    kind: Literal["Ingress"]
    metadata: Metadata
    spec: IngressSpec


REFUSED = {
    "immutable": "has no meaning here: a change of the document is a change of the group; remove it",
    "defaultBackend": "would take the requests for other projects' hosts and is refused; write a rule for each host",
    "resource": "has no meaning here; name a Service",
}
