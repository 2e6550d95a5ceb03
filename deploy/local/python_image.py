"""The base image `public/python:3.11`, made of Debian's packages, for there is nowhere to pull one from.

The root file system is made once per machine by mmdebstrap and kept in the cache; a registry that has the image is left alone.
"""

import re
from collections.abc import Callable
from pathlib import Path

from deploy.local import command
from deploy.local.base_images import docker, has
from deploy.local.layout import Layout, program

REPOSITORY, TAG = "public/python", "3.11"
# The Debian release whose python3 is 3.11.
SUITE = "bookworm"
LEFT_OUT = ("doc", "info", "locale", "man")
CHANGES = ("ENV PATH=/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1", 'CMD ["python3"]')


def publish(layout: Layout, docker_host: str, registry: str, say: Callable[[str], None]) -> None:
    """Make the image and push it unless the registry has it; repeatable. Half a minute the first time on a machine."""
    if has(registry, REPOSITORY, TAG):
        return
    image = f"{registry}/{REPOSITORY}:{TAG}"
    archive = _file_system(layout, say)
    say(f"pushing {REPOSITORY}:{TAG}")
    changes = [word for change in CHANGES for word in ("--change", change)]
    docker(layout, docker_host, "import", *changes, str(archive), image)
    docker(layout, docker_host, "push", "-q", image)


def _file_system(layout: Layout, say: Callable[[str], None]) -> Path:
    """The root file system as a tar; one that was interrupted is begun anew."""
    archive = layout.cache / "images" / f"python-{TAG}-{SUITE}.tar"
    if archive.exists():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    draft = archive.with_suffix(".new")

    def tell(line: str) -> None:
        if found := re.fullmatch(r"I: (.{1,60}?)\.\.\.", line):
            say(found.group(1))

    options = ["--variant=essential", "--include=python3", "--format=tar", '--aptopt=Acquire::Languages "none"']
    options += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    command.run([program("mmdebstrap"), *options, SUITE, str(draft)], layout.logs / "packages.log", on_line=tell)
    draft.replace(archive)
    return archive
