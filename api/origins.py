"""Whose page asks: a browser lets any page open a WebSocket anywhere, and names the page's origin (RFC 6454)."""

from urllib.parse import urlsplit

from model.errors import Forbidden

_PORTS = {"http": 80, "https": 443}


def check_origin(given: str | None, url: str) -> None:
    """Raise Forbidden for a page's origin that is not the platform's `url`; programs send none.

    >>> check_origin(None, "http://127.0.0.1:8000"), check_origin("https://x.example", "https://X.example:443/console")
    (None, None)
    """
    if given is not None and _origin(given) != _origin(url):
        raise Forbidden(
            f"A page of {given[:200]!r} may not open a connection to this platform.",
            hint="Open it from the platform's own address (MOORING_URL).",
        )


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
