"""Forward-only migrations: numbered SQL files, each run once in a transaction under one advisory lock."""

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

_LOCK = 7_060_001  # any number, the same for every process of the platform


def migration_files() -> list[Path]:
    """The migrations in the order of their numbers."""
    return sorted((Path(__file__).parent / "migrations").glob("[0-9]*.sql"))


async def create_database(url: str) -> None:
    """Create the database that `url` names unless it exists; needs CREATEDB on the server."""
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            quoted = name.replace('"', '""')
            await connection.execute(f'CREATE DATABASE "{quoted}"')
    except asyncpg.DuplicateDatabaseError:
        pass
    finally:
        await connection.close()


async def migrate(url: str) -> list[str]:
    """Bring the schema up to date; returns the names of the files that were run. Idempotent, safe to run at once twice."""
    connection = await asyncpg.connect(url)
    done = []
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
        )
        known = {row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations")}
        for file in migration_files():
            if file.name in known:
                continue
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '10s'")
                await connection.execute(file.read_text())
                await connection.execute("INSERT INTO schema_migrations (name) VALUES ($1)", file.name)
            done.append(file.name)
    finally:
        await connection.close()
    return done
