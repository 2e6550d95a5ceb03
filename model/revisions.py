"""What a revision takes over from the one before it: images that nobody named, amounts that are only written otherwise."""

from collections.abc import Collection, Mapping
from typing import Any

from model import quantities
from model.apps import AppSpec, ContainerSpec, Revision, SharedVolume, differences

_AMOUNTS = ("cpu", "cpu_request", "mem", "mem_request", "disk", "disk_request")
_SHOWN = 19  # "sha256:" and 12 digits


def pins(before: AppSpec, digests: Mapping[str, str], after: AppSpec, named: Collection[str] = ()) -> dict[str, str]:
    """By container which of `digests`, those of `before`, are kept: of images that are as they were and not `named` again.

    What a tag stands for by now is looked up only where its image is named, or is another one.
    """
    was = {c.name: c.image for c in before.containers}
    return {
        c.name: digests[c.name]
        for c in after.containers
        if c.name not in named and c.image == was.get(c.name) and c.name in digests
    }


def as_written(before: AppSpec, after: AppSpec) -> AppSpec:
    """`after`, with the amounts that are the same in `before` written as they are there: then nothing of them differs.

    >>> from model.apps import Resources
    >>> made = [ContainerSpec(name="a", image="b", resources=Resources(cpu=cpu)) for cpu in ("100m", "0.1")]
    >>> one, other = (AppSpec(containers=(container,)) for container in made)
    >>> one == other, one == as_written(one, other)
    (False, True)
    """
    known = {c.name: c for c in before.containers}
    containers = tuple(_container(known[c.name], c) if c.name in known else c for c in after.containers)
    sizes = {v.name: v.size_limit for v in before.volumes}
    volumes = tuple(_volume(sizes.get(v.name), v) for v in after.volumes)
    return after.model_copy(update={"containers": containers, "volumes": volumes})


def changes(before: Revision, after: Revision) -> list[dict[str, Any]]:
    """What differs, as [{field, before, after}]: the spec's fields, and `containers.<name>.digest` of images found to be others."""
    spec = differences(before.spec, as_written(before.spec, after.spec))
    return [*spec, *({"field": f"containers.{name}.digest", **moved} for name, moved in _moved(before, after).items())]


def image_words(before: Revision | None, after: Revision) -> str:
    """Which images a revision has, and which of them moved: "web: shop/web:1 sha256:aaa… → sha256:bbb…"."""
    moved = _moved(before, after) if before else {}
    return "; ".join(_told(c, after, moved.get(c.name)) for c in after.spec.containers)


def image_plan(before: Revision, after: Revision) -> list[dict[str, Any]]:
    """Of each container the image it goes to and from: {container, image, digest, before}.

    `digest` is None where it is still to be looked up, `before` the {image, digest} that it has now, None for a new container.
    """
    was = {c.name: {"image": c.image, "digest": before.digests.get(c.name)} for c in before.spec.containers}
    found = {**after.pinned, **after.digests}
    return [
        {"container": c.name, "image": c.image, "digest": found.get(c.name), "before": was.get(c.name)}
        for c in after.spec.containers
    ]


def short(digest: str | None) -> str:
    """A digest as it is told: its first 12 digits.

    >>> short("sha256:" + "a" * 64), short(None)
    ('sha256:aaaaaaaaaaaa…', 'not known')
    """
    return f"{digest[:_SHOWN]}…" if digest else "not known"


def _moved(before: Revision, after: Revision) -> dict[str, dict[str, str]]:
    """By container the digests before and after, where both were found and are others."""
    return {
        name: {"before": before.digests[name], "after": digest}
        for name, digest in after.digests.items()
        if before.digests.get(name, digest) != digest
    }


def _told(container: ContainerSpec, after: Revision, moved: Mapping[str, str] | None) -> str:
    digest = after.digests.get(container.name)
    if moved:
        return f"{container.name}: {container.image} {short(moved['before'])} → {short(digest)}"
    kept = " as before" if container.name in after.pinned else ""
    return f"{container.name}: {container.image} is {short(digest)}{kept}"


def _container(before: ContainerSpec, after: ContainerSpec) -> ContainerSpec:
    was, becomes = before.resources, after.resources
    same = {name: getattr(was, name) for name in _AMOUNTS if quantities.same(getattr(was, name), getattr(becomes, name))}
    return after.model_copy(update={"resources": becomes.model_copy(update=same)})


def _volume(before: str | None, after: SharedVolume) -> SharedVolume:
    return after.model_copy(update={"size_limit": before}) if quantities.same(before, after.size_limit) else after
