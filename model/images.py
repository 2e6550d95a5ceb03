"""Image references: which registry and repository a written name means, and whose images they are (mission B).

Without a registry host an image is the platform's: one segment only means `public/…`, else the first segment is `public`, a
project, or `~user` for a personal image. A registry's repository names cannot hold `~` (OCI distribution specification: pulling
manifests), so `~bob/x` is stored as `user_bob/x`, which no project can be called.

A name is a tenant's, and who looks it up connects to what it names: so only registries that the administrator listed may be
named, each by the one name on the list. Every other, and every other spelling of a listed one, is refused unasked (targets S10).
"""

import re

from model.access import Actor
from model.base import Frozen
from model.errors import Forbidden

PUBLIC = "public"
PERSONAL = "user_"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_HOST = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?(?::[0-9]{1,5})?", re.IGNORECASE)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
HUB = "docker.io"
# What resolvers take for the machine itself, or for an address (inet_aton's numbers): the list has names of other machines.
_THIS_MACHINE = re.compile(r"(.*\.)?localhost\.?|(127|0)(\.[0-9]+){3}|[0-9]+(\.[0-9a-fx]+){0,2}|0.*", re.IGNORECASE)


class Registries(Frozen):
    """Whose images may be used: the platform's `own` registry, and `others`, as its administrator wrote them."""

    own: str
    others: frozenset[str] = frozenset()

    @classmethod
    def listed(cls, own: str, others: str) -> "Registries":
        """Of a setting: hosts with commas between. Raises ValueError for what is no host, or would be this machine.

        >>> sorted(Registries.listed("localhost:5000", "docker.io, ghcr.io:443").others)
        ['docker.io', 'ghcr.io']
        """
        found = [plain_host(word.strip()) for word in others.split(",") if word.strip()]
        for host in found:
            if not _HOST.fullmatch(host) or _THIS_MACHINE.fullmatch(host.partition(":")[0]):
                raise ValueError(
                    f"MOORING_REGISTRIES: {host!r} is not another machine's name, like docker.io or registry.example.com:5000"
                )
        return cls(own=own, others=frozenset(found) - {plain_host(own)})

    def check(self, host: str) -> None:
        """Return if images of that host may be used, else raise ValueError with what may."""
        if not self.takes(host):
            raise ValueError(f"names the registry {host[:100]!r}; {self.told('need not be written')}")

    def takes(self, host: str) -> bool:
        """Whether images of that host may be used."""
        return plain_host(host) in {plain_host(self.own), *self.others}

    def told(self, own: str) -> str:
        """Whose images may be used, in words; `own` says how the platform's own registry is written there."""
        more = f" and {', '.join(sorted(self.others))}" if self.others else ""
        return (
            f"this platform takes images of {self.own} (its own, which {own}){more} only, and its administrator may allow more "
            "(MOORING_REGISTRIES)"
        )


def plain_host(host: str) -> str:
    """A registry's host in one form: names have no case, and 443 is the port of https.

    >>> plain_host("GHCR.io:443")
    'ghcr.io'
    """
    return host.lower().removesuffix(":443")


class ImageRef(Frozen):
    """A parsed reference: `host` is where it is pulled from, `repository` as the registry calls it.

    `tag` is "latest" when none was written, `digest` only where the reference itself names one. `own` says that it is the
    platform's registry.
    """

    host: str
    repository: str
    tag: str
    digest: str | None = None
    own: bool

    @property
    def reference(self) -> str:
        """What the registry is asked for: the digest where one is written, else the tag."""
        return self.digest or self.tag

    @property
    def owner(self) -> str:
        """The first segment, as people write it: `public`, a project, or `~user`."""
        first = self.repository.partition("/")[0]
        return "~" + first.removeprefix(PERSONAL) if first.startswith(PERSONAL) else first

    def pinned(self, digest: str) -> str:
        """The reference a pod gets: exact, whatever happens to the tag.

        >>> parse("busybox:1.35", "localhost:5000").pinned("sha256:" + "0" * 64)[:40]
        'localhost:5000/public/busybox@sha256:000'
        """
        return f"{self.host}/{self.repository}@{digest}"


def parse(written: str, registry: str) -> ImageRef:
    """Read an image's name; `registry` is the platform's own host. Raises ValueError with the rule that is broken.

    >>> parse("nginx:1.7.9", "localhost:5000").repository
    'public/nginx'
    >>> parse("~bob/tool", "localhost:5000").repository, parse("~bob/tool", "localhost:5000").owner
    ('user_bob/tool', '~bob')
    >>> parse("docker.oa.com:8080/public/helloworld", "localhost:5000").host
    'docker.oa.com:8080'
    """
    name, _, digest = written.partition("@")
    if (digest or "@" in written) and not _DIGEST.fullmatch(digest):
        raise ValueError("the digest after '@' must be sha256: and 64 hex digits")
    host, path = _split_host(name, registry)
    path, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ValueError("the tag after ':' must be 1 to 128 letters, digits, '.', '_' or '-'")
    own = plain_host(host) == plain_host(registry)
    if own:
        host = registry
        path = _own_repository(path)
    elif plain_host(host) == HUB and "/" not in path:
        path = f"library/{path}"
    if len(path) > 200 or not _REPOSITORY.fullmatch(path):
        raise ValueError(
            "must be [registry/]repository[:tag], the repository in lower case letters, digits, '.', '_', '-' and '/', "
            "like public/nginx:1.25"
        )
    return ImageRef(host=host, repository=path, tag=tag or "latest", digest=digest or None, own=own)


def check_image(written: str, registries: Registries, actor: Actor) -> None:
    """Raise ValueError for what is no image or of a registry that may not be named, Forbidden for another's."""
    ref = parse(written, registries.own)
    registries.check(ref.host)
    check_use(ref, written, actor)


def check_use(ref: ImageRef, written: str, actor: Actor) -> None:
    """Raise Forbidden unless `actor` may deploy the image: public, of a project it is in, or its own personal one."""
    if not ref.own or ref.owner == PUBLIC:
        return
    if ref.owner.startswith("~"):
        if ref.owner != f"~{actor.name}":
            raise Forbidden(
                f"The image {written!r} is {ref.owner.removeprefix('~')!r}'s personal one; only its owner can deploy it.",
                hint="Ask its owner to push it to the project.",
            )
    elif not actor.sees(ref.owner):
        raise Forbidden(
            f"The image {written!r} is neither public nor of a project that you are in.",
            hint="Use a public image, or one of a project you are a member of.",
        )


def _split_host(name: str, registry: str) -> tuple[str, str]:
    """As Docker does: a first segment with '.' or ':' or the word localhost is a host."""
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return registry, name
    if not _HOST.fullmatch(first):
        raise ValueError("the registry host must be a name or address, with a port where it needs one")
    return first, rest


def _own_repository(path: str) -> str:
    if path.startswith("~"):
        return PERSONAL + path[1:]
    return path if "/" in path else f"{PUBLIC}/{path}"
