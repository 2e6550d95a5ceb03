"""The env file: what a shell, the tests and Mooring's own processes need to reach the platform."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

HEADER = "# Written by `make up`; source it to reach the platform. It holds secrets.\n"


def render(settings: Mapping[str, str]) -> str:
    """Return the file's text: one export a line, quoted for a POSIX shell."""
    return HEADER + "".join(f"export {name}={_quoted(value)}\n" for name, value in settings.items())


def write(path: Path, text: str) -> None:
    """Replace the file at once, readable by its owner only; leaves it alone where nothing changed."""
    if path.exists() and path.read_text() == text:
        return
    draft = path.with_suffix(".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    draft.replace(path)


def _quoted(value: str) -> str:
    return shlex.quote(value) if "'" in value else f"'{value}'"
