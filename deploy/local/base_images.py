"""The images that everything else is built from: none can be assumed to be pulled, so they are made here.

busybox comes from Debian's busybox-static, with a link for each of its programs; the sandbox image is our own.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx

from deploy.local import command, tools
from deploy.local.layout import Layout, program
from deploy.local.parts.runtime import PAUSE_IMAGE, Runtime

BUSYBOX = "public/busybox"
BUSYBOX_TAGS = ("latest", "1.35")

BUSYBOX_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "Dockerfile": 'FROM scratch\nCOPY . /\nENV PATH=/usr/sbin:/usr/bin:/sbin:/bin\nCMD ["sh"]\n',
    ".dockerignore": "Dockerfile\n.dockerignore\n",
}
PAUSE_FILES = {"Dockerfile": 'FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n'}


def publish_busybox(layout: Layout, docker_host: str, registry: str, say: Callable[[str], None]) -> None:
    """Build busybox and push it under its tags, unless the registry has it; repeatable."""
    if all(has(registry, BUSYBOX, tag) for tag in BUSYBOX_TAGS):
        return
    say(BUSYBOX)
    with tempfile.TemporaryDirectory() as context:
        _lay_out_busybox(Path(context))
        names = [f"{registry}/{BUSYBOX}:{tag}" for tag in BUSYBOX_TAGS]
        tags = [word for name in names for word in ("-t", name)]
        docker(layout, docker_host, "build", "-q", *tags, context)
    for name in names:
        docker(layout, docker_host, "push", "-q", name)


def import_pause(layout: Layout, docker_host: str, runtime: Runtime, say: Callable[[str], None]) -> None:
    """Build the sandbox image and hand it to containerd directly, unless it has it; repeatable."""
    if PAUSE_IMAGE in command.run(runtime.ctr("images", "list", "-q"), layout.logs / "setup.log").split():
        return
    say(PAUSE_IMAGE)
    with tempfile.TemporaryDirectory() as context:
        _write(Path(context), PAUSE_FILES)
        shutil.copy(tools.PAUSE.path(layout, "pause"), Path(context) / "pause")
        docker(layout, docker_host, "build", "-q", "-t", PAUSE_IMAGE, context)
        archive = Path(context) / "pause.tar"
        docker(layout, docker_host, "save", "-o", str(archive), PAUSE_IMAGE)
        command.run(runtime.ctr("images", "import", str(archive)), layout.logs / "setup.log")


def _lay_out_busybox(root: Path) -> None:
    busybox = shutil.which("busybox", path="/bin:/usr/bin") or "busybox"
    for directory in ("bin", "etc", "home", "root", "sbin", "tmp", "usr/bin", "usr/sbin", "var/www"):
        (root / directory).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(busybox, root / "bin/busybox")
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout
    for name in set(listed.split()) - {"busybox"}:
        (root / "bin" / name).symlink_to("busybox")
    _write(root, BUSYBOX_FILES)


def _write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).write_text(content)


def has(registry: str, repository: str, tag: str) -> bool:
    """Whether the registry has the image."""
    accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    url = f"http://{registry}/v2/{repository}/manifests/{tag}"
    return httpx.head(url, headers={"Accept": accept}, timeout=5, trust_env=False).status_code == 200


def docker(layout: Layout, docker_host: str, *arguments: str) -> None:
    """Run the docker program on the builder; errors: SetupError."""
    # A configuration of its own: the user's Docker settings (credential helpers, contexts) have no say here.
    environment = {**os.environ, "DOCKER_HOST": docker_host, "DOCKER_CONFIG": str(layout.config / "docker")}
    command.run([program("docker"), *arguments], layout.logs / "setup.log", environment)
