"""The pool of connections when PostgreSQL dies under it."""

import os
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from model.errors import PlatformUnavailable
from records import connect
from tests.tunnel import tunnel

# PostgreSQL: Message Formats, ErrorResponse. What a session of a killed server says as its last.
_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0"
_LAST_WORDS = b"E" + (4 + len(_FIELDS)).to_bytes(4) + _FIELDS


async def test_a_session_that_said_its_last_word_is_unavailable_and_replaced() -> None:
    parts = urlsplit(os.environ["DATABASE_URL"])
    assert parts.hostname
    async with tunnel(parts.hostname, parts.port or 5432) as way:
        user, _, _ = parts.netloc.rpartition("@")
        records = await connect(urlunsplit(parts._replace(netloc=f"{user}@{way.address}" if user else way.address)), size=1)
        way.add(_LAST_WORDS)
        with pytest.raises(PlatformUnavailable) as told:
            await records.ping()
        assert isinstance(told.value.__cause__, asyncpg.InternalClientError)
        await records.ping()
        await records.close()
