"""The platform's own passwords and tokens: made once, kept for as long as the data they guard."""

import json
import secrets
from pathlib import Path

from deploy.local import envfile

NAMES = ("mooring", "temporal", "registry", "token")


def load(path: Path) -> dict[str, str]:
    """Return every credential, making those that are missing; repeatable, existing ones never change."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    for name in NAMES:
        known.setdefault(name, secrets.token_urlsafe(24))
    envfile.write(path, json.dumps(known, indent=1))
    return known
