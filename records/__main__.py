"""`python -m records migrate`: create the database, bring its schema up to date, make the admin of MOORING_TOKEN."""

import asyncio
import os
import sys

from records import connect
from records.migrations import create_database, migrate


async def _main() -> None:
    url = os.environ["DATABASE_URL"]
    await create_database(url)
    for name in await migrate(url):
        sys.stdout.write(f"migrated {name}\n")
    token = os.environ.get("MOORING_TOKEN")
    if token:
        records = await connect(url, size=1)
        await records.people.ensure_admin("admin", token)
        await records.close()


if __name__ == "__main__":
    if sys.argv[1:] != ["migrate"]:
        sys.exit("usage: python -m records migrate")
    asyncio.run(_main())
