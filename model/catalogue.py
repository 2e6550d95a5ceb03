"""What the registry has: repositories with their tags, read off manifests and configurations (OCI image specification).

Whoever pushes writes both, so nothing in them is taken for granted.
"""

import re
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.base import Body
from model.builds import DRAFT_TAG
from model.images import PERSONAL

_PORT = re.compile(r"[0-9]{1,5}(/(tcp|udp|sctp))?")
_LONGEST = 64


class Image(Body):
    """One image: what it is known by, its size in bytes as it is pulled, and what it says of itself, where it does."""

    digest: str
    size: int | None = None
    created_at: datetime | None = None
    architecture: str = ""
    ports: list[str] = []


class Tagged(Image):
    """An image under one of its tags."""

    tag: str


class Repository(Body):
    """A repository as people write it, with its tags, the newest image first; `totalTags` is how many there are."""

    name: str
    tags: list[Tagged]
    total_tags: int


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Descriptor(_Lenient):
    """What a manifest points at."""

    digest: str
    size: Annotated[int, Field(ge=0, le=2**50)]
    platform: dict[str, object] = {}


class Manifest(_Lenient):
    """A manifest, or an index of several (`manifests`)."""

    config: Descriptor | None = None
    layers: list[Descriptor] = []
    manifests: list[Descriptor] = []

    @property
    def size(self) -> int:
        """Bytes of all layers and the configuration."""
        return sum(layer.size for layer in self.layers) + (self.config.size if self.config else 0)

    @property
    def chosen(self) -> Descriptor | None:
        """Of an index the manifest for the platform's own machines, else its first; None of a manifest itself."""
        own = [one for one in self.manifests if (one.platform.get("os"), one.platform.get("architecture")) == ("linux", "amd64")]
        return next(iter(own or self.manifests), None)


class _Settings(_Lenient):
    exposed: dict[str, object] | None = Field(default=None, alias="ExposedPorts")


class _Config(_Lenient):
    created: datetime | None = None
    architecture: str = ""
    config: _Settings | None = None


def read_manifest(content: bytes) -> Manifest:
    """The manifest, an empty one where it is none."""
    try:
        return Manifest.model_validate_json(content)
    except ValidationError:
        return Manifest()


def described(digest: str, size: int, config: bytes) -> Image:
    """The image that a configuration tells of, without what it tells wrongly.

    >>> described("sha256:1", 5, b'{"architecture": "amd64", "config": {"ExposedPorts": {"8080/tcp": {}}}}').ports
    ['8080/tcp']
    >>> described("sha256:1", 5, b'[]').ports
    []
    """
    try:
        said = _Config.model_validate_json(config)
    except ValidationError:
        return Image(digest=digest, size=size)
    exposed = said.config.exposed if said.config and said.config.exposed else {}
    return Image(
        digest=digest,
        size=size,
        created_at=said.created if said.created and said.created.tzinfo else None,  # a time of no zone is none
        architecture=said.architecture[:_LONGEST],
        ports=sorted((port for port in exposed if _PORT.fullmatch(port)), key=_number)[:_LONGEST],
    )


def _number(port: str) -> tuple[int, str]:
    number, _, protocol = port.partition("/")
    return int(number), protocol


def written(repository: str) -> str:
    """The registry's name of a repository as people write it.

    >>> written("user_bob/tool"), written("shop/web")
    ('~bob/tool', 'shop/web')
    """
    return "~" + repository.removeprefix(PERSONAL) if repository.startswith(PERSONAL) else repository


def lasting(tags: list[str]) -> list[str]:
    """The tags without those that running builds push under."""
    return sorted(tag for tag in tags if not tag.startswith(DRAFT_TAG))
