"""The platform's own passwords, tokens and keys: made once, kept for as long as the data they guard."""

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path

from deploy.local import envfile


def _password() -> str:
    return secrets.token_urlsafe(24)


MAKERS: dict[str, Callable[[], str]] = {
    "mooring": _password,
    "temporal": _password,
    "registry": _password,
    "token": _password,
    # A Fernet key is 32 bytes in URL-safe base64 with its padding; etcd's is 32 bytes in the usual one.
    "seal": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "etcd": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
}


def load(path: Path) -> dict[str, str]:
    """Return every credential, making those that are missing; repeatable, existing ones never change."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    for name, make in MAKERS.items():
        if name not in known:
            known[name] = make()
    envfile.write(path, json.dumps(known, indent=1))
    return known
