"""A channel is heard over the loss of its connection, and what may have been missed meanwhile is known to be looked for."""

import asyncio

import asyncpg

from records.connections import listen
from tests.instance import Instance
from tests.platform import unique

ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' || $1 || '%'"


async def test_a_channel_is_heard_again_after_its_connection_was_lost(instance: Instance) -> None:
    channel, begun, heard = unique("c").replace("-", "_"), asyncio.Event(), asyncio.Queue[str]()
    listening = asyncio.create_task(listen(instance.database_url, channel, heard.put_nowait, begun.set))
    connection = await asyncpg.connect(instance.database_url)
    try:
        async with asyncio.timeout(30):
            for word in ("before", "after"):
                await begun.wait()
                begun.clear()
                await connection.execute("SELECT pg_notify($1, $2)", channel, word)
                assert await heard.get() == word
                await connection.execute(ENDED, channel)
    finally:
        listening.cancel()
        await connection.close()
