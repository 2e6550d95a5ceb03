"""Where the API is, who asks, and which project is in use: the environment wins over what `mooring login` and `use` stored."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.failures import Failure, SignedOut


@dataclass(frozen=True)
class Session:
    """The API's url without a trailing slash, and a bearer token, which no output shows."""

    url: str
    token: str


def load(environment: Mapping[str, str] = os.environ) -> Session:
    """The session to use: MOORING_URL and MOORING_TOKEN, each alone winning over the stored one; raises SignedOut."""
    stored = read(environment)
    url = environment.get("MOORING_URL") or stored.get("url")
    token = environment.get("MOORING_TOKEN") or stored.get("token")
    if not url or not token:
        raise SignedOut("You are not signed in. Run `mooring login`, or set MOORING_URL and MOORING_TOKEN.")
    return Session(url.rstrip("/"), token)


def store(session: Session, environment: Mapping[str, str] = os.environ) -> Path:
    """Keep the session for later commands, in a file only its owner reads; returns the file."""
    path = place(environment)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)  # its mode would stay as it was
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump({"url": session.url, "token": session.token}, out)
    draft.replace(path)
    return path


def read(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What is stored, {} where nothing is; raises SignedOut when the file cannot be read as what `store` wrote."""
    path = place(environment)
    try:
        found = json.loads(path.read_text())
        return {"url": str(found["url"]), "token": str(found["token"])}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SignedOut(f"{path} cannot be used ({type(error).__name__}). Remove it and run `mooring login`.") from error


def use(project: str | None, environment: Mapping[str, str] = os.environ) -> None:
    """Have later commands mean this project where they name none, of the platform that the session is of; None forgets it."""
    file = place(environment).with_name("project.json")
    if project is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"url": load(environment).url, "project": project}))


def project_in_use(environment: Mapping[str, str] = os.environ) -> str | None:
    """The project of MOORING_PROJECT, else the one that `use` kept for this platform; None where there is none."""
    if environment.get("MOORING_PROJECT"):
        return environment["MOORING_PROJECT"]
    file = place(environment).with_name("project.json")
    try:
        kept = json.loads(file.read_text())
        return str(kept["project"]) if kept["url"] == load(environment).url else None
    except (FileNotFoundError, SignedOut):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(f"{file} cannot be used ({type(error).__name__}). Remove it, or name the project: --project.") from error


def place(environment: Mapping[str, str] = os.environ) -> Path:
    """The file of the stored session (XDG base directory specification)."""
    base = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "mooring" / "session.json"
