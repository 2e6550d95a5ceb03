"""Readiness: small checks that raise as long as a part does not do its work."""

import ssl
import subprocess
from pathlib import Path

import httpx

from deploy.local import wait


def http_ok(url: str, tls: tuple[Path, Path, Path] | None = None, seconds: float = 2) -> None:
    """Raise unless a GET answers 200; `tls` is (authority, certificate, key) for a client certificate."""
    verify: ssl.SSLContext | bool = True
    if tls:
        verify = ssl.create_default_context(cafile=str(tls[0]))
        verify.load_cert_chain(tls[1], tls[2])
    reply = httpx.get(url, verify=verify, timeout=seconds, trust_env=False)
    wait.require(reply.status_code == 200, f"{url} answers {reply.status_code} {reply.text[:200]}")


def command_ok(*command: str, env: dict[str, str] | None = None, seconds: float = 5) -> None:
    """Raise unless the command ends with status 0 in time."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=seconds)
    wait.require(done.returncode == 0, f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
