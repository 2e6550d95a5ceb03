"""The base image `public/python:3.11`, made of Debian's packages, for there is nowhere to pull one from.

It has what people expect of an image of that name: `python`, `python3` and `pip`. The root file system is made once per machine by
mmdebstrap and kept in the cache; a registry that has the image under all its tags is left alone.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from deploy.local import command
from deploy.local.base_images import docker, has
from deploy.local.layout import Layout, program

REPOSITORY, TAGS = "public/python", ("3.11", "3", "latest")
# The Debian release whose python3 is 3.11.
SUITE = "bookworm"
# Debian calls it python3 only; python-is-python3 is the link.
PACKAGES = ("python3", "python-is-python3", "python3-pip")
LEFT_OUT = ("doc", "info", "locale", "man")
CHANGES = (
    "ENV PATH=/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1",
    # Debian's pip refuses to install beside Debian's packages (PEP 668); in an image there is nothing to protect from it.
    "ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1",
    'CMD ["python3"]',
)


def publish(layout: Layout, docker_host: str, registry: str, say: Callable[[str], None]) -> None:
    """Make the image and push it under its tags unless the registry has them; repeatable. The first time it takes half a minute."""
    if all(has(registry, REPOSITORY, tag) for tag in TAGS):
        return
    archive = _file_system(layout, say)
    first, *others = [f"{registry}/{REPOSITORY}:{tag}" for tag in TAGS]
    say(f"pushing {REPOSITORY}:{TAGS[0]}")
    changes = [word for change in CHANGES for word in ("--change", change)]
    docker(layout, docker_host, "import", *changes, str(archive), first)
    for name in others:
        docker(layout, docker_host, "tag", first, name)
    for name in (first, *others):
        docker(layout, docker_host, "push", "-q", name)


def _file_system(layout: Layout, say: Callable[[str], None]) -> Path:
    """The root file system as a tar; one that was interrupted is begun anew."""
    contents = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:8]  # other packages are another file system
    archive = layout.cache / "images" / f"python-{TAGS[0]}-{SUITE}-{contents}.tar"
    if archive.exists():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    draft = archive.with_suffix(".new")

    def tell(line: str) -> None:
        if found := re.fullmatch(r"I: (.{1,60}?)\.\.\.", line):
            say(found.group(1))

    options = ["--variant=essential", f"--include={','.join(PACKAGES)}", "--format=tar", '--aptopt=Acquire::Languages "none"']
    options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    command.run([program("mmdebstrap"), *options, SUITE, str(draft)], layout.logs / "packages.log", on_line=tell)
    draft.replace(archive)
    return archive
