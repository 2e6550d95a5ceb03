"""`python -m records migrate`: create the database, bring its schema up to date, make the admin of MOORING_TOKEN.

`python -m records reseal`: seal all configuration, and documents with secrets, with the first key of MOORING_SECRET_KEY; the
others may go after that.
"""

import asyncio
import os
import sys

from records import connect
from records.migrations import create_database, migrate
from records.sealing import Seal


async def _migrate() -> None:
    url = os.environ["DATABASE_URL"]
    await create_database(url)
    for name in await migrate(url):
        sys.stdout.write(f"migrated {name}\n")
    token = os.environ.get("MOORING_TOKEN")
    if token:
        records = await connect(url, size=1)
        await records.people.ensure_admin("admin", token)
        await records.close()


async def _reseal() -> None:
    records = await connect(os.environ["DATABASE_URL"], size=1, seal=Seal.of(os.environ["MOORING_SECRET_KEY"]))
    sys.stdout.write(f"resealed {await records.configs.reseal()} values, {await records.documents.reseal()} documents\n")
    await records.close()


COMMANDS = {"migrate": _migrate, "reseal": _reseal}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: python -m records {' | '.join(COMMANDS)}")
    asyncio.run(COMMANDS[sys.argv[1]]())
