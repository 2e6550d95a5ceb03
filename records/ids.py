"""Identifiers: sortable by time, unguessable."""

import hashlib
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """Return `prefix-` and 26 characters: 48 bits of milliseconds, then 82 random bits; ids sort by time (ULID's layout)."""
    number = (int(time.time() * 1000) << 82) | secrets.randbits(82)
    return f"{prefix}-" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))


def new_app_id() -> str:
    """Return 64 hex digits that name one life of an app (manual, app接口: AppID)."""
    return secrets.token_hex(32)


def new_token() -> str:
    """Return a fresh bearer token of 256 random bits."""
    return "mrg_" + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return what is stored of a token: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(token.encode()).digest()
