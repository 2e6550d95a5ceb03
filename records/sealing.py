"""What is kept sealed in the database: the content of configuration groups (mission E: encrypted at rest)."""

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from model.errors import PlatformUnavailable

_HINT = (
    "Set MOORING_SECRET_KEY as it was when this was written (several keys with commas, the newest first) and restart the platform."
)


class Seal:
    """Closes with the first key, opens with any (Fernet: AES-128-CBC and HMAC-SHA256, with a fresh nonce each time).

    Without a key it refuses both with PlatformUnavailable, so that nothing is ever kept in the clear.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = keys
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

    @classmethod
    def of(cls, text: str) -> "Seal":
        """The seal of MOORING_SECRET_KEY: Fernet keys (32 bytes, URL-safe base64), comma-separated; raises ValueError."""
        return cls([key.strip() for key in text.split(",") if key.strip()])

    def close(self, content: bytes) -> bytes:
        """What may be stored; never the same twice."""
        return self._opened().encrypt(content)

    def open(self, sealed: bytes) -> bytes:
        """The content; raises PlatformUnavailable when no key fits."""
        try:
            return self._opened().decrypt(sealed)
        except InvalidToken as error:
            raise PlatformUnavailable("A stored value was sealed with another key.", hint=_HINT) from error

    def renew(self, sealed: bytes) -> bytes:
        """The same content sealed with the first key; raises PlatformUnavailable when no key fits."""
        try:
            return self._opened().rotate(sealed)
        except InvalidToken as error:
            raise PlatformUnavailable("A stored value was sealed with another key.", hint=_HINT) from error

    def mark(self, content: bytes) -> str:
        """The same mark for the same content, telling nothing about it to who lacks the key (HMAC-SHA256, hex)."""
        self._opened()
        return hmac.new(self._keys[0].encode(), content, hashlib.sha256).hexdigest()[:32]

    def _opened(self) -> MultiFernet:
        if self._fernet is None:
            raise PlatformUnavailable(
                "The platform has no key to keep configuration with.",
                hint="Set MOORING_SECRET_KEY, as `make up` does, and restart the platform.",
            )
        return self._fernet
