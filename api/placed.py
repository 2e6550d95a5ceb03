"""What every route that deploys something asks: is there such a cluster, and may the caller use the image."""

from collections.abc import Callable

from api.access import Caller
from api.services import Services
from model.apps import DEFAULT_CLUSTER
from model.errors import Invalid, Problem
from model.images import check_image


def check_cluster(cluster: str | None) -> None:
    """Raise Invalid when the platform has no cluster of that name; None means the project's first."""
    if cluster not in (None, DEFAULT_CLUSTER):
        rule = f"there is no cluster {cluster!r}; this platform has {DEFAULT_CLUSTER!r}"
        raise Invalid(f"cluster: {rule}.", problems=[Problem(field="cluster", message=rule)])


def usable(services: Services, caller: Caller) -> Callable[[str], None]:
    """The check of one image for a document's reader: raises ValueError for what is no image, Forbidden for another's."""

    registries = services.settings.registries

    def check(image: str) -> None:
        check_image(image, registries, caller.actor)

    return check
