"""Image references: which registry and repository a written name means, and whose images they are (mission B).

Without a registry host an image is the platform's: one segment only means `public/…`, else the first segment is `public`, a
project, or `~user` for a personal image. A registry's repository names cannot hold `~` (OCI distribution specification: pulling
manifests), so `~bob/x` is stored as `user_bob/x`, which no project can be called.
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
    own = host.lower() == registry.lower()  # host names have no case
    if own:
        host = registry
        path = _own_repository(path)
    elif host == "docker.io" and "/" not in path:
        path = f"library/{path}"
    if len(path) > 200 or not _REPOSITORY.fullmatch(path):
        raise ValueError(
            "must be [registry/]repository[:tag], the repository in lower case letters, digits, '.', '_', '-' and '/', "
            "like public/nginx:1.25"
        )
    return ImageRef(host=host, repository=path, tag=tag or "latest", digest=digest or None, own=own)


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
