"""Directories of a container, as bodies name them."""

import re
from typing import Annotated

from pydantic import AfterValidator

_KEPT_DIRECTORIES = ("/proc", "/sys", "/dev")
_KEPT_FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
_ELSEWHERE = "a directory of its own, like /etc/app"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _directory(value: str) -> str | None:
    if value == "":
        return None
    if not value.startswith("/") or value == "/" or any(part in ("", ".", "..") for part in value[1:].rstrip("/").split("/")):
        raise ValueError("must be an absolute path of a directory, without '..', like /var/log/app")
    if _CONTROL.search(value):
        raise ValueError("must have no control character or line break")
    if ":" in value or any(f"{value}/".startswith(f"{kept}/") for kept in _KEPT_DIRECTORIES):
        raise ValueError("must not contain ':' nor lie in /proc, /sys or /dev")
    return value.rstrip("/")


def group_rule(path: str) -> str | None:
    """Why no group can be mounted at a directory; None where one can.

    Its files are read-only, and the runtime puts files of its own into each container: hosts, hostname and resolv.conf in /etc,
    devices, and what the kernel shows. Where it cannot, no container of the app starts.
    """
    inside = any(f"{path}/".startswith(f"{kept}/") for kept in (*_KEPT_DIRECTORIES, *_KEPT_FILES))
    if path == "/" or inside or any(file.startswith(f"{path}/") for file in _KEPT_FILES):
        return f"is no place for a group: the runtime has to write into it, so no container would start; mount it at {_ELSEWHERE}"
    return None


Directory = Annotated[str | None, AfterValidator(lambda value: value if value is None else _directory(value))]
