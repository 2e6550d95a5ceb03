"""Readiness: small checks that raise as long as a part does not do its work."""

import ssl
import subprocess
from functools import lru_cache
from pathlib import Path

import httpx

from deploy.local.wait import require

Client = tuple[Path, Path, Path]


def get(url: str, client: Client | None = None, seconds: float = 2) -> str:
    """Return the body of a GET that answers 200; `client` is (authority, certificate, key).

    Errors: whatever httpx raises, NotYetError on another status.
    """
    reply = httpx.get(url, verify=_tls(*client) if client else True, timeout=seconds, trust_env=False)
    require(reply.status_code == 200, f"{url} answers {reply.status_code} {reply.text[:200]}")
    return reply.text


def http_ok(url: str, client: Client | None = None) -> None:
    """Raise unless a GET answers 200."""
    get(url, client)


def https_up(host: str, port: int) -> None:
    """Raise unless /healthz answers 200 at a server that has only a self-made certificate."""
    reply = httpx.get(f"https://{host}:{port}/healthz", verify=_unchecked(), timeout=2, trust_env=False)
    require(reply.status_code == 200, f"port {port} answers {reply.status_code} {reply.text[:200]}")


def command_ok(*command: str, env: dict[str, str] | None = None, seconds: float = 5) -> None:
    """Raise unless the command ends with status 0 in time."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=seconds)
    require(done.returncode == 0, f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")


@lru_cache
def _tls(authority: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(certificate, key)
    return context


@lru_cache
def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
