"""The languages a stack's document may be written in, behind one function."""

from collections.abc import Callable
from enum import StrEnum

from yaml import MappingNode

from model import compose
from model.app_bodies import LONGEST_NAME
from model.blueprints import Blueprint, Member, answering
from model.compose_services import parse_services
from model.config_references import References
from model.documents import Node, Problems, read
from model.kubernetes_documents import parse_kubernetes
from model.names import check_name
from model.pod_documents import CheckImage, parse_pod
from model.serving import with_defaults


class Kind(StrEnum):
    """What a document is written in; COMPOSE is v1, or a modern file with `services:`."""

    COMPOSE = "compose"
    POD = "pod"
    KUBERNETES = "kubernetes"

    @property
    def refers(self) -> bool:
        """Whether such documents refer to configuration groups."""
        return self is not Kind.COMPOSE


LONGEST_DEPLOYMENT = 40  # leaves room for "-" and the name of a service
# A template is checked before anybody has named a deployment of it.
ANY_DEPLOYMENT = "d"


def read_blueprint(
    kind: Kind,
    content: str,
    deployment: str,
    check_image: CheckImage = lambda _: None,
    references: References | None = None,
    *,
    kept: bool = False,
) -> Blueprint:
    """Read a document for the deployment of that name; `check_image` raises ValueError or an error of ours.

    `references` has the project's groups; without it nothing is known of them. One that is `kept` was accepted before, perhaps
    by an earlier release, and means what it meant. Raises TooLarge, or Invalid with every problem found, each with line, column
    and field.
    """
    found = _READERS[kind](content, deployment, check_image, references or References(), Problems(kept=kept))
    members = (member.model_copy(update={"spec": with_defaults(member.spec)}) for member in found.members)
    return found.model_copy(update={"members": tuple(members)})


def check_deployment(name: str, field: str) -> str:
    """Return `name` if a deployment may be called that, else raise Invalid naming `field`."""
    return check_name(name, field, longest=LONGEST_DEPLOYMENT)


def _compose(content: str, deployment: str, check_image: CheckImage, _: References, problems: Problems) -> Blueprint:
    root = read(content, problems)
    if root is not None and _is_modern(root):
        return parse_services(root, deployment, check_image, problems)
    return compose.parse_root(root, deployment, check_image, problems).blueprint(deployment)


def _is_modern(root: Node) -> bool:
    """Whether it has its services under `services:`; in compose v1 that would be a service with an image."""
    if not isinstance(root, MappingNode):
        return False
    inside = [value for key, value in root.value if key.value == "services" and isinstance(value, MappingNode)]
    return any("image" not in [key.value for key, _ in value.value] for value in inside)


def _pod(content: str, deployment: str, check_image: CheckImage, references: References, problems: Problems) -> Blueprint:
    """One app, named as the deployment (manual: stackInstanceName)."""
    pod = parse_pod(content, check_image, references, problems)
    ports = [(port.protocol, port.container_port) for container in pod.spec.containers for port in container.ports]
    name = check_name(deployment, "name", longest=LONGEST_NAME)
    member = Member(name=name, app=name, spec=pod.spec, replicas=pod.replicas, answers=answering(ports), rollout=pod.rollout)
    return Blueprint(members=(member,))


_READERS: dict[Kind, Callable[[str, str, CheckImage, References, Problems], Blueprint]] = {
    Kind.COMPOSE: _compose,
    Kind.POD: _pod,
    Kind.KUBERNETES: parse_kubernetes,
}
