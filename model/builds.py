"""Builds: from a Git repository, or a directory that was sent, and a Dockerfile to an image (manual, 代码构建; mission F)."""

import re
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from pydantic import Field

from model.base import Body, Frozen, Input
from model.errors import Invalid, Problem
from model.operations import Ask
from model.sources import check_digest

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# RFC 1035: labels of at most 63 characters, 253 in all.
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]+\]")
# git check-ref-format: what no reference may contain, or have a component begin or end with.
_NOT_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[/-]|[/.]$|(^|/)\.|\.lock(/|$)|^@$")
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_LONGEST_URL = 2000
_LONGEST_PATH = 250
# The prefix of the tags that a build pushes under before its own tag moves.
DRAFT_TAG = "building-"


class Scope(StrEnum):
    """Whose image a build makes: the project's (`<project>/<name>`) or its creator's own (`~<user>/<name>`)."""

    PROJECT = "project"
    PERSONAL = "personal"


class Stage(StrEnum):
    """The stages of a build, each with a log of its own."""

    FETCH = "fetch"
    BUILD = "build"
    PUSH = "push"


class BuildSource(Input):
    """Body of PUT /v2/builds/{project}/{name}: what is built and where it goes.

    Without a `repository` each build names a source, a directory that was sent. `tag` none means that each image is tagged with
    the first twelve digits of its commit, or of its source's digest. Both paths are relative to the repository's, or the
    directory's, root; the Dockerfile lies within the context.
    """

    repository: str | None = None
    branch: str = "main"
    dockerfile_path: str = "Dockerfile"
    context_path: str = "."
    tag: str | None = None
    scope: Scope = Scope.PROJECT

    def checked(self) -> "BuildSource":
        """Return itself with paths in their plain form; raises Invalid naming the first field that breaks a rule."""
        if self.repository is not None:
            check_repository(self.repository)
        check_branch(self.branch)
        if self.tag is not None:
            check_tag(self.tag)
        context = check_path(self.context_path, "contextPath")
        dockerfile = check_path(self.dockerfile_path, "dockerfilePath")
        if not PurePosixPath(dockerfile).is_relative_to(context) or dockerfile == context:
            raise _invalid("dockerfilePath", dockerfile, f"must name a file within contextPath ({context!r})")
        return self.model_copy(update={"context_path": context, "dockerfile_path": dockerfile})


class NewBuild(BuildSource):
    """Body of POST /v2/builds/{project}."""

    name: str


class RunBuild(Input):
    """Body of POST /v2/builds/{project}/{name}/build; `tag` is for this one image, else the build project's rule holds.

    `source` is the digest of a directory that was sent, which is built instead of the repository.
    """

    source: str | None = None
    tag: str | None = None
    deadline_seconds: int = Field(default=1800, ge=1, le=24 * 3600)

    def check(self, build: "Build", project: str) -> None:
        """Raise Invalid naming the field unless `build` can be built so."""
        if self.tag is not None:
            check_tag(self.tag)
        if self.source is not None:
            check_digest(self.source)
        elif build.repository is None:
            rule = "is needed: the build project has no repository"
            raise Invalid(
                f"source: {rule}.",
                hint=f"Send the directory: POST /v2/builds/{project}/sources, and name the digest that is answered.",
                problems=[Problem(field="source", message=rule)],
            )


class LastBuild(Body):
    """The newest build of a build project, in short."""

    operation_id: str
    status: str
    created_at: datetime
    finished_at: datetime | None = None


class Build(BuildSource):
    """A build project as the API shows it; `image` is its repository without a tag."""

    id: str
    name: str
    image: str
    created_at: datetime
    created_by: str
    last_build: LastBuild | None = None


class BuildImage(Ask):
    """Input of image.build: all that is needed, so that a build project changed or deleted meanwhile alters nothing.

    With a `source` (its digest) that is built, else the branch of the repository.
    """

    repository: str | None
    branch: str
    source: str | None = None
    dockerfile_path: str
    context_path: str
    image: str
    tag: str | None = None


class Checkout(Frozen):
    """What "Fetch the source" found, and the input of "Build the image"; `commit` is a source's digest in hex digits."""

    ask: BuildImage
    commit: str


class Built(Frozen):
    """The image in the builder, and the input of "Push the image"."""

    ask: BuildImage
    commit: str
    image_id: str


class Pushed(Frozen):
    """The image in the registry, known by its digest only, and the input of "Move the tag"."""

    ask: BuildImage
    commit: str
    digest: str

    @property
    def tag(self) -> str:
        """The tag the image gets: the one asked for, else the commit's first twelve digits."""
        return self.ask.tag or self.commit[:12]


def image_of(project: str, name: str, scope: Scope, owner: str) -> str:
    """The repository a build project's images go to, as the platform writes it.

    >>> image_of("shop", "web", Scope.PROJECT, "ann"), image_of("shop", "web", Scope.PERSONAL, "ann")
    ('shop/web', '~ann/web')
    """
    return f"{project}/{name}" if scope is Scope.PROJECT else f"~{owner}/{name}"


def draft_tag(operation_id: str) -> str:
    """The tag an operation pushes under; nobody else's, and gone when the push step is over."""
    return DRAFT_TAG + operation_id


def check_repository(url: str) -> str:
    """Return `url` if it is a plain http(s) address of a repository, else raise Invalid; its credentials are not echoed."""
    field = "repository"
    if len(url) > _LONGEST_URL or _CONTROL.search(url):
        raise _invalid(field, "", f"must have no space, line break or backslash and at most {_LONGEST_URL} characters")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises for a port that is none)
    except ValueError:
        raise _invalid(field, "", "is not an address") from None
    if "@" in parts.netloc:
        raise _invalid(field, "", "must not hold a user name or password: it would be shown to all who see the build")
    if parts.scheme not in ("http", "https"):
        raise _invalid(field, url, "must start with http:// or https://")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise _invalid(field, url, "must have no query (?) and no fragment (#)")
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    if not _HOST.fullmatch(host) or parts.path in ("", "/"):
        raise _invalid(field, url, "must name a host and a repository, as in https://git.example.com/team/shop.git")
    return url


def check_branch(name: str) -> str:
    """Return `name` if Git allows a branch of that name (git check-ref-format), else raise Invalid."""
    if not name or len(name) > _LONGEST_PATH or _NOT_IN_REF.search(name) or not name.isprintable():
        raise _invalid("branch", name, "is not a name that Git allows for a branch (see git check-ref-format)")
    return name


def check_tag(tag: str, field: str = "tag") -> str:
    """Return `tag` if an image can have it (OCI distribution: tags), else raise Invalid."""
    if not _TAG.fullmatch(tag):
        raise _invalid(field, tag, "must have 1 to 128 letters, digits, '_', '.' or '-', and start with a letter, a digit or '_'")
    if tag.startswith(DRAFT_TAG):
        raise _invalid(field, tag, f"must not start with {DRAFT_TAG!r}, which running builds use")
    return tag


def check_path(path: str, field: str) -> str:
    """Return `path` in its plain form if it stays within the repository, else raise Invalid.

    >>> check_path("./web//Dockerfile", "dockerfilePath")
    'web/Dockerfile'
    """
    plain = PurePosixPath(path or ".")
    if len(path) > _LONGEST_PATH or plain.is_absolute() or ".." in plain.parts or "\\" in path or not path.isprintable():
        raise _invalid(field, path, "must be a path within the repository, relative to its root, without '..'")
    if ".git" in plain.parts:
        raise _invalid(field, path, "must not lie in .git")
    return str(plain)


def _invalid(field: str, value: str, rule: str) -> Invalid:
    shown = f" {value[:80]!r}" if value else ""
    return Invalid(f"{field}:{shown} {rule}.", problems=[Problem(field=field, message=rule)])
