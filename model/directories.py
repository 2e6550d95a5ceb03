"""Directories of a container, as bodies name them."""

from typing import Annotated

from pydantic import AfterValidator

_KEPT_DIRECTORIES = ("/proc", "/sys", "/dev")


def _directory(value: str) -> str | None:
    if value == "":
        return None
    if not value.startswith("/") or value == "/" or any(part in ("", ".", "..") for part in value[1:].rstrip("/").split("/")):
        raise ValueError("must be an absolute path of a directory, without '..', like /var/log/app")
    if ":" in value or "\0" in value or any(f"{value}/".startswith(f"{kept}/") for kept in _KEPT_DIRECTORIES):
        raise ValueError("must not contain ':' nor lie in /proc, /sys or /dev")
    return value.rstrip("/")


Directory = Annotated[str | None, AfterValidator(lambda value: value if value is None else _directory(value))]
