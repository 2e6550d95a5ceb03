"""Identifiers: sortable by time, unguessable."""

import hashlib
import secrets
import time
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """Return `prefix-` and 26 characters: 48 bits of milliseconds, then 82 random bits; ids sort by time (ULID's layout)."""
    return _written(prefix, (int(time.time() * 1000) << 82) | secrets.randbits(82))


def first_id(prefix: str, at: datetime) -> str:
    """The id before which no `new_id` of that moment or later sorts.

    >>> first_id("op", datetime.fromisoformat("2030-01-31T12:00:00Z"))
    'op-06wqfnxa000000000000000000'
    """
    return _written(prefix, max(0, int(at.timestamp() * 1000)) << 82)


def _written(prefix: str, number: int) -> str:
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
